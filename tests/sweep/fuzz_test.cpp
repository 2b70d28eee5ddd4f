// Damaged configs, overlays, sweep files and arguments: whatever is in them, they are read or refused with an Error that says
// where, never a crash and never an internal one. The damage is the same at every run; NNX_FUZZ=20000 does more of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "support/paths.h"
#include "sweep/trial.h"
#include "train/catalog.h"
#include "train/help.h"

using namespace nnx;
namespace fs = std::filesystem;

namespace {

int64_t rounds() {
  const char* more = std::getenv("NNX_FUZZ");
  return more ? std::atoll(more) : 150;
}

class Damage {
 public:
  explicit Damage(uint64_t seed) : bits_(seed) {}

  std::string operator()(std::string text) {
    for (size_t times = 1 + below(3); times > 0 && !text.empty(); --times) text = below(3) == 0 ? lines(text) : bytes(text);
    return text;
  }
  size_t below(size_t n) { return bits_() % n; }

 private:
  // No digits and no `e`, which make numbers, and models, enormous.
  std::string bytes(std::string text) {
    static const std::string alphabet = " \n\t:,-[]{}()'\"#&*!|>?%@`$+/\\=.~<x_A\x01\x7f\xc3\xff";
    const size_t at = below(text.size());
    switch (below(4)) {
      case 0: return text.erase(at, 1 + below(4));
      case 1: return text.insert(at, 1, alphabet[below(alphabet.size())]);
      case 2: return text.insert(at, text.substr(at, below(2)));
      default: text[at] = alphabet[below(alphabet.size())]; return text;
    }
  }

  std::string lines(const std::string& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(line + "\n");
    const size_t from = below(all.size()), to = below(all.size());
    const std::string moved = all[from];
    switch (below(3)) {
      case 0: all.erase(all.begin() + static_cast<std::ptrdiff_t>(from)); break;
      case 1: all.insert(all.begin() + static_cast<std::ptrdiff_t>(to), moved); break;
      default: std::swap(all[from], all[to]);
    }
    std::string out;
    for (const std::string& line : all) out += line;
    return out;
  }

  std::mt19937_64 bits_;
};

std::vector<fs::path> yaml_files(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(nnx::test::source_dir() + "/" + folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

template <class F> void expect_documented(const std::string& text, F&& f) {
  CAPTURE(text);
  const nnx::test::Caught caught = nnx::test::caught(f);
  CAPTURE(caught.text);
  CHECK(std::ranges::any_of(exit_codes(), [&](const ExitCode& code) { return code.code == caught.code; }));
  CHECK(caught.code != exit_code(ErrorKind::internal));
  CHECK_FALSE(caught.text.empty());
}

// Relative paths are those of the checkout while this stands.
class InSource {
 public:
  InSource() : before_(fs::current_path()) { fs::current_path(nnx::test::source_dir()); }
  ~InSource() { fs::current_path(before_); }
  InSource(const InSource&) = delete;
  InSource& operator=(const InSource&) = delete;

 private:
  fs::path before_;
};

// Damages the files of a folder, one a round: f(text, path) is to read it, or fail as is documented.
template <class F> void read_damaged(const std::string& of_folder, uint64_t seed, F&& f) {
  const InSource here;
  const nnx::test::TemporaryFolder folder;
  const std::vector<fs::path> files = yaml_files(of_folder);
  Damage damage(seed);
  for (int64_t i = 0; i < rounds(); ++i) {
    const std::string text = damage(nnx::test::read_file(files[damage.below(files.size())]));
    const std::string path = folder / "damaged.yaml";
    nnx::test::write_file(path, text);
    expect_documented(text, [&] { f(text, path); });
  }
}

}  // namespace

TEST_CASE("a damaged config is read or refused") {
  read_damaged("configs", 1, [](const std::string&, const std::string& path) { prepare({.files = {path}}); });
}

TEST_CASE("a damaged overlay is applied or refused") {
  read_damaged("configs/overlays", 2, [](const std::string& text, const std::string& path) {
    const std::string base = text.find("norm") == std::string::npos ? "configs/mlp.yaml" : "configs/regression.yaml";
    prepare({.files = {base}, .overlays = {path}, .arguments = {"train.adapter_only=false"}});
  });
}

TEST_CASE("damaged arguments are applied or refused") {
  const InSource here;
  const std::vector<std::string> arguments{
      "optimizer.learning_rate=1e-3", "optimizer={type: sgd, learning_rate: 0.1}", "data.batch_size=${2 * seed}", "seed+=[1, 2]",
      "model.dmid=!delete",           "data.test=!replace {type: csv}",            "optimizer.wrt={all: [Param, {not: head}]}",
      "surgery=[{freeze: {re: 'lin.*'}}, {reinit: {shape: ['*', 10]}, init: zeros}]", "optimizer.groups.a={select: any(linear1, not(bn))}",
      "data.target=x[:, 0:64] + y",   "modules.MLP.call=linear2(bn(linear1(x)))", "data.normalize.scale=${env:HOME,1}"};
  Damage damage(3);
  for (int64_t i = 0; i < rounds(); ++i) {
    const std::string text = damage(arguments[damage.below(arguments.size())]);
    expect_documented(text, [&] { prepare({.files = {"configs/mlp.yaml"}, .arguments = {text}}); });
  }
}

TEST_CASE("a damaged sweep is planned or refused") {
  const InSource here;
  const nnx::test::TemporaryFolder folder;
  const std::string whole = nnx::test::read_file("configs/sweeps/digits.yaml");
  const std::vector<std::string> arguments{"optimizer.learning_rate=log(1e-4,1e-1)", "data.batch_size=32,64", "model.dmid=int(8,64)",
                                           "model.rate=range(0,0.2,0.1)"};
  Damage damage(4);
  for (int64_t i = 0; i < rounds(); ++i) {
    const std::string text = damage(whole), argument = damage(arguments[damage.below(arguments.size())]);
    nnx::test::write_file(folder / "damaged.yaml", text);
    expect_documented(argument + "\n" + text, [&] {
      SweepSpec spec = read_sweep(folder / "damaged.yaml");
      add_arguments(spec, {argument});
      check_sweep(spec);
      choose_trials(spec);
    });
  }
}
