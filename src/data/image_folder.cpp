// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/image_folder.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "folders.h"

namespace assemble {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr const char* kLayout = "expected one folder a class with .jpg, .jpeg, .png or .webp files in it";

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void require_folder(const fs::path& directory) {
  std::error_code code;
  const fs::file_status status = fs::status(directory, code);
  if (!fs::exists(status)) throw InputError(directory.string(), "no such folder", "check the path");
  if (!fs::is_directory(status)) throw InputError(directory.string(), "is a file, expected a folder");
}

[[noreturn]] void refuse_unreadable(const fs::path& directory, const fs::filesystem_error& error) {
  throw InputError(directory.string(), "cannot be listed: " + error.code().message(), "check its permissions");
}

void check_known(const fs::path& directory, const std::vector<std::string>& folders,
                 const std::vector<std::string>& known) {
  for (const std::string& folder : folders) {
    if (std::find(known.begin(), known.end(), folder) != known.end()) continue;
    const std::string near = nearest(folder, known);
    throw InputError((directory / folder).string(),
                     concat("is none of the ", known.size(), " classes expected",
                            near.empty() ? "" : "; the nearest is '" + near + "'"),
                     "rename or remove the folder");
  }
}

Sample read_sample(const fs::path& path, int64_t label) {
  Sample sample;
  sample.encoded = read_file(path, kMaxFileBytes);
  sample.label = label;
  sample.name = path.string();
  return sample;
}

}  // namespace

bool is_image_file(const fs::path& path) {
  const std::string extension = to_lower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

std::vector<std::string> folder_names(const fs::path& directory) {
  require_folder(directory);
  std::vector<std::string> names;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      if (entry.is_directory() && !is_hidden(entry.path())) names.push_back(entry.path().filename().string());
    }
  } catch (const fs::filesystem_error& error) {
    refuse_unreadable(directory, error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<fs::path> image_files(const fs::path& directory) {
  std::vector<fs::path> files;
  try {
    fs::recursive_directory_iterator entry(directory, fs::directory_options::follow_directory_symlink);
    for (; entry != fs::recursive_directory_iterator(); ++entry) {
      if (is_hidden(entry->path())) {
        entry.disable_recursion_pending();
      } else if (is_image_file(entry->path()) && !entry->is_directory()) {
        files.push_back(entry->path());
      }
    }
  } catch (const fs::filesystem_error& error) {
    refuse_unreadable(directory, error);
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return files;
}

ImageFolder::ImageFolder(const fs::path& directory, const std::vector<std::string>& class_names)
    : directory_(directory), class_names_(class_names) {
  const std::vector<std::string> folders = folder_names(directory);
  if (folders.empty()) throw InputError(directory.string(), "holds no class folders", kLayout);
  if (class_names_.empty()) class_names_ = folders;
  check_known(directory, folders, class_names_);
  for (size_t label = 0; label < class_names_.size(); ++label) {
    const fs::path folder = directory / class_names_[label];
    if (!std::binary_search(folders.begin(), folders.end(), class_names_[label])) {
      log_warning(folder.string() + ": this class has no folder here");
      continue;
    }
    const std::vector<fs::path> images = image_files(folder);
    if (images.empty()) throw InputError(folder.string(), "a class without images", kLayout);
    if (images.size() == 1) log_warning(folder.string() + ": this class has a single image");
    for (const fs::path& image : images) {
      files_.push_back({image.lexically_relative(directory), static_cast<int32_t>(label)});
    }
  }
}

Sample ImageFolder::read(int64_t index) const {
  const File& file = files_.at(static_cast<size_t>(index));
  return read_sample(directory_ / file.path, file.label);
}

int64_t ImageFolder::label(int64_t index) const { return files_.at(static_cast<size_t>(index)).label; }

UnlabelledImages::UnlabelledImages(const fs::path& path) : path_(path), files_(find_images(path)) {}

Sample UnlabelledImages::read(int64_t index) const { return read_sample(files_.at(static_cast<size_t>(index)), -1); }

fs::path UnlabelledImages::file(int64_t index) const {
  const fs::path& file = files_.at(static_cast<size_t>(index));
  return file == path_ ? file.filename() : file.lexically_relative(path_);
}

std::vector<fs::path> find_images(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) throw InputError(path.string(), "no such file or folder", "check the path");
  if (!fs::is_directory(status)) return {path};
  std::vector<fs::path> files = image_files(path);
  if (files.empty()) throw InputError(path.string(), "holds no .jpg, .jpeg, .png or .webp files");
  return files;
}

}  // namespace assemble
