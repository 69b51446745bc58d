// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "assemble/io/safetensors.h"

namespace assemble::pickle {

/// A tensor as a pickle describes it: a view of a storage, which lies elsewhere.
struct TensorSpec {
  DataType type = DataType::kF32;
  std::string storage;        ///< its key
  uint64_t storage_size = 0;  ///< elements
  uint64_t offset = 0;        ///< first element
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  ///< elements
};

/// What the interpreter builds. Objects refer to others by pointer, as pickles may share them; all live as long as the
/// Unpickler.
struct Value {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,  ///< its number is not kept
    kBytes,  ///< neither are these
    kString,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kTensor,
    kObject,  ///< of a class that is not known, or a tensor that cannot be read
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;                  ///< of kBool and kInt
  std::string text;                    ///< of kString; "module.name" of kGlobal
  std::vector<const Value*> items;     ///< of kTuple and kList; of kDict and kObject: key, value, key, value …
  std::unique_ptr<TensorSpec> tensor;  ///< of kStorage (type, storage, storage_size, offset) and kTensor
  const Value* made_by = nullptr;      ///< of kObject: the kGlobal that was called
  const Value* state = nullptr;        ///< of kObject: its attributes; may be absent
};

/// A storage that a pickle names.
struct StorageSpec {
  int64_t element_size = 1;  ///< bytes
};

/// Interprets pickles of PyTorch's files, of every protocol, also Python 2's. Nothing is executed: names that stand for
/// code (GLOBAL) are compared with a short list whose meaning is built in (dictionaries, the rebuilding of tensors,
/// storage types). What another name is called for becomes an object of which only the name and the attributes are
/// known. Names that run commands (eval, os.system …) are errors.
///
/// Memory is bounded by the pickle's size: see kMemoryFactor.
class Unpickler {
 public:
  /// @param where names the bytes in errors
  Unpickler(std::span<const uint8_t> bytes, std::string where);

  /// Interprets one pickle from the current position. @throws InputError naming opcode and offset
  const Value& load();
  /// Offset behind the last pickle.
  size_t position() const { return position_; }
  /// By key: what the pickles so far name.
  const std::map<std::string, StorageSpec>& storages() const { return storages_; }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void charge(size_t bytes);
  // One function a group of opcodes; each returns whether the opcode is of its group.
  bool frame(uint8_t opcode);
  bool remember(uint8_t opcode);
  bool push_constant(uint8_t opcode);
  bool push_number(uint8_t opcode);
  bool push_string(uint8_t opcode);
  bool build_container(uint8_t opcode);
  bool fill_container(uint8_t opcode);
  bool name_or_call(uint8_t opcode);

  uint64_t number(size_t bytes);
  std::string text(uint64_t length);
  void skip(uint64_t length);
  std::string line();
  uint64_t memo_index(const std::string& digits) const;
  void put(uint64_t index);
  void get(uint64_t index);
  Value& make(Value::Kind kind);
  void share(Value::Kind kind, int64_t number = 0);
  void push_int(int64_t value);
  void push_text(std::string value);
  void push_decimal(std::string digits);
  void push_long(uint64_t length);
  void push_global(const std::string& module, const std::string& name);
  void push_stacked_global();
  // What stands on the stack, in pickle_objects.cpp.
  const Value* pop();
  Value& top(std::initializer_list<Value::Kind> kinds, const char* wanted);
  std::vector<const Value*> pop_to_mark();
  void push_tuple(size_t count);
  void append(Value& container, const std::vector<const Value*>& items);
  void set_items(const std::vector<const Value*>& flat);
  void build();
  void call();
  void new_object();

  // What the names mean, in pickle_objects.cpp.
  void construct(const Value& name, const std::vector<const Value*>& arguments);
  bool construct_known(const std::string& name, const std::vector<const Value*>& arguments);
  void make_object(const Value& name);
  void make_dict(const std::vector<const Value*>& arguments);
  void make_storage();
  bool make_tensor(const std::string& function, const std::vector<const Value*>& arguments);
  std::vector<int64_t> extents(const Value& tuple) const;

  std::span<const uint8_t> bytes_;
  std::string where_;
  size_t position_ = 0;
  size_t start_ = 0;  ///< of the opcode at work
  uint8_t opcode_ = 0;
  size_t budget_ = 0;  ///< bytes that may still be taken
  std::deque<Value> values_;
  std::map<std::pair<Value::Kind, int64_t>, Value> shared_;  ///< values that never change, of which a pickle has many
  std::vector<const Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, const Value*> memo_;
  std::map<std::string, StorageSpec> storages_;
};

/// "a quantised tensor", "a NumPy array", "an object of argparse.Namespace"; "" for what can be read.
std::string describe(const Value& value);
/// Whether the value is a tensor that cannot be read.
bool is_unreadable_tensor(const Value& value);
/// Whether the value is a whole torch.nn.Module.
bool is_module(const Value& value);
/// The names and values of a dictionary, of what is derived from one, and of a module of TorchScript; nullptr for
/// anything else.
const std::vector<const Value*>* named_items(const Value& value);

}  // namespace assemble::pickle
