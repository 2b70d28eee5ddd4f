// A Module is an object that holds its own state in Variables and lists its attributes once, in `fields`.
//
//   struct Linear : Module<Linear, Layer> {
//     Param w, b;  int64_t din = 0, dout = 0;
//     Linear() = default;                                                   // merge needs it
//     Linear(int64_t din, int64_t dout, Rngs& rngs) : ... {}
//     Array operator()(const Array& x) override { return matmul(x, w) + b; }
//     static void fields(auto& self, auto&& f) { f("w", self.w); f("b", self.b); f("din", self.din); f("dout", self.dout); }
//   };
//   auto model = make<Linear>(2, 5, rngs);
//
// The list is read live and never copied: assigning a member is surgery. Attributes may be Variables, Refs to Modules,
// Arrays, Numbers, vectors, maps and optionals of these, and static values (bool, integers, double, string, lists of
// integers), which are part of the GraphDef. Sharing is pointer identity; cycles are legal.
//
// sow() and perturb() add Variables with names of run time: they come after those of `fields` in everything that visits,
// and stay until pop() or capture() takes them out.
#pragma once

#include <concepts>
#include <functional>
#include <memory>

#include "base/error.h"
#include "nnx/call.h"
#include "nnx/field_visitor.h"
#include "nnx/variable.h"

namespace nnx {

class ModuleBase;

// What merge needs to make an object again. Types are compared by address; a name is what files know.
struct ModuleType {
  std::string name;
  std::function<std::shared_ptr<ModuleBase>()> create;   // empty for a type that is known from a file only
  const ModuleType* parent = nullptr;                    // the Module type that it derives from
};

// An attribute made by sow() or perturb(): one Variable, or one for each call.
struct Sown {
  using Value = std::variant<Variable, std::vector<Variable>>;
  std::string name;
  Value value;
};
using SowReduce = std::function<Array(const Array& before, const Array& next)>;

class ModuleBase : public std::enable_shared_from_this<ModuleBase> {
 public:
  virtual ~ModuleBase() = default;
  virtual const ModuleType& type() const = 0;
  virtual void accept(FieldVisitor& visitor) = 0;        // visits every attribute once, in the order of `fields`
  // The generic call, see call.h; throws ErrorKind::structure for arguments that do not fit.
  virtual CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) = 0;

  // Adds a Variable holding `value` to the list `name`; with `reduce`, sets the one Variable `name`, starting at `init`
  // (or at the first value, when it is undefined). An attribute of `fields` of that name is set instead. Throws
  // ErrorKind::structure when it is not a Variable, or one of another kind.
  template <class Kind> void sow(std::string_view attribute, const Array& value, const SowReduce& reduce = {}, const Array& init = {}) {
    sow(Kind::static_kind(), attribute, value, reduce, init);
  }
  void sow(const VariableKind& kind, std::string_view name, const Array& value, const SowReduce& reduce, const Array& init);
  // value plus the Perturbation `name`, which is made as zeros: its gradient is that of `value`.
  Array perturb(std::string_view name, const Array& value);

  std::vector<Sown> sown = {};                           // empty but for Modules that sow
  uint64_t visit_epoch = 0;                              // marks of the last walk, see walk.h
  int visit_index = 0;

 protected:
  void visit_sown(FieldVisitor& visitor);
};

// The readable name of a C++ type without its namespace.
std::string type_name_of(const std::type_info& info);

template <class Self, class Base = ModuleBase>
class Module : public Base {
 public:
  const ModuleType& type() const override { return static_type(); }
  void accept(FieldVisitor& visitor) override {
    Self::fields(static_cast<Self&>(*this), FieldAdapter{visitor});
    if (!this->sown.empty()) [[unlikely]] this->visit_sown(visitor);
  }
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override {
    if constexpr (requires { &Self::operator(); })
      return detail::call_typed(static_cast<Self&>(*this), type().name, arguments, keywords);
    else
      detail::fail_not_callable(type().name);
  }

  static const ModuleType& static_type() {
    static_assert(std::default_initializable<Self>, "a Module needs a default constructor: merge makes it and fills it in");
    static const ModuleType type{readable_name(), [] { return std::make_shared<Self>(); }, parent_type()};
    return type;
  }

 private:
  static const ModuleType* parent_type() {
    if constexpr (requires { Base::static_type(); }) return &Base::static_type();
    else return nullptr;
  }
  static std::string readable_name() {
    if constexpr (requires { Self::type_name; }) return std::string(Self::type_name);
    else return type_name_of(typeid(Self));
  }
};

// What can stand in a Sequential or behind a Ref<Layer>: Array -> Array.
class Layer : public ModuleBase {
 public:
  virtual Array operator()(const Array& x) = 0;
};

namespace detail {
// Told of every call through a Ref while it is set, for tables of calls (probe.h).
struct CallObserver {
  virtual ~CallObserver() = default;
  virtual void enter(ModuleBase& module) = 0;
  virtual void leave(ModuleBase& module, const CallArguments& arguments, const CallValue& result) = 0;
};
extern constinit thread_local CallObserver* call_observer;

// A value as an observer sees it; nothing of what only the C++ type knows.
template <class T>
CallValue observed_value(const T& value) {
  if constexpr (std::derived_from<T, Variable>) return value.get();
  else if constexpr (std::convertible_to<const T&, CallValue>) return value;
  else if constexpr (requires { std::tuple_size<T>::value; }) return to_call(value);
  else return {};
}
}  // namespace detail

// A shared reference to a Module. Equality is identity.
template <class T = ModuleBase>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(std::shared_ptr<T> pointer) : pointer_(std::move(pointer)) {}
  template <std::derived_from<T> U>
  Ref(const Ref<U>& other) : pointer_(other.shared()) {}

  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  T* get() const {
    if (!pointer_) [[unlikely]] fail(ErrorKind::structure, {.where = "Ref", .message = "an empty reference was used"});
    return pointer_.get();
  }
  explicit operator bool() const { return pointer_ != nullptr; }
  const std::shared_ptr<T>& shared() const { return pointer_; }
  template <class... A>
  decltype(auto) operator()(A&&... arguments) const {
    if (detail::call_observer) [[unlikely]] return observed_call(std::forward<A>(arguments)...);
    return (*get())(std::forward<A>(arguments)...);
  }
  friend bool operator==(const Ref& a, const Ref& b) { return a.pointer_ == b.pointer_; }

 private:
  template <class... A>
  decltype(auto) observed_call(A&&... arguments) const {
    detail::CallObserver& observer = *detail::call_observer;
    const CallArguments given{detail::observed_value(arguments)...};
    observer.enter(*get());
    if constexpr (std::is_void_v<std::invoke_result_t<T&, A...>>) {
      (*get())(std::forward<A>(arguments)...);
      observer.leave(*get(), given, {});
    } else {
      decltype(auto) result = (*get())(std::forward<A>(arguments)...);
      observer.leave(*get(), given, detail::observed_value(result));
      return result;
    }
  }

  std::shared_ptr<T> pointer_;
};

namespace detail {
// Notes the Variables created while a constructor runs, so that make() can find the forgotten ones.
class ConstructionScope {
 public:
  ConstructionScope();
  ~ConstructionScope();
  void finish(ModuleBase& module);   // throws ErrorKind::structure for a Variable that `fields` does not reach

 private:
  size_t first_;
};
}  // namespace detail

// Makes a Module. Throws ErrorKind::structure when its constructor made a Variable that `fields` does not list.
template <std::derived_from<ModuleBase> T, class... A>
Ref<T> make(A&&... arguments) {
  detail::ConstructionScope scope;
  auto module = std::make_shared<T>(std::forward<A>(arguments)...);
  scope.finish(*module);
  return Ref<T>(std::move(module));
}

// The object behind `ref` as a T; throws ErrorKind::structure naming both types.
template <class T, class U>
Ref<T> as(const Ref<U>& ref) {
  if (auto pointer = std::dynamic_pointer_cast<T>(ref.shared())) return Ref<T>(std::move(pointer));
  fail(ErrorKind::structure, {.where = "as", .expected = type_name_of(typeid(T)), .got = ref ? ref->type().name : "nothing"});
}

}  // namespace nnx
