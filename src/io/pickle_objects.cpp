// SPDX-License-Identifier: Apache-2.0
// What is built from the stack, and what the names in a pickle mean.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "assemble/core/error.h"
#include "pickle.h"
#include "pickle_opcodes.h"

namespace assemble::pickle {
namespace {

using Kind = Value::Kind;
using Names = std::span<const std::string_view>;

struct StorageType {
  const char* name;  ///< before "Storage"
  std::optional<DataType> type;
  int64_t element_size;
};

constexpr std::array kStorages{
    StorageType{"Float", DataType::kF32, 4},        StorageType{"Double", DataType::kF64, 8},
    StorageType{"Half", DataType::kF16, 2},         StorageType{"BFloat16", DataType::kBF16, 2},
    StorageType{"Long", DataType::kI64, 8},         StorageType{"Int", DataType::kI32, 4},
    StorageType{"Short", DataType::kI16, 2},        StorageType{"Char", DataType::kI8, 1},
    StorageType{"Byte", DataType::kU8, 1},          StorageType{"Bool", DataType::kBool, 1},
    StorageType{"Untyped", DataType::kU8, 1},       StorageType{"ComplexFloat", std::nullopt, 8},
    StorageType{"ComplexDouble", std::nullopt, 16}, StorageType{"QInt8", std::nullopt, 1},
    StorageType{"QUInt8", std::nullopt, 1},         StorageType{"QInt32", std::nullopt, 4},
    StorageType{"QUInt4x2", std::nullopt, 1},       StorageType{"QUInt2x4", std::nullopt, 1}};

/// Element types that a storage without a type may hold.
constexpr std::array<std::pair<std::string_view, DataType>, 13> kTypes{{{"torch.float32", DataType::kF32},
                                                                        {"torch.float64", DataType::kF64},
                                                                        {"torch.float16", DataType::kF16},
                                                                        {"torch.bfloat16", DataType::kBF16},
                                                                        {"torch.int64", DataType::kI64},
                                                                        {"torch.int32", DataType::kI32},
                                                                        {"torch.int16", DataType::kI16},
                                                                        {"torch.int8", DataType::kI8},
                                                                        {"torch.uint8", DataType::kU8},
                                                                        {"torch.uint16", DataType::kU16},
                                                                        {"torch.uint32", DataType::kU32},
                                                                        {"torch.uint64", DataType::kU64},
                                                                        {"torch.bool", DataType::kBool}}};

constexpr auto kDictionaries = std::to_array<std::string_view>(
    {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "__builtin__.dict", "builtins.dict"});
/// Functions and classes whose result is their first argument, a tensor.
constexpr auto kWrappers = std::to_array<std::string_view>(
    {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
     "torch.nn.parameter.Buffer", "torch.autograd.variable.Variable"});
/// Functions that make an object of the class in their first argument.
constexpr auto kMakers = std::to_array<std::string_view>(
    {"copy_reg._reconstructor", "copyreg._reconstructor", "copy_reg.__newobj__", "copyreg.__newobj__"});
/// Modules, and functions, for which no file of weights has a use but one that wants to run commands.
constexpr auto kCommandModules =
    std::to_array<std::string_view>({"os", "posix", "nt", "subprocess", "sys", "runpy", "importlib", "pty", "socket",
                                     "shutil", "ctypes", "webbrowser", "pickle", "_pickle"});
constexpr auto kCommands = std::to_array<std::string_view>(
    {"eval", "exec", "execfile", "compile", "open", "file", "__import__", "input", "breakpoint"});

/// Bytes that a name and the numbers of a tensor take beside what their objects do.
constexpr size_t kStorageCost = 300;

bool contains(Names names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

bool runs_commands(std::string_view module, std::string_view name) {
  const bool built_in = module == "builtins" || module == "__builtin__";
  return contains(kCommandModules, module.substr(0, module.find('.'))) || (built_in && contains(kCommands, name));
}

/// "torch.FloatStorage", also "torch.cuda.FloatStorage"
const StorageType* storage_type(std::string_view name) {
  constexpr std::string_view kEnding = "Storage";
  if (!name.starts_with("torch.") || !name.ends_with(kEnding)) return nullptr;
  name.remove_suffix(kEnding.size());
  name.remove_prefix(name.rfind('.') + 1);
  const auto found =
      std::find_if(kStorages.begin(), kStorages.end(), [&](const StorageType& type) { return name == type.name; });
  return found == kStorages.end() ? nullptr : &*found;
}

std::optional<DataType> element_type(std::string_view name) {
  for (const auto& [known, type] : kTypes) {
    if (name == known) return type;
  }
  return std::nullopt;
}

bool is(const std::vector<const Value*>& values, size_t index, Kind kind) {
  return index < values.size() && values[index]->kind == kind;
}

/// "a quantised tensor" where the name makes a tensor of a kind that cannot be read, else "".
std::string unreadable_tensor(std::string_view name) {
  if (!name.starts_with("torch.")) return "";
  if (name.find("_rebuild_sparse") != name.npos) return "a sparse tensor";
  if (name.find("_rebuild_qtensor") != name.npos) return "a quantised tensor";
  if (name.find("_rebuild_nested") != name.npos) return "a nested tensor";
  if (name.find("_rebuild_meta") != name.npos) return "a tensor without data (of the device meta)";
  if (name.starts_with("torch._utils._rebuild_") || name.starts_with("torch._tensor._rebuild_")) {
    return concat("a tensor that ", name, " makes");
  }
  return storage_type(name) || name.starts_with("torch.complex") || name.starts_with("torch.float")
             ? concat("a tensor of ", name)
             : "";
}

const Value* attribute(const Value& object, std::string_view name) {
  const Value* state = object.state;
  if (state == nullptr || state->kind != Kind::kDict) return nullptr;
  for (size_t i = 0; i + 1 < state->items.size(); i += 2) {
    if (state->items[i]->kind == Kind::kString && state->items[i]->text == name) return state->items[i + 1];
  }
  return nullptr;
}

bool is_torch_script(const Value& object) { return object.made_by->text.starts_with("__torch__."); }

}  // namespace

const Value* Unpickler::pop() {
  if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back())) fail("finds an empty stack");
  const Value* value = stack_.back();
  stack_.pop_back();
  return value;
}

Value& Unpickler::top(std::initializer_list<Kind> kinds, const char* wanted) {
  if (stack_.empty() || std::find(kinds.begin(), kinds.end(), stack_.back()->kind) == kinds.end()) {
    fail(concat("needs ", wanted, " on the stack"));
  }
  return const_cast<Value&>(*stack_.back());  // every value of these kinds lies in values_
}

std::vector<const Value*> Unpickler::pop_to_mark() {
  if (marks_.empty()) fail("finds no mark");
  const size_t begin = std::min(marks_.back(), stack_.size());
  marks_.pop_back();
  std::vector<const Value*> items(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
  stack_.resize(begin);
  return items;
}

void Unpickler::push_tuple(size_t count) {
  std::vector<const Value*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  append(make(Kind::kTuple), items);
}

void Unpickler::append(Value& container, const std::vector<const Value*>& items) {
  charge(2 * sizeof(Value*) * items.size());  // vectors grow by doubling
  container.items.insert(container.items.end(), items.begin(), items.end());
}

void Unpickler::set_items(const std::vector<const Value*>& flat) {
  if (flat.size() % 2 != 0) fail("takes pairs of key and value");
  append(top({Kind::kDict, Kind::kObject}, "a dictionary"), flat);
}

/// Attributes, such as a state dictionary's _metadata.
void Unpickler::build() {
  const Value* state = pop();
  Value& owner = top({Kind::kDict, Kind::kList, Kind::kTensor, Kind::kObject}, "an object");
  if (owner.kind == Kind::kObject) owner.state = state;
}

void Unpickler::call() {
  const Value* arguments = pop();
  const Value* function = pop();
  if (arguments->kind != Kind::kTuple) fail("takes a name and a tuple");
  construct(*function, arguments->items);
}

/// Instances as protocols 0 and 1 make them: the class stands after the mark, or in the opcode.
void Unpickler::new_object() {
  std::vector<const Value*> arguments = pop_to_mark();
  if (opcode_ == kInst) {
    const std::string module = line();
    push_global(module, line());
    return construct(*pop(), arguments);
  }
  if (arguments.empty()) fail("names no class");
  const Value* name = arguments.front();
  arguments.erase(arguments.begin());
  construct(*name, arguments);
}

void Unpickler::push_global(const std::string& module, const std::string& name) {
  if (runs_commands(module, name)) fail(concat("names '", module, ".", name, "', which is not allowed"));
  charge(module.size() + name.size());
  make(Kind::kGlobal).text = concat(module, ".", name);
}

void Unpickler::construct(const Value& name, const std::vector<const Value*>& arguments) {
  if (name.kind == Kind::kObject) return make_object(*name.made_by);  // a method, or what made the class
  if (name.kind != Kind::kGlobal) fail("takes a name and a tuple");
  // (function, class, arguments, attributes) of a tensor of a derived class
  const bool derived = name.text.starts_with("torch._tensor._rebuild_from_type") && is(arguments, 0, Kind::kGlobal) &&
                       is(arguments, 2, Kind::kTuple);
  const Value& function = derived ? *arguments[0] : name;
  if (construct_known(function.text, derived ? arguments[2]->items : arguments)) return;
  make_object(contains(kMakers, function.text) && is(arguments, 0, Kind::kGlobal) ? *arguments[0] : function);
}

bool Unpickler::construct_known(const std::string& name, const std::vector<const Value*>& arguments) {
  if (contains(kDictionaries, name)) return make_dict(arguments), true;
  if (name.starts_with("torch._utils._rebuild_tensor")) return make_tensor(name, arguments);
  const bool maker = contains(kMakers, name) && is(arguments, 0, Kind::kGlobal);
  const size_t wrapped = maker ? 1 : 0;
  if (!contains(kWrappers, maker ? arguments[0]->text : name) || wrapped >= arguments.size()) return false;
  if (!is(arguments, wrapped, Kind::kTensor) && !is_unreadable_tensor(*arguments[wrapped])) return false;
  stack_.push_back(arguments[wrapped]);
  return true;
}

void Unpickler::make_object(const Value& name) { make(Kind::kObject).made_by = &name; }

/// Python 2 gives an OrderedDict's items as pairs in a list.
void Unpickler::make_dict(const std::vector<const Value*>& arguments) {
  Value& dict = make(Kind::kDict);
  if (is(arguments, 0, Kind::kDict)) return append(dict, arguments[0]->items);
  if (!is(arguments, 0, Kind::kList)) return;
  for (const Value* pair : arguments[0]->items) {
    if ((pair->kind != Kind::kList && pair->kind != Kind::kTuple) || pair->items.size() != 2) {
      fail("makes a dictionary of other things than pairs");
    }
    append(dict, pair->items);
  }
}

/// ('storage', storage type, key, place, elements) and, in legacy files, none or the view (key, offset, elements) that
/// the storage is of another; or ('module', class, file, source) in legacy files.
void Unpickler::make_storage() {
  const Value* id = pop();
  const std::vector<const Value*>& parts = id->items;
  if (id->kind != Kind::kTuple || !is(parts, 0, Kind::kString)) fail("names no storage");
  if (parts[0]->text == "module" && is(parts, 1, Kind::kGlobal)) return stack_.push_back(parts[1]);
  if (parts[0]->text != "storage" || !is(parts, 1, Kind::kGlobal) || !is(parts, 2, Kind::kString) ||
      !is(parts, 4, Kind::kInt) || parts[4]->number < 0) {
    fail("names no storage");
  }
  const StorageType* type = storage_type(parts[1]->text);
  if (type == nullptr) fail(concat("names a storage of the unknown type ", parts[1]->text));
  charge(sizeof(StorageSpec) + kStorageCost + parts[2]->text.size());
  storages_.try_emplace(parts[2]->text, StorageSpec{type->element_size});
  if (!type->type) return make_object(*parts[1]);
  auto spec = std::make_unique<TensorSpec>();
  spec->type = *type->type;
  spec->storage = parts[2]->text;
  spec->storage_size = static_cast<uint64_t>(parts[4]->number);
  if (is(parts, 5, Kind::kTuple)) {
    const std::vector<const Value*>& view = parts[5]->items;
    if (!is(view, 1, Kind::kInt) || !is(view, 2, Kind::kInt) || view[1]->number < 0) fail("names no view of a storage");
    spec->offset = static_cast<uint64_t>(view[1]->number);
  }
  make(Kind::kStorage).tensor = std::move(spec);
}

std::vector<int64_t> Unpickler::extents(const Value& tuple) const {
  if (tuple.kind != Kind::kTuple || tuple.items.size() > 16) fail("makes a tensor whose shape is no short tuple");
  std::vector<int64_t> numbers;
  for (const Value* item : tuple.items) {
    if (item->kind != Kind::kInt || item->number < 0) fail("makes a tensor of a shape that holds no size");
    numbers.push_back(item->number);
  }
  return numbers;
}

/// (storage, offset, shape, strides, requires_grad, backward_hooks, …); _rebuild_tensor_v3 has an element type then.
bool Unpickler::make_tensor(const std::string& function, const std::vector<const Value*>& arguments) {
  if (is(arguments, 0, Kind::kObject)) return make_object(*arguments[0]->made_by), true;
  if (arguments.size() < 4 || !is(arguments, 0, Kind::kStorage) || !is(arguments, 1, Kind::kInt) ||
      arguments[1]->number < 0) {
    fail("makes a tensor of other arguments than a storage, an offset, a shape and strides");
  }
  const TensorSpec& storage = *arguments[0]->tensor;
  charge(sizeof(TensorSpec) + kStorageCost + storage.storage.size());
  auto spec = std::make_unique<TensorSpec>(storage);
  if (function.ends_with("_v3")) {
    if (!is(arguments, 6, Kind::kGlobal)) fail("makes a tensor without an element type");
    const std::optional<DataType> type = element_type(arguments[6]->text);
    if (!type) return make_object(*arguments[6]), true;
    spec->storage_size = spec->storage_size * element_size(spec->type) / element_size(*type);
    spec->type = *type;
  }
  spec->offset += static_cast<uint64_t>(arguments[1]->number);
  spec->shape = extents(*arguments[2]);
  spec->strides = extents(*arguments[3]);
  if (spec->shape.size() != spec->strides.size()) fail("makes a tensor with more or fewer strides than extents");
  make(Kind::kTensor).tensor = std::move(spec);
  return true;
}

bool is_unreadable_tensor(const Value& value) {
  return value.kind == Kind::kObject && !unreadable_tensor(value.made_by->text).empty();
}

bool is_module(const Value& value) {
  return value.kind == Kind::kObject && attribute(value, "_modules") && attribute(value, "_parameters");
}

std::string describe(const Value& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return "a number";
    case Kind::kBytes:
    case Kind::kString:
      return "a text";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dictionary";
    case Kind::kStorage:
      return "a storage";
    case Kind::kGlobal:
      return value.text.substr(0, 100);
    case Kind::kTensor:
      return "";
    case Kind::kObject:
      break;
  }
  const std::string name = value.made_by->text.substr(0, 100);
  if (const std::string tensor = unreadable_tensor(name); !tensor.empty()) return tensor;
  if (name.starts_with("numpy.") && name.ends_with("._reconstruct")) return "a NumPy array";
  if (name.starts_with("numpy.") && name.ends_with(".scalar")) return "a NumPy number";
  return concat(is_module(value) ? "a module of " : "an object of ", name);
}

const std::vector<const Value*>* named_items(const Value& value) {
  if (value.kind == Kind::kDict) return &value.items;
  if (value.kind != Kind::kObject) return nullptr;
  if (is_torch_script(value) && value.state != nullptr && value.state->kind == Kind::kDict) return &value.state->items;
  return value.items.empty() ? nullptr : &value.items;
}

}  // namespace assemble::pickle
