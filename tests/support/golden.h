// Reads the known answers of tests/golden (its README.md describes the files) and compares with them.
//
//   for (const GoldenCase& c : golden_layers("Linear")) {
//     ... run the layer on c.inputs.at("x").floats() with c.params.at("kernel").floats() ...
//     CHECK(mismatch(got, c.output) == "");
//   }
//   CHECK(worst_ulps(got, known_answer("normal(key(0), (5,))").answer) <= 1);
//
// The files are read once a program. A missing file, case or entry throws Error{missing} with its name.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace nnx::test {

// Elements in row-major order. `dtype` is f32, f64, i32, u32 or bool: what the test should make of the values.
struct GoldenArray {
  std::vector<int64_t> shape;
  std::string dtype;
  std::vector<double> values;
  std::vector<uint32_t> bits;  // of each f32 value, where the file gives them (known answers)

  std::vector<float> floats() const { return {values.begin(), values.end()}; }
  template <class T> std::vector<T> as() const {
    std::vector<T> out;
    for (const double v : values) out.push_back(static_cast<T>(v));
    return out;
  }
};

using GoldenArrays = std::map<std::string, GoldenArray>;

// Arguments by name; those inside a map have dotted names, "learning_rate.decay_steps".
struct GoldenArgs {
  std::map<std::string, std::vector<double>> number_lists = {};  // a single number is a list of one
  std::map<std::string, std::string> strings = {};

  bool has(const std::string& name) const { return number_lists.contains(name) || strings.contains(name); }
  double number(const std::string& name) const;  // a number; true is 1, false is 0
  int64_t integer(const std::string& name) const { return static_cast<int64_t>(number(name)); }
  bool flag(const std::string& name) const { return number(name) != 0; }
  const std::vector<double>& numbers(const std::string& name) const;  // a list, or nested lists one after another
  const std::string& text(const std::string& name) const;
};

// A layer or loss with its answer in float64: output, new_state, and the gradients of sum(output * cotangent).
struct GoldenCase {
  std::string name, layer;
  GoldenArgs args;
  GoldenArrays params, state, inputs, new_state, grads;  // grads has the keys of inputs and params that have a gradient
  GoldenArray cotangent, output;
};

// One optimizer on the network and batches of GoldenTraining; losses[t] is before update t.
struct GoldenRun {
  std::string name;
  GoldenArgs optimizer;
  int64_t steps = 0;
  std::vector<double> losses, losses_f32, gradient_norms;
  GoldenArrays final_params;
};

struct GoldenTraining {
  GoldenArrays initial_params;
  std::vector<GoldenArrays> batches;  // each has "x" and "labels"; step t uses batches[t % batches.size()]
  std::vector<GoldenRun> runs;
  const GoldenRun& run(const std::string& name) const;
};

struct KnownAnswer {
  std::string name, topic;
  GoldenArgs args;
  GoldenArray answer;
  bool published = false;  // the documentation of JAX, Flax, Optax or Random123 prints it
};

const std::vector<GoldenCase>& golden_layers();
std::vector<GoldenCase> golden_layers(const std::string& layer);  // all cases of one layer; never empty
const GoldenCase& golden_layer(const std::string& name);
const GoldenTraining& golden_training();
const std::vector<KnownAnswer>& known_answers();
std::vector<KnownAnswer> known_answers(const std::string& topic);  // never empty
const KnownAnswer& known_answer(const std::string& name);

// "" when the sizes agree and every |got - want| <= relative * max|want| + absolute; else which element is worst.
std::string mismatch(std::span<const double> got, const GoldenArray& want, double relative = 1e-5,
                     double absolute = 1e-6);
std::string mismatch(std::span<const float> got, const GoldenArray& want, double relative = 1e-5,
                     double absolute = 1e-6);

// How many float32 numbers lie between a and b: 0 for the same number, also for 0 and -0; huge when one is NaN.
int64_t ulps(float a, float b);
// The largest ulps() of got against want.values as float32; huge when the sizes differ.
int64_t worst_ulps(std::span<const float> got, const GoldenArray& want);

}  // namespace nnx::test
