#include "train/inspect.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "config/parse.h"
#include "nnx/display.h"
#include "nnx/html.h"
#include "nnx/summary.h"
#include "surgery/selector.h"
#include "train/base_model.h"
#include "train/run_directory.h"

namespace nnx {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* optimizer_partition = "opt_state";

// One row of zeros, of the types of the run's features and targets.
std::pair<Array, Array> row_of(const Checkpoint& checkpoint, const std::string& where) {
  const DataSchema schema = parse_environment(checkpoint.environment, where).schema;
  std::vector<int64_t> shape{1};
  shape.insert(shape.end(), schema.feature_shape.begin(), schema.feature_shape.end());
  const Array y = schema.has_labels() ? zeros({1}, DType::i32) : zeros({1, schema.target_width()});
  return {zeros(Shape(std::span<const int64_t>(shape))), y};
}

// What goes in and out of the layers, by a call of the model that the run's config describes; a note where that fails.
void add_calls(Inspection& in, const fs::path& run) {
  if (!fs::exists(run / "config.yaml")) return;
  try {
    const Setup setup = prepare_model(source_of_run(run));
    eval(setup.model);
    const auto [x, y] = row_of(in.checkpoint, in.directory.string());
    const Tabulation called = tabulate_of(*setup.model, setup.feed.arguments(x, y), setup.feed.keywords(x, y));
    for (TableRow& row : in.layers.rows) {
      const auto same = std::ranges::find_if(
          called.rows, [&](const TableRow& r) { return r.path == row.path && r.type == row.type; });
      if (same != called.rows.end()) row.call = same->call;
    }
  } catch (const Error& error) { in.notes.push_back(fmt::format("no shapes and FLOPs of layers: {}", error.what())); }
}

std::vector<std::string> leaf_row(const Path& path, const StateLeaf& leaf) {
  const Type& type = leaf.value.type();
  return {"  " + to_string(path), std::string(leaf.kind->name), type.to_string(), describe_values(leaf.value),
          byte_text(type.bytes())};
}

std::string partition_text(const std::string& name, const State& state) {
  std::vector<std::vector<std::string>> rows{{"  path", "kind", "type", "values", "bytes"}};
  for (const auto& [path, leaf] : state) rows.push_back(leaf_row(path, leaf));
  return fmt::format("{}: {} leaves, {} elements, {}\n{}\n", name, state.size(), grouped(state.elements()),
                     byte_text(state.bytes()), align_columns(rows, 4));
}

std::string layers_heading(const Inspection& in) {
  return in.layers.has_calls() ? "Layers, called with a batch of one" : "Layers";
}

json to_json(const Amounts& amounts) {
  json out = json::object();
  for (const auto& [kind, amount] : amounts) out[kind] = {{"elements", amount.elements}, {"bytes", amount.bytes}};
  return out;
}

json to_json(const Path& path, const StateLeaf& leaf) {
  const Type& type = leaf.value.type();
  const ArraySummary s = summarize(leaf.value);
  json out = {{"path", to_string(path)},
              {"kind", leaf.kind->name},
              {"dtype", name_of(type.dtype)},
              {"shape", std::vector<int64_t>(type.shape.begin(), type.shape.end())},
              {"elements", s.elements},
              {"bytes", type.bytes()},
              {"mean", s.mean},
              {"std", s.std},
              {"min", s.min},
              {"max", s.max},
              {"non_finite", s.non_finite}};
  if (!leaf.tag.empty()) out["tag"] = leaf.tag;
  return out;
}

json to_json(const State& state) {
  json leaves = json::array();
  for (const auto& [path, leaf] : state) leaves.push_back(to_json(path, leaf));
  return {{"elements", state.elements()}, {"bytes", state.bytes()}, {"leaves", std::move(leaves)}};
}

json to_json(const TableRow& row) {
  json variables = json::array();
  for (const TableRow::Held& held : row.variables) {
    json variable = {{"name", held.name}};
    if (held.shared_with.empty()) variable["type"] = held.type;
    else variable["shared_with"] = held.shared_with;
    variables.push_back(std::move(variable));
  }
  json out = {
      {"path", row.path}, {"type", row.type}, {"variables", std::move(variables)}, {"amounts", to_json(row.amounts)}};
  if (row.call) {
    const auto texts = [](const std::vector<Type>& types) {
      std::vector<std::string> list;
      for (const Type& type : types) list.push_back(type.to_string());
      return list;
    };
    out["inputs"] = texts(row.call->inputs);
    out["outputs"] = texts(row.call->outputs);
    out["calls"] = row.call->calls;
    out["flops"] = row.call->flops;
  }
  return out;
}

json plan_json(const PlanReport& report) {
  json steps = json::array();
  for (const StepReport& s : report.steps) {
    json bodies = json::array();
    for (const BodyReport& body : s.bodies)
      bodies.push_back({{"name", body.name}, {"iterations", body.iterations}, {"plan", plan_json(*body.plan)}});
    steps.push_back({{"kernel", s.kernel},
                     {"ops", s.ops},
                     {"result", s.result},
                     {"flops", s.flops},
                     {"bytes", s.bytes},
                     {"threads", s.threads},
                     {"fallback", s.fallback},
                     {"in_place", s.aliased},
                     {"bodies", std::move(bodies)}});
  }
  return {{"steps", std::move(steps)},
          {"threads", report.threads},
          {"flops", report.flops},
          {"bytes", report.bytes},
          {"arena_bytes", report.arena_bytes},
          {"live_bytes", report.live_bytes},
          {"constant_bytes", report.constant_bytes},
          {"input_bytes", report.input_bytes},
          {"output_bytes", report.output_bytes},
          {"copied_aliases", report.copied_aliases}};
}

// Types derive from others only where the program knows them, which a model of this run sees to.
void know_types(const fs::path& run) {
  try {
    graphdef(prepare_model(source_of_run(run)).model);
  } catch (const Error&) {}   // then a type is its name alone
}

// Which Module holds each leaf: a file does not say, the GraphDef does.
class Holders {
 public:
  explicit Holders(const GraphDef& def) : def_(def), seen_(def.nodes.size(), false) {
    if (!def.nodes.empty()) visit(0, {}, nullptr);
  }
  std::map<Path, const ModuleType*> at;

 private:
  void visit(int node, const Path& path, const ModuleType* holder) {
    const NodeDef& def = def_.nodes[static_cast<size_t>(node)];
    if (seen_[static_cast<size_t>(node)]) return;
    seen_[static_cast<size_t>(node)] = true;
    if (def.form == NodeDef::Form::variable) at[path] = holder;
    for (const AttributeDef& a : def.attributes) {
      if (a.form != AttributeDef::Form::node) continue;
      Path child = path;
      child.push_back(a.key);
      visit(a.node, child, def.type ? def.type : holder);
    }
  }

  const GraphDef& def_;
  std::vector<bool> seen_;
};

// Leaves in `in` what `select` matches: leaves of the model, and the layers that they lie in.
void keep_selected(Inspection& in, const std::string& select) {
  Diagnostics diagnostics;
  const Origin origin{.source = std::make_shared<const std::string>("--select"), .argument = true};
  const Filter filter = read_selector(parse_value(select, origin, {}), diagnostics).filter;
  const Holders holders(in.checkpoint.graphdef);
  for (auto& [path, leaf] : in.model)
    if (const auto held = holders.at.find(path); held != holders.at.end()) leaf.holder = held->second;
  const std::vector<std::string> all = in.model.paths();
  in.model = in.model.filter(filter);
  if (in.model.empty())
    fail(ErrorKind::usage, {.where = "--select", .message = fmt::format("{} matches nothing", in_quotes(select)),
                            .hint = fmt::format("the run has {}", fmt::join(all, ", "))});
  for (auto& [name, state] : in.checkpoint.partitions) {
    State kept;
    for (const auto& [path, leaf] : state)
      if (name != optimizer_partition && in.model.contains(path)) kept.insert(path, leaf);
    state = std::move(kept);
  }
  std::erase_if(in.checkpoint.partitions, [](const auto& part) { return part.second.empty(); });
  std::erase_if(in.layers.rows, [&](const TableRow& row) {
    return row.path != "." && in.model.below(row.path).empty();
  });
}

}  // namespace

Inspection inspect(const fs::path& run, const std::string& step, const std::string& select) {
  if (!fs::exists(run)) fail(ErrorKind::missing, {.where = run.string(), .message = "there is no such run directory"});
  Inspection out;
  out.run = run;
  const bool one = fs::exists(run / "MANIFEST.json");
  const fs::path whole = one ? run / ".." / ".." : run;
  if (!select.empty()) know_types(whole);
  if (one) {
    if (!step.empty())
      fail(ErrorKind::usage,
           {.where = "--step", .message = fmt::format("{} is one checkpoint already", in_quotes(run.string()))});
    out.directory = run;
    out.checkpoint = read_checkpoint(run);
  } else {
    CheckpointStore store(run, "", {.read_only = true});
    out.checkpoint = read_step(store, run, step, out.notes);
    out.directory = store.directory_of(out.checkpoint.step);
  }
  std::vector<State> parts;
  for (const auto& [name, state] : out.checkpoint.partitions)
    if (name != optimizer_partition) parts.push_back(state);
  out.model = State::merge(parts);
  out.layers = tabulate(out.checkpoint.graphdef, out.model);
  add_calls(out, whole);
  if (!select.empty()) keep_selected(out, select);
  return out;
}

std::string to_text(const Inspection& in, bool color) {
  std::string text = fmt::format("{}: step {}\n\nGraphDef\n", in.directory.string(), grouped(in.checkpoint.step));
  text += display(in.checkpoint.graphdef, in.model, {.color = color, .values = false}) + "\nState\n";
  for (const auto& [name, state] : in.checkpoint.partitions) text += partition_text(name, state);
  return text + layers_heading(in) + "\n" + in.layers.to_string();
}

std::string to_json(const Inspection& in) {
  json partitions = json::object(), layers = json::array();
  for (const auto& [name, state] : in.checkpoint.partitions) partitions[name] = to_json(state);
  for (const TableRow& row : in.layers.rows) layers.push_back(to_json(row));
  const auto parsed = [](const std::string& text) { return text.empty() ? json() : json::parse(text); };
  return json{{"run", in.run.string()},
              {"checkpoint", in.directory.string()},
              {"step", in.checkpoint.step},
              {"graphdef", parsed(in.checkpoint.graphdef.to_json())},
              {"partitions", std::move(partitions)},
              {"layers", std::move(layers)},
              {"totals", to_json(in.layers.totals)},
              {"progress", parsed(in.checkpoint.progress)},
              {"environment", parsed(in.checkpoint.environment)},
              {"notes", in.notes}}
      .dump(1);
}

std::string to_html(const Inspection& in) {
  HtmlPage page(fmt::format("{}, step {}", in.run.string(), grouped(in.checkpoint.step)));
  page.add("Model", tree_of(in.checkpoint.graphdef, in.model));
  page.add(layers_heading(in), in.layers);
  if (const auto optimizer = in.checkpoint.partitions.find(optimizer_partition);
      optimizer != in.checkpoint.partitions.end())
    page.add("Optimizer", tree_of(optimizer->second));
  return page.to_string();
}

std::string to_json(const PlanReport& report) { return plan_json(report).dump(1); }

TrainSource source_of_run(const fs::path& run, std::vector<std::string> arguments) {
  stored_config(run);  // says whether this is a run at all
  return {.files = {(run / "config.yaml").string()},
          .arguments = std::move(arguments),
          .data_folder = stored_working_directory(run)};
}

}  // namespace nnx
