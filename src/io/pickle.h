// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
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
  enum class Kind { kNone, kBool, kInt, kFloat, kString, kTuple, kList, kDict, kGlobal, kStorage, kTensor };
  Kind kind = Kind::kNone;
  int64_t number = 0;                                          ///< of kBool and kInt
  double real = 0;                                             ///< of kFloat
  std::string text;                                            ///< of kString; "module.name" of kGlobal
  std::vector<const Value*> items;                             ///< of kTuple, kList
  std::vector<std::pair<const Value*, const Value*>> entries;  ///< of kDict
  TensorSpec tensor;  ///< of kStorage (type, storage, storage_size) and kTensor
};

/// Interprets the part of Python's pickle language that state dictionaries of PyTorch need. Nothing is executed: the
/// names that stand for code (GLOBAL) are compared with a short list whose meaning is built in (OrderedDict, the
/// rebuilding of tensors, storage types), and every other name or opcode is an error.
class Unpickler {
 public:
  /// @param where names the bytes in errors
  Unpickler(std::span<const uint8_t> bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  /// Interprets one pickle from the current position. @throws InputError naming opcode and offset
  const Value& load();
  /// Offset behind the last pickle.
  size_t position() const { return position_; }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void step(uint8_t opcode);
  void push_literal(uint8_t opcode);
  void build(uint8_t opcode);
  bool remember(uint8_t opcode);
  uint64_t number(size_t bytes);
  std::string text(uint64_t length);
  std::string line();
  Value& make(Value::Kind kind);
  void push_int(int64_t value);
  void push_text(uint64_t length);
  void push_long(uint64_t length);
  void push_global(const std::string& module, const std::string& name);
  const Value* pop();
  Value& top(Value::Kind kind, const char* wanted);
  std::vector<const Value*> pop_to_mark();
  void push_tuple(size_t count);
  void set_items(const std::vector<const Value*>& flat);
  void call();
  void make_storage();
  void make_tensor(const std::vector<const Value*>& arguments);
  std::vector<int64_t> extents(const Value& tuple) const;

  std::span<const uint8_t> bytes_;
  std::string where_;
  size_t position_ = 0;
  size_t start_ = 0;  ///< of the opcode at work
  uint8_t opcode_ = 0;
  std::deque<Value> values_;
  std::vector<const Value*> stack_;
  std::vector<size_t> marks_;
  std::vector<const Value*> memo_;
};

}  // namespace assemble::pickle
