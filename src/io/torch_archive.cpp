// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/torch_archive.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/file_kind.h"
#include "shape.h"
#include "torch_storages.h"

namespace assemble {
namespace {

using pickle::Value;

constexpr const char* kDamaged = "the file is damaged or incomplete: copy it again";
// Bounds of what is shared, or holds itself, and would come up again and again.
constexpr int kDepthLimit = 16;
constexpr size_t kVisitLimit = size_t{1} << 20;
constexpr size_t kNameLimit = 512;

/// Tensors and what stands beside them, by their names in nested dictionaries.
class Collector {
 public:
  explicit Collector(std::string where) : where_(std::move(where)) {}

  std::map<std::string, const pickle::TensorSpec*> tensors;
  std::map<std::string, TorchExtra> extras;

  void visit(const Value& value, const std::string& name, int depth = 0) {
    if (++visits_ > kVisitLimit || name.size() > kNameLimit) {
      throw InputError(where_,
                       concat("its dictionaries hold more than ", kVisitLimit, " values, or names of more than ",
                              kNameLimit, " bytes"),
                       "save torch.save(model.state_dict(), FILE)");
    }
    if (value.kind == Value::Kind::kTensor) {
      if (tensors.emplace(name, value.tensor.get()).second) return;
      throw InputError(concat(where_, " tensor '", name, "'"), "occurs twice");
    }
    const std::vector<const Value*>* items = pickle::named_items(value);
    const bool unreadable = pickle::is_unreadable_tensor(value);
    if (items == nullptr && (unreadable || !in_script_)) {
      extras.emplace(name, TorchExtra{pickle::describe(value), unreadable});
    }
    if (items == nullptr || depth == kDepthLimit) return;
    // What else a module of TorchScript holds is a part of the network.
    const bool outer = std::exchange(in_script_, in_script_ || value.kind == Value::Kind::kObject);
    for (size_t i = 0; i + 1 < items->size(); i += 2) {
      const Value& key = *(*items)[i];
      if (key.kind != Value::Kind::kString) continue;  // an optimizer's parameters have numbers
      visit(*(*items)[i + 1], name.empty() ? key.text : concat(name, ".", key.text), depth + 1);
    }
    in_script_ = outer;
  }

 private:
  std::string where_;
  size_t visits_ = 0;
  bool in_script_ = false;
};

/// Whether the view lies in its storage. It may repeat elements (strides of 0), but not to any amount of memory.
bool fits(const pickle::TensorSpec& spec, uint64_t available) {
  constexpr uint64_t kRepeatedLimit = uint64_t{1} << 20;
  uint64_t count = 0;
  if (!byte_count(spec.shape, 1, count) || count > std::max(available, kRepeatedLimit)) return false;
  if (count == 0) return true;
  uint64_t last = spec.offset;
  for (size_t i = 0; i < spec.shape.size(); ++i) {
    uint64_t reach = 0;
    if (__builtin_mul_overflow(static_cast<uint64_t>(spec.shape[i] - 1), static_cast<uint64_t>(spec.strides[i]),
                               &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  return last < available;
}

/// Copies a strided view into row-major order.
Bytes gather(const Bytes& storage, const TorchTensorEntry& entry) {
  const auto element = static_cast<uint64_t>(element_size(entry.type));
  uint64_t total = 0;
  byte_count(entry.shape, 1, total);
  Bytes bytes(total * element);
  std::vector<int64_t> index(entry.shape.size(), 0);
  uint64_t source = entry.offset;
  for (uint64_t i = 0; i < total; ++i) {
    std::memcpy(bytes.data() + i * element, storage.data() + source * element, element);
    for (size_t axis = index.size(); axis-- > 0;) {
      source += static_cast<uint64_t>(entry.strides[axis]);
      if (++index[axis] < entry.shape[axis]) break;
      source -= static_cast<uint64_t>(entry.strides[axis]) * static_cast<uint64_t>(index[axis]);
      index[axis] = 0;
    }
  }
  return bytes;
}

/// Bytes of each element in the other order.
void swap_bytes(Bytes& bytes, size_t element) {
  for (auto begin = bytes.begin(); begin != bytes.end(); begin += static_cast<std::ptrdiff_t>(element)) {
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(element));
  }
}

std::unique_ptr<TorchArchive::Storages> open_storages(const fs::path& path) {
  if (refuse_other_kinds(path, FileKind::kTorch, "a file of torch.save") == FileKind::kUnknown) {
    throw InputError(path.string(), "is no file of torch.save", kDamaged);
  }
  std::array<uint8_t, 2> start{};
  RandomAccessFile(path).read(0, start);
  const bool is_zip = start == std::array<uint8_t, 2>{'P', 'K'};
  return is_zip ? open_zip_storages(path) : open_legacy_storages(path);
}

}  // namespace

TorchArchive::TorchArchive(const fs::path& path) : path_(path), storages_(open_storages(path)) {
  Collector found(path.string());
  found.visit(storages_->load(), "");
  for (const auto& [name, spec] : found.tensors) {
    const uint64_t available = storages_->size(spec->storage) / static_cast<uint64_t>(element_size(spec->type));
    if (spec->storage_size > available || !fits(*spec, spec->storage_size)) {
      throw InputError(
          concat(path.string(), " tensor '", name, "'"),
          concat("shape ", show_shape(spec->shape), " of ", data_type_name(spec->type), " at element ", spec->offset,
                 " does not lie in its storage '", spec->storage, "' of ", available, " elements"),
          kDamaged);
    }
    tensors_.emplace(name, TorchTensorEntry{spec->type, spec->shape, spec->storage, spec->offset, spec->strides});
  }
  extras_ = std::move(found.extras);
}

TorchArchive::~TorchArchive() = default;
TorchArchive::TorchArchive(TorchArchive&&) noexcept = default;

const TorchTensorEntry& TorchArchive::entry(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& item : tensors_) names.push_back(item.first);
  const std::string near = nearest(name, names);
  throw InputError(path_.string(), concat("has no tensor '", name, "'"),
                   near.empty() ? "" : concat("did you mean '", near, "'?"));
}

Bytes TorchArchive::read(const std::string& name) const {
  const TorchTensorEntry& found = entry(name);
  Bytes bytes = gather(storages_->read(found.storage), found);
  if (storages_->big_endian()) swap_bytes(bytes, static_cast<size_t>(element_size(found.type)));
  return bytes;
}

}  // namespace assemble
