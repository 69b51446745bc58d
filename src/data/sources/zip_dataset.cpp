// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/zip_dataset.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/data/image_folder.h"
#include "sources/archive_layout.h"
#include "sources/listing.h"

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
  uint64_t size;
  std::string name;
  int64_t label;
};

struct Listing {
  std::vector<zip_uint64_t> indexes;  ///< of the images
  std::vector<std::string> images;
  std::vector<std::string> others;
};

Listing list(zip_t* archive, const std::string& where) {
  Listing listing;
  bool converted = false;
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* name = zip_get_name(archive, index, ZIP_FL_ENC_GUESS);
    if (name == nullptr || holds_debris(name) || std::string_view(name).find_last_of("/\\") + 1 == std::strlen(name)) {
      continue;
    }
    const char* raw = zip_get_name(archive, index, ZIP_FL_ENC_RAW);
    converted = converted || (raw != nullptr && !is_utf8(raw));
    if (is_image_file(name)) {
      listing.indexes.push_back(index);
      listing.images.emplace_back(name);
    } else {
      listing.others.emplace_back(name);
    }
  }
  if (converted) log_warning(where + ": names that are not UTF-8 are read in code page 437, as zip files have them");
  return listing;
}

/// Classes of a split by their folders' names as stored.
std::map<std::string, std::string> classes_of(const ArchiveLayout& layout, const std::vector<std::string>& images,
                                              const std::string& split, const std::string& where) {
  std::set<std::string> folders;
  for (const std::string& image : images) {
    const auto folder = layout.class_of(image, split);
    if (folder && !folder->empty()) folders.insert(*folder);
  }
  return class_folders({folders.begin(), folders.end()}, where);
}

/// Size of an entry. @throws InputError when it cannot be read at all
uint64_t check_entry(zip_t* archive, zip_uint64_t index, const std::string& where) {
  zip_stat_t status;
  if (zip_stat_index(archive, index, 0, &status) != 0) {
    throw InputError(where, std::string("cannot be read: ") + zip_strerror(archive), "copy the zip file again");
  }
  if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && status.encryption_method != ZIP_EM_NONE) {
    throw InputError(where, "is encrypted", "unpack the zip file, or make one without a password");
  }
  if ((status.valid & ZIP_STAT_COMP_METHOD) != 0 && zip_compression_method_supported(status.comp_method, 0) == 0) {
    throw InputError(where, concat("is compressed by method ", status.comp_method, ", which cannot be read"),
                     "make the zip file with 'deflate' or without compression");
  }
  return (status.valid & ZIP_STAT_SIZE) != 0 ? status.size : 0;
}

}  // namespace

/// libzip's handles serve one thread at a time, so each reading thread takes one and puts it back.
struct ZipDataset::Archive {
  explicit Archive(fs::path file) : path(std::move(file)) {}

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

ZipDataset::ZipDataset(fs::path file, Split split)
    : ZipDataset(std::move(file), ArchivePart{split, ClassRule::kOfTraining, false}) {}

ZipDataset::ZipDataset(fs::path file, const ArchivePart& part)
    : archive_(std::make_unique<Archive>(std::move(file))), any_label_(!part.split) {
  const std::string where = one_line(archive_->path.string());
  Handle handle = archive_->take();
  const Listing listing = list(handle.get(), where);
  const ArchiveLayout layout(listing.images, /*labelled=*/false, where);
  part_ = layout.choose(part, where);
  const auto folders = classes_of(layout, listing.images, part_, where);
  const bool of_training = has_training_classes(part.split, part.rule);
  const std::string naming = of_training ? layout.training(where).value_or(part_) : part_;
  for (const auto& [name, folder] : classes_of(layout, listing.images, naming, where)) class_names_.push_back(name);
  require_known_classes(folders, class_names_, where);

  std::map<std::string, int64_t> labels;
  for (const auto& [name, folder] : folders) {
    labels[folder] = std::lower_bound(class_names_.begin(), class_names_.end(), name) - class_names_.begin();
  }
  for (size_t i = 0; i < listing.images.size(); ++i) {
    const std::string& name = listing.images[i];
    const auto folder = layout.class_of(name, part_);
    if ((!folder && part_.empty()) || (folder && folder->empty() && !any_label_)) {
      ++passed_over_[kInNoClassFolder];
    } else if (folder) {
      const uint64_t size = check_entry(handle.get(), listing.indexes[i], where + ": " + one_line(name));
      archive_->entries.push_back({listing.indexes[i], size, name, folder->empty() ? -1 : labels.at(*folder)});
    }
  }
  archive_->put_back(std::move(handle));
  for (const std::string& other : listing.others) {
    if (layout.class_of(other, part_)) pass_over(passed_over_, other);
  }
  warn_passed_over(passed_over_, where);
  if (archive_->entries.empty()) {
    throw InputError(
        where,
        concat("holds no ",
               part.split == Split::kTrain ? "training" : split_name(part.split.value_or(Split::kValidation)),
               " images"),
        "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, valid, test)");
  }
  std::sort(archive_->entries.begin(), archive_->entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
}

ZipDataset::~ZipDataset() = default;

int64_t ZipDataset::size() const { return static_cast<int64_t>(archive_->entries.size()); }
int64_t ZipDataset::label(int64_t index) const { return archive_->entries.at(static_cast<size_t>(index)).label; }
std::string ZipDataset::where() const { return archive_->path.string(); }

Sample ZipDataset::read(int64_t index) const {
  const Entry& entry = archive_->entries.at(static_cast<size_t>(index));
  Sample sample;
  sample.name = one_line(where() + ": " + entry.name);
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
  if (sample.encoded.size() != entry.size) {
    throw InputError(sample.name, concat("has ", sample.encoded.size(), " bytes, its header says ", entry.size),
                     "copy it again");
  }
  file.reset();  // before another thread gets the handle
  archive_->put_back(std::move(handle));
  return sample;
}

}  // namespace assemble
