// SPDX-License-Identifier: Apache-2.0
#include "torch_storages.h"

#include <zip.h>

#include <cstring>
#include <optional>

#include "assemble/core/error.h"

namespace assemble {

using pickle::Unpickler;
using pickle::Value;

namespace {

constexpr const char* kCopyAgain = "the file is damaged or incomplete: copy it again";
constexpr uint64_t kPickleLimit = uint64_t{1} << 28;

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
      throw InputError(path.string(), concat("is no file of torch.save: ", text), kCopyAgain);
    }
    try {
      find_root();
      read_byte_order();
    } catch (...) {
      zip_discard(archive_);
      throw;
    }
  }
  ~ZipStorages() override { zip_discard(archive_); }
  ZipStorages(const ZipStorages&) = delete;
  ZipStorages& operator=(const ZipStorages&) = delete;

  const Value& load() override {
    const std::string name = root_ + "data.pkl";
    pickled_ = read_entry(name, kPickleLimit);
    return unpickler_.emplace(pickled_, place(name)).load();
  }
  Bytes read(const std::string& key) const override { return read_entry(root_ + "data/" + key); }
  uint64_t size(const std::string& key) const override { return stat(root_ + "data/" + key).size; }
  bool big_endian() const override { return big_endian_; }

 private:
  std::string place(const std::string& name) const { return concat(path_.string(), " entry '", name, "'"); }

  Bytes read_entry(const std::string& name, uint64_t limit = UINT64_MAX) const {
    const zip_stat_t found = stat(name);
    if (found.size > limit) throw InputError(place(name), concat("has ", found.size, " bytes, at most ", limit));
    Bytes bytes(found.size);
    zip_file_t* file = zip_fopen_index(archive_, found.index, 0);
    const zip_int64_t got = file == nullptr ? -1 : zip_fread(file, bytes.data(), bytes.size());
    // Only the read that finds the entry's end compares the checksum.
    char beyond = 0;
    const bool sound = got == static_cast<zip_int64_t>(bytes.size()) && zip_fread(file, &beyond, 1) == 0;
    const std::string text = file == nullptr ? zip_strerror(archive_) : zip_file_strerror(file);
    if (file != nullptr) zip_fclose(file);
    if (!sound) throw InputError(place(name), concat("cannot be read: ", text), kCopyAgain);
    return bytes;
  }

  zip_stat_t stat(const std::string& name) const {
    zip_stat_t found;
    if (zip_stat(archive_, name.c_str(), 0, &found) != 0) throw InputError(place(name), "is missing", kCopyAgain);
    constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if ((found.valid & kWanted) != kWanted || found.comp_method != ZIP_CM_STORE || found.comp_size != found.size) {
      throw InputError(place(name), "is compressed, which torch.save never does",
                       "load and save it again with PyTorch");
    }
    if (found.size > fs::file_size(path_)) {
      throw InputError(place(name), concat("is given as ", found.size, " bytes, more than the file has"), kCopyAgain);
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

  void read_byte_order() {
    const std::string name = root_ + "byteorder";
    if (zip_name_locate(archive_, name.c_str(), 0) < 0) return;  // absent before PyTorch 2.1
    const Bytes bytes = read_entry(name, 64);
    const std::string order(bytes.begin(), bytes.end());
    if (order != "little" && order != "big") throw InputError(place(name), "is neither little nor big", kCopyAgain);
    big_endian_ = order == "big";
  }

  fs::path path_;
  zip_t* archive_ = nullptr;
  std::string root_;
  bool big_endian_ = false;
  Bytes pickled_;
  std::optional<Unpickler> unpickler_;
};

/// Five pickles (a magic number, a version, facts of the machine, the object, the keys of the storages), then for each
/// storage its count of elements and its bytes, which are little-endian whatever machine wrote them.
class LegacyStorages : public TorchArchive::Storages {
 public:
  explicit LegacyStorages(const fs::path& path)
      : path_(path), bytes_(read_file(path)), unpickler_(bytes_, path.string()) {}

  const Value& load() override {
    for (int i = 0; i < 3; ++i) unpickler_.load();
    const Value& object = unpickler_.load();
    find_storages(unpickler_.load());
    return object;
  }

  Bytes read(const std::string& key) const override {
    const auto [position, length] = place(key);
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(position);
    return {begin, begin + static_cast<std::ptrdiff_t>(length)};
  }
  uint64_t size(const std::string& key) const override { return place(key).second; }

 private:
  void find_storages(const Value& keys) {
    uint64_t position = unpickler_.position();
    for (const Value* key : keys.items) {
      const auto named = unpickler_.storages().find(key->text);
      if (named == unpickler_.storages().end()) {
        throw InputError(path_.string(), concat("no tensor uses storage '", key->text, "'"), kCopyAgain);
      }
      uint64_t count = 0, size = 0;
      if (bytes_.size() - position >= sizeof(count)) {
        std::memcpy(&count, bytes_.data() + position, sizeof(count));
        position += sizeof(count);
      }
      if (__builtin_mul_overflow(count, static_cast<uint64_t>(named->second.element_size), &size) ||
          size > bytes_.size() - position) {
        throw InputError(
            concat(path_.string(), " at offset ", position),
            concat("storage '", key->text, "' has ", count, " elements, but the file ends at ", bytes_.size()),
            kCopyAgain);
      }
      places_.emplace(key->text, std::pair(position, size));
      position += size;
    }
  }

  std::pair<uint64_t, uint64_t> place(const std::string& key) const {
    const auto found = places_.find(key);
    if (found == places_.end()) throw InputError(path_.string(), concat("has no storage '", key, "'"), kCopyAgain);
    return found->second;
  }

  fs::path path_;
  Bytes bytes_;
  Unpickler unpickler_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> places_;  // offset and size, bytes
};

}  // namespace

std::unique_ptr<TorchArchive::Storages> open_zip_storages(const fs::path& path) {
  return std::make_unique<ZipStorages>(path);
}

std::unique_ptr<TorchArchive::Storages> open_legacy_storages(const fs::path& path) {
  return std::make_unique<LegacyStorages>(path);
}

}  // namespace assemble
