// Shell completion and the man page, both made from the program's own list of commands.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "commands.h"
#include "train/catalog.h"

namespace nnx {
namespace {

// The shells ask `nnx-train __complete WORDS...`, the last of which is being typed. Nothing printed: file names.
constexpr const char* bash_script = R"(# nnx-train completion for bash: source <(nnx-train completion bash)
_nnx_train() {
  local IFS=$'\n'
  local word="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null))
  if ((${#COMPREPLY[@]} == 0)); then
    COMPREPLY=($(compgen -f -- "$word"))
    compopt -o filenames 2>/dev/null
  elif [[ "${COMPREPLY[0]}" == *= || "${COMPREPLY[0]}" == *. ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}
complete -F _nnx_train nnx-train
)";
constexpr const char* zsh_script = R"(#compdef nnx-train
# nnx-train completion for zsh: source <(nnx-train completion zsh)
_nnx_train() {
  local -a found
  found=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z "$found" ]]; then _files; else compadd -S '' -- $found; fi
}
if [[ "$funcstack[1]" == _nnx_train ]]; then _nnx_train "$@"; else compdef _nnx_train nnx-train; fi
)";
constexpr const char* fish_script = R"(# nnx-train completion for fish: nnx-train completion fish | source
function __nnx_train_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -eq 0
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $found
  end
end
complete -c nnx-train -f -a '(__nnx_train_complete)'
)";

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_name().starts_with("__"); });
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

bool takes_config(const CLI::App& command) { return command.get_option_no_throw("--overlay") != nullptr; }

// What the last of `words` may become.
std::vector<std::string> completions(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> all;
  const std::string typed = words.empty() ? "" : words.back();
  const std::vector<const CLI::App*> commands = commands_of(app);
  const CLI::App* command = nullptr;
  for (const CLI::App* c : commands)
    if (words.size() > 1 && c->get_name() == words[0]) command = c;
  const bool bare = !command && words.size() > 1;  // the arguments of train
  if (!command) command = app.get_subcommand("train");
  if (words.size() <= 1 && !typed.starts_with('-'))
    for (const CLI::App* c : commands) all.push_back(c->get_name());
  if (typed.starts_with('-')) all = options_of(words.size() <= 1 && !bare ? app : *command);
  const std::string before = words.size() > 1 ? words[words.size() - 2] : "";
  const bool file = before == "--config" || before == "-c" || before == "--overlay" || before == "--resume";
  if (!typed.starts_with('-') && !file && words.size() > 1) {
    const std::string& name = command->get_name();
    if (name == "explain") all = explained_names();
    else if (name == "completion") all = {"bash", "zsh", "fish"};
    else if (takes_config(*command) && !typed.empty() && typed.find('/') == std::string::npos)
      for (const std::string& key : explained_names())
        if (key.find('.') != std::string::npos || key == "seed" || key == "output_dir") all.push_back(key + "=");
  }
  std::erase_if(all, [&](const std::string& word) { return !word.starts_with(typed); });
  return all;
}

// A text for roff: no line begins with a dot, no backslash means anything.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  for (size_t at = 0; (at = out.find("\n.", at)) != std::string::npos;) out.insert(at + 1, "\\&");
  return out;
}

std::string option_text(const CLI::Option& option) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(option.get_name(option.get_positional(), true)),
                     roff(option.get_description()));
}

std::string man_page(const CLI::App& app, const std::string& version) {
  std::string page = fmt::format(".TH NNX\\-TRAIN 1 \"\" \"{}\" \"User Commands\"\n.SH NAME\nnnx\\-train \\- {}\n", version,
                                 roff(app.get_description()));
  page += ".SH SYNOPSIS\n.B nnx\\-train\n[COMMAND] [OPTIONS] [key.path=value ...]\n";
  page += ".SH DESCRIPTION\nWithout a command the arguments are those of\n.BR train .\nResults go to standard output, "
          "messages to standard error. Nothing is ever asked.\n.SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) {
    page += fmt::format(".SS {}\n{}\n", roff(command->get_name()), roff(command->get_description()));
    for (const CLI::Option* option : command->get_options())
      if (option->get_name() != "--help") page += option_text(*option);
  }
  page += ".SH EXIT STATUS\n";
  for (const ExitCode& code : exit_codes()) page += fmt::format(".TP\n.B {}\n{}\n", code.code, roff(code.meaning));
  page += ".SH CONFIG KEYS\n";
  for (const FieldDoc& key : config_keys()) {
    if (!key.help.empty()) page += fmt::format(".TP\n.B {}\n{}\n", roff(key.name), roff(key.help));
    for (const FieldDoc& inner : key.fields)
      page += fmt::format(".TP\n.B {}\n{}\n", roff(key.name + "." + inner.name), roff(inner.help));
  }
  return page;
}

void print(bool as_json, const std::string& text, const nlohmann::ordered_json& json) {
  std::fputs((as_json ? json.dump(2) + "\n" : text).c_str(), stdout);
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->add_flag("--json", *json, "Print JSON: the shell and the script");
  command->footer("Example:\n  nnx-train completion bash\n");
  command->callback([shell, json, &action] {
    action = [shell, json] {
      const char* script = *shell == "bash" ? bash_script : *shell == "zsh" ? zsh_script : fish_script;
      print(*json, script, {{"shell", *shell}, {"script", script}});
      return 0;
    };
  });

  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* complete = app.add_subcommand("__complete", "What the last word may become")->group("");
  complete->add_option("words", *words, "The words of the command line");
  complete->callback([words, &app, &action] {
    action = [words, &app] {
      for (const std::string& word : completions(app, *words)) std::printf("%s\n", word.c_str());
      return 0;
    };
  });
}

void add_man(CLI::App& app, Action& action, const std::string& version) {
  CLI::App* command = app.add_subcommand("man", "Print the manual page: nnx-train man | man -l -");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON: the page");
  command->callback([&app, version, json, &action] {
    action = [&app, version, json] {
      const std::string page = man_page(app, version);
      print(*json, page, {{"page", page}});
      return 0;
    };
  });
}

}  // namespace nnx
