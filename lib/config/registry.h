// Registry<Product(Context...)> is an explicit list of named components and builds them from their config nodes.
//
// A component is written `{type: Name, ...arguments}`, or as its bare name where it needs no arguments. Each entry has
// a name, one line of help, an options struct with `fields`, and a function from (options, context...) to the product.
//
//   using Layers = Registry<Ref<Layer>(Rngs&)>;
//   Layers layers("layer");
//   layers.add<LinearOptions>("Linear", "dense layer x @ kernel + bias",
//                             [](const LinearOptions& o, Rngs& rngs) { return make<Linear>(o, rngs); });
//   layers.add<SequentialOptions>("Sequential", "layers applied in order",
//                                 [&](const SequentialOptions& o, Diagnostics& d, Rngs& rngs) {
//                                   return make<Sequential>(layers.build_each(o.layers, d, rngs));
//                                 });
//   Ref<Layer> model = layers.build(config.model, diagnostics, rngs);
//
// A build function that builds nested components takes the Diagnostics as its second parameter. What cannot be built is
// reported to the Diagnostics and thrown as ConfigError; wrap independent builds in Diagnostics::attempt (build_each
// does) to report all of their errors together. A shape, structure, usage or config Error out of a build function is
// reported at the line of the component; missing, data and io errors keep their kind and gain that line.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/diagnostics.h"
#include "config/node.h"
#include "config/read.h"

namespace nnx {

// The options of a component that takes no arguments.
struct NoOptions {
  static void fields(auto&, auto&&) {}
};

struct ComponentDoc {
  std::string name, help;
  std::vector<FieldDoc> fields;
};

namespace config_detail {

// The name of the component that `node` asks for and its index in `docs`; reports and throws ConfigError otherwise.
size_t find_component(const ConfigNode& node, const std::string& what, const std::vector<ComponentDoc>& docs,
                      Diagnostics& diagnostics);
void check_component(const ComponentDoc& doc, const std::vector<ComponentDoc>& docs);
// The echo of a component: `type` and the entries of `options`, or the bare name when there are none.
ConfigNode component_node(const std::string& name, const ConfigNode& options, const ConfigNode& source);
// Inside of a catch: reports an error that a build function threw at the node it was building, and throws again.
[[noreturn]] void rethrow_at(const ConfigNode& node, const std::string& name, const Error& error,
                             Diagnostics& diagnostics);

template <HasFields Options>
Options read_options(const ConfigNode& node, const std::string& name, Diagnostics& diagnostics) {
  const size_t before = diagnostics.count();
  Options options{};
  const ConfigNode arguments = node.is_map() ? node : ConfigNode::map({}, node.origin(), node.path());
  read_struct(arguments, true, options, diagnostics);
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  diagnostics.resolve(component_node(name, to_config(options, node.path(), &arguments), node));
  return options;
}

}  // namespace config_detail

template <class Signature> class Registry;

template <class Product, class... Context> class Registry<Product(Context...)> {
 public:
  using Build = std::function<Product(const ConfigNode&, Diagnostics&, Context...)>;
  using Around = std::function<Product(const ConfigNode&, Diagnostics&, const Build& next, Context...)>;

  // `what` names a component in messages: "layer", "optimizer".
  explicit Registry(std::string what) : what_(std::move(what)) {}

  // Adds a component; `builder` is called as builder(const Options&, context...) or (const Options&, Diagnostics&,
  // context...). A name given twice, or without help, is an internal error.
  template <HasFields Options, class Build> Registry& add(std::string name, std::string help, Build builder) {
    ComponentDoc doc{name, std::move(help), describe_fields<Options>()};
    config_detail::check_component(doc, docs_);
    docs_.push_back(std::move(doc));
    readers_.push_back([name](const ConfigNode& node, Diagnostics& diagnostics) {
      config_detail::read_options<Options>(node, name, diagnostics);
    });
    builders_.push_back([name, builder = std::move(builder)](const ConfigNode& node, Diagnostics& diagnostics,
                                                         Context... context) -> Product {
      const Options options = config_detail::read_options<Options>(node, name, diagnostics);
      try {
        if constexpr (std::is_invocable_r_v<Product, const Build&, const Options&, Diagnostics&, Context...>) {
          return builder(options, diagnostics, std::forward<Context>(context)...);
        } else {
          return builder(options, std::forward<Context>(context)...);
        }
      } catch (const ConfigError&) { throw; } catch (const Error& error) {
        config_detail::rethrow_at(node, name, error, diagnostics);
      }
    });
    return *this;
  }

  // Adds a component whose arguments only run time knows: `builder` reads them itself.
  Registry& add(ComponentDoc doc, Build builder) {
    config_detail::check_component(doc, docs_);
    docs_.push_back(std::move(doc));
    readers_.push_back([](const ConfigNode&, Diagnostics&) {});
    builders_.push_back(std::move(builder));
    return *this;
  }
  // Every build goes through `hook`, which may build by `next`, or give something else.
  Registry& around(Around hook) {
    around_ = std::move(hook);
    return *this;
  }

  // Builds the component that `node` describes. Throws ConfigError, already in `diagnostics`, when that cannot be.
  Product build(const ConfigNode& node, Diagnostics& diagnostics, Context... context) const {
    const auto plain = [this](const ConfigNode& at, Diagnostics& out, Context... rest) -> Product {
      const size_t i = config_detail::find_component(at, what_, docs_, out);
      return builders_[i](at, out, std::forward<Context>(rest)...);
    };
    if (around_) return around_(node, diagnostics, plain, std::forward<Context>(context)...);
    return plain(node, diagnostics, std::forward<Context>(context)...);
  }

  // Builds a list, or a map in its order (with the keys), and reports the errors of all elements before it throws.
  std::vector<Product> build_each(const std::vector<ConfigNode>& nodes, Diagnostics& diagnostics,
                                  Context... context) const {
    std::vector<Product> products;
    for (const ConfigNode& node : nodes) {
      diagnostics.attempt([&] { products.push_back(build(node, diagnostics, context...)); });
    }
    if (products.size() != nodes.size()) diagnostics.throw_if_any();
    return products;
  }
  std::vector<std::pair<std::string, Product>> build_each(const std::vector<std::pair<std::string, ConfigNode>>& nodes,
                                                          Diagnostics& diagnostics, Context... context) const {
    std::vector<std::pair<std::string, Product>> products;
    for (const auto& [key, node] : nodes) {
      diagnostics.attempt([&] { products.emplace_back(key, build(node, diagnostics, context...)); });
    }
    if (products.size() != nodes.size()) diagnostics.throw_if_any();
    return products;
  }

  // Reads the options of `node` and records them without building. Throws as build does.
  void check(const ConfigNode& node, Diagnostics& diagnostics) const {
    readers_[config_detail::find_component(node, what_, docs_, diagnostics)](node, diagnostics);
  }

  const std::string& what() const { return what_; }
  const std::vector<ComponentDoc>& components() const { return docs_; }
  const ComponentDoc* find(std::string_view name) const {
    for (const ComponentDoc& doc : docs_) {
      if (doc.name == name) return &doc;
    }
    return nullptr;
  }

 private:
  std::string what_;
  std::vector<ComponentDoc> docs_;  // index i of the three lists is one component
  std::vector<std::function<void(const ConfigNode&, Diagnostics&)>> readers_;
  std::vector<Build> builders_;
  Around around_;
};

}  // namespace nnx
