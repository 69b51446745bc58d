// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/zip_dataset.h"

#include <zip.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"

namespace assemble {
namespace {

constexpr uint64_t kMaxEntryBytes = uint64_t{1} << 30;
constexpr size_t kChunk = size_t{1} << 18;

using Handle = std::unique_ptr<zip_t, decltype(&zip_discard)>;

Handle open_zip(const fs::path& path) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (archive != nullptr) return {archive, zip_discard};
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string message = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw InputError(path.string(), "cannot be read as a zip file: " + message, "copy it again");
}

struct Entry {
  zip_uint64_t index;
  std::string name;
  std::string class_name;
  int64_t label = 0;
};

bool is_validation(const std::string& part) { return part == "validation" || part == "val" || part == "test"; }

struct Listing {
  std::vector<Entry> train;
  std::map<std::string, std::vector<Entry>> validation;  // by the folder's name
  std::vector<Entry> without_split;
};

Listing list(zip_t* archive) {
  Listing listing;
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* stored = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
    if (stored == nullptr) continue;
    const std::string name = stored;
    std::vector<std::string> parts = split(name, '/');
    const bool hidden = std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
      return part.starts_with('.') || part == "__MACOSX";
    });
    if (hidden || parts.size() < 2 || !is_image_file(name)) continue;
    const auto split_part = std::find_if(
        parts.begin(), parts.end() - 1, [](const std::string& part) { return part == "train" || is_validation(part); });
    Entry entry{static_cast<zip_uint64_t>(i), name, parts[parts.size() - 2]};
    if (split_part >= parts.end() - 2) {
      listing.without_split.push_back(entry);
      continue;
    }
    entry.class_name = *(split_part + 1);
    (*split_part == "train" ? listing.train : listing.validation[*split_part]).push_back(entry);
  }
  return listing;
}

std::vector<std::string> classes_of(const std::vector<Entry>& entries) {
  std::set<std::string> names;
  for (const Entry& entry : entries) names.insert(entry.class_name);
  return {names.begin(), names.end()};
}

}  // namespace

/// libzip's handles serve one thread at a time, so each reading thread takes one and puts it back.
struct ZipDataset::Archive {
  explicit Archive(fs::path path) : path(std::move(path)) {}

  Handle take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Handle handle = std::move(idle.back());
        idle.pop_back();
        return handle;
      }
    }
    return open_zip(path);
  }
  void put_back(Handle handle) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(handle));
  }

  fs::path path;
  std::vector<Entry> entries;
  std::mutex mutex;
  std::vector<Handle> idle;
};

ZipDataset::ZipDataset(fs::path file, Split split) : archive_(std::make_unique<Archive>(std::move(file))) {
  Handle handle = archive_->take();
  Listing listing = list(handle.get());
  archive_->put_back(std::move(handle));
  std::vector<Entry>& entries = archive_->entries;
  if (split == Split::kTrain) {
    entries = std::move(listing.train);
    class_names_ = classes_of(entries);
  } else {
    for (const char* name : {"validation", "val", "test"}) {
      if (entries.empty()) entries = std::move(listing.validation[name]);
    }
    if (entries.empty() && listing.train.empty()) entries = std::move(listing.without_split);
    class_names_ = classes_of(listing.train.empty() ? entries : listing.train);
  }
  if (entries.empty()) {
    throw InputError(where(), concat("holds no ", split == Split::kTrain ? "training" : "validation", " images"),
                     "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, test)");
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  for (Entry& entry : entries) {
    const auto found = std::lower_bound(class_names_.begin(), class_names_.end(), entry.class_name);
    if (found == class_names_.end() || *found != entry.class_name) {
      throw InputError(where() + ": " + entry.name, "is in none of the classes of training", "remove the folder");
    }
    entry.label = found - class_names_.begin();
  }
}

ZipDataset::~ZipDataset() = default;

int64_t ZipDataset::size() const { return static_cast<int64_t>(archive_->entries.size()); }
int64_t ZipDataset::label(int64_t index) const { return archive_->entries.at(static_cast<size_t>(index)).label; }
std::string ZipDataset::where() const { return archive_->path.string(); }

Sample ZipDataset::read(int64_t index) const {
  const Entry& entry = archive_->entries.at(static_cast<size_t>(index));
  Sample sample;
  sample.name = where() + ": " + entry.name;
  sample.label = entry.label;
  Handle handle = archive_->take();
  std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(handle.get(), entry.index, 0), zip_fclose);
  if (!file) throw InputError(sample.name, std::string("cannot be read: ") + zip_strerror(handle.get()));
  for (;;) {
    const size_t size = sample.encoded.size();
    if (size > kMaxEntryBytes) throw InputError(sample.name, concat("has more than ", kMaxEntryBytes, " bytes"));
    sample.encoded.resize(size + kChunk);
    const zip_int64_t count = zip_fread(file.get(), sample.encoded.data() + size, kChunk);
    sample.encoded.resize(size + static_cast<size_t>(std::max<zip_int64_t>(count, 0)));
    if (count < 0)
      throw InputError(sample.name, std::string("damaged: ") + zip_file_strerror(file.get()), "copy it again");
    if (count == 0) break;
  }
  file.reset();  // before another thread gets the handle
  archive_->put_back(std::move(handle));
  return sample;
}

}  // namespace assemble
