// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/torch_archive.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "pickle.h"
#include "shape.h"

namespace assemble {

using pickle::Unpickler;
using pickle::Value;

/// Bytes of the storages of a file.
class TorchArchive::Storages {
 public:
  virtual ~Storages() = default;
  /// Whole storage. @throws InputError when it is not there or damaged
  virtual Bytes read(const std::string& key) const = 0;
  /// Bytes that read() would give. @throws InputError when it is not there
  virtual uint64_t size(const std::string& key) const = 0;
};

namespace {

constexpr const char* kDamaged = "the file is damaged or incomplete: copy it again";
constexpr int kDepthLimit = 4;
constexpr uint64_t kPickleLimit = uint64_t{1} << 28;
// What a file of PyTorch before 1.6 begins with: PROTO 2, LONG1 of ten bytes, and that number.
constexpr std::array<uint8_t, 15> kLegacyStart{0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                               0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

/// A zip archive whose entries are stored without compression, as torch.save leaves them: so no entry can be larger
/// than the file.
class ZipStorages : public TorchArchive::Storages {
 public:
  explicit ZipStorages(const fs::path& path) : path_(path) {
    int code = 0;
    archive_ = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (archive_ == nullptr) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string text = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw InputError(path.string(), concat("is no file of torch.save: ", text), kDamaged);
    }
    try {
      find_root();
      check_byte_order();
    } catch (...) {
      zip_discard(archive_);
      throw;
    }
  }
  ~ZipStorages() override { zip_discard(archive_); }
  ZipStorages(const ZipStorages&) = delete;
  ZipStorages& operator=(const ZipStorages&) = delete;

  Bytes read(const std::string& key) const override { return read_entry(root_ + "data/" + key); }
  uint64_t size(const std::string& key) const override { return stat(root_ + "data/" + key).size; }
  std::string place(const std::string& name) const { return concat(path_.string(), " entry '", name, "'"); }
  std::string pickle_name() const { return root_ + "data.pkl"; }

  Bytes read_entry(const std::string& name, uint64_t limit = UINT64_MAX) const {
    const zip_stat_t found = stat(name);
    if (found.size > limit) throw InputError(place(name), concat("has ", found.size, " bytes, at most ", limit));
    Bytes bytes(found.size);
    zip_file_t* file = zip_fopen_index(archive_, found.index, 0);
    const zip_int64_t got = file == nullptr ? -1 : zip_fread(file, bytes.data(), bytes.size());
    // The read beyond the end is where libzip compares the checksum.
    char beyond = 0;
    const bool sound = got == static_cast<zip_int64_t>(bytes.size()) && zip_fread(file, &beyond, 1) == 0;
    const std::string text = file == nullptr ? zip_strerror(archive_) : zip_file_strerror(file);
    if (file != nullptr) zip_fclose(file);
    if (!sound) throw InputError(place(name), concat("cannot be read: ", text), kDamaged);
    return bytes;
  }

 private:
  zip_stat_t stat(const std::string& name) const {
    zip_stat_t found;
    if (zip_stat(archive_, name.c_str(), 0, &found) != 0) throw InputError(place(name), "is missing", kDamaged);
    constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if ((found.valid & kWanted) != kWanted || found.comp_method != ZIP_CM_STORE || found.comp_size != found.size) {
      throw InputError(place(name), "is compressed, which torch.save never does",
                       "load and save it again with PyTorch");
    }
    if (found.size > fs::file_size(path_)) {
      throw InputError(place(name), concat("is given as ", found.size, " bytes, more than the file has"), kDamaged);
    }
    return found;
  }

  void find_root() {
    for (zip_int64_t i = 0, count = zip_get_num_entries(archive_, 0); i < count; ++i) {
      const char* name = zip_get_name(archive_, static_cast<zip_uint64_t>(i), 0);
      const std::string text = name == nullptr ? "" : name;
      if (text != "data.pkl" && !text.ends_with("/data.pkl")) continue;
      root_ = text.substr(0, text.size() - std::strlen("data.pkl"));
      return;
    }
    throw InputError(path_.string(), "is a zip archive without data.pkl, so torch.save did not write it",
                     "give a file of torch.save(model.state_dict(), FILE)");
  }

  void check_byte_order() const {
    const std::string name = root_ + "byteorder";
    if (zip_name_locate(archive_, name.c_str(), 0) < 0) return;  // absent before PyTorch 2.1
    const Bytes order = read_entry(name, 64);
    if (std::string(order.begin(), order.end()) != "little") {
      throw InputError(place(name), "the file was written by a big-endian machine, which is not supported");
    }
  }

  fs::path path_;
  zip_t* archive_ = nullptr;
  std::string root_;
};

/// The format before PyTorch 1.6: five pickles (a magic number, a version, facts of the machine, the object, the keys
/// of the storages), then for each storage its count of elements and its bytes.
class LegacyStorages : public TorchArchive::Storages {
 public:
  explicit LegacyStorages(const fs::path& path)
      : path_(path), bytes_(read_file(path)), unpickler_(bytes_, path.string()) {
    for (int i = 0; i < 3; ++i) unpickler_.load();
  }

  Unpickler& unpickler() { return unpickler_; }

  /// @param elements bytes of an element by the storage's key
  void find_storages(const std::map<std::string, int64_t>& elements) {
    const Value& keys = unpickler_.load();
    uint64_t position = unpickler_.position();
    for (const Value* key : keys.items) {
      const auto element = elements.find(key->text);
      if (element == elements.end())
        throw InputError(path_.string(), concat("no tensor uses storage '", key->text, "'"));
      uint64_t count = 0, size = 0;
      if (bytes_.size() - position >= sizeof(count)) {
        std::memcpy(&count, bytes_.data() + position, sizeof(count));
        position += sizeof(count);
      }
      if (__builtin_mul_overflow(count, static_cast<uint64_t>(element->second), &size) ||
          size > bytes_.size() - position) {
        throw InputError(
            concat(path_.string(), " at offset ", position),
            concat("storage '", key->text, "' has ", count, " elements, but the file ends at ", bytes_.size()),
            kDamaged);
      }
      places_.emplace(key->text, std::pair(position, size));
      position += size;
    }
  }

  Bytes read(const std::string& key) const override {
    const auto [position, length] = place(key);
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(position);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
  }
  uint64_t size(const std::string& key) const override { return place(key).second; }

 private:
  std::pair<uint64_t, uint64_t> place(const std::string& key) const {
    const auto found = places_.find(key);
    if (found == places_.end()) throw InputError(path_.string(), concat("has no storage '", key, "'"), kDamaged);
    return found->second;
  }

  fs::path path_;
  Bytes bytes_;
  Unpickler unpickler_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> places_;  // offset and size, bytes
};

using Tensors = std::map<std::string, const pickle::TensorSpec*>;

void collect(const Value& value, const std::string& name, int depth, const std::string& where, Tensors& tensors) {
  if (value.kind == Value::Kind::kTensor) {
    if (!tensors.emplace(name, &value.tensor).second) {
      throw InputError(concat(where, " tensor '", name, "'"), "occurs twice");
    }
    return;
  }
  if (value.kind != Value::Kind::kDict || depth == kDepthLimit) return;
  for (const auto& [key, item] : value.entries) {
    if (key->kind != Value::Kind::kString) continue;  // an optimizer's parameters have numbers
    collect(*item, name.empty() ? key->text : concat(name, ".", key->text), depth + 1, where, tensors);
  }
}

/// Largest number of elements that the view reaches into its storage, and no more elements than that: shapes repeated
/// by strides of 0 could ask for any amount of memory.
bool fits(const pickle::TensorSpec& spec, uint64_t available) {
  uint64_t count = 0;
  if (!byte_count(spec.shape, 1, count) || count > available) return false;
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

bool is_legacy(const fs::path& path) {
  const RandomAccessFile file(path);
  std::array<uint8_t, kLegacyStart.size()> start{};
  if (file.size() < start.size()) return false;
  file.read(0, start);
  return start == kLegacyStart;
}

}  // namespace

TorchArchive::TorchArchive(const fs::path& path) : path_(path) {
  Tensors found;
  std::unique_ptr<Unpickler> unpickler;  // keeps what `found` points to
  Bytes pickled;
  if (is_legacy(path)) {
    auto legacy = std::make_unique<LegacyStorages>(path);
    collect(legacy->unpickler().load(), "", 0, path.string(), found);
    std::map<std::string, int64_t> elements;
    for (const auto& [name, spec] : found) elements.emplace(spec->storage, element_size(spec->type));
    legacy->find_storages(elements);
    storages_ = std::move(legacy);
  } else {
    auto zip = std::make_unique<ZipStorages>(path);
    pickled = zip->read_entry(zip->pickle_name(), kPickleLimit);
    unpickler = std::make_unique<Unpickler>(pickled, zip->place(zip->pickle_name()));
    collect(unpickler->load(), "", 0, path.string(), found);
    storages_ = std::move(zip);
  }
  for (const auto& [name, spec] : found) {
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
  return gather(storages_->read(found.storage), found);
}

}  // namespace assemble
