// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/image_folder.h"

#include <algorithm>
#include <iterator>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/image/format.h"
#include "sources/listing.h"

namespace assemble {
namespace {

constexpr const char* kLayout = "expected one folder a class with images in it";

void warn_of_classes(const std::string& where, std::vector<std::string> classes, const char* what) {
  constexpr size_t kNamed = 3;
  if (classes.empty()) return;
  const size_t more = classes.size() - std::min(classes.size(), kNamed);
  classes.resize(classes.size() - more);
  log_warning(concat(where, ": ", more + classes.size() == 1 ? "a class has " : "classes have ", what, ": ",
                     join(classes, ", "), more > 0 ? concat(" and ", more, " more") : ""));
}

/// What lies there in the place of images.
std::string but_others(const ImageLister& lister) {
  const bool nothing_else = lister.passed_over().empty() || lister.passed_over().contains(kInNoClassFolder);
  return nothing_else ? "" : ", but " + passed_over_text(lister.passed_over());
}

}  // namespace

bool is_image_file(const fs::path& path) { return format_of_extension(path) != ImageFormat::kUnknown; }

ImageFolder::ImageFolder(const fs::path& directory, const std::vector<std::string>& class_names, bool may_be_empty)
    : directory_(directory), class_names_(class_names) {
  const std::string where = one_line(directory.string());
  auto folders = class_folders(folder_names(directory), where);
  ImageLister lister;
  lister.pass_over_files_in(directory);
  if (folders.empty()) throw InputError(where, "holds no class folders" + but_others(lister), kLayout);
  if (class_names_.empty()) {
    for (const auto& [name, folder] : folders) class_names_.push_back(name);
  }
  require_known_classes(folders, class_names_, where);
  std::vector<std::string> absent, single;
  for (size_t label = 0; label < class_names_.size(); ++label) {
    const auto found = folders.find(class_names_[label]);
    if (found == folders.end()) {
      absent.push_back(class_names_[label]);
      continue;
    }
    const fs::path folder = directory / found->second;
    folders.erase(found);  // models may have two classes of one name: the folder is the first's
    const std::vector<fs::path> images = lister.list(folder);
    if (images.empty() && !may_be_empty) {
      ImageLister alone;
      alone.list(folder);
      throw InputError(one_line(folder.string()), "a class without images" + but_others(alone), kLayout);
    }
    if (images.size() == 1) single.push_back(class_names_[label]);
    for (const fs::path& image : images) {
      files_.push_back({image.lexically_relative(directory), static_cast<int32_t>(label)});
    }
  }
  warn_of_classes(where, absent, "no folder here");
  warn_of_classes(where, single, "a single image");
  passed_over_ = lister.passed_over();
  warn_passed_over(passed_over_, where);
}

Sample ImageFolder::read(int64_t index) const {
  const File& file = files_.at(static_cast<size_t>(index));
  return read_image_file(directory_ / file.path, file.label);
}

int64_t ImageFolder::label(int64_t index) const { return files_.at(static_cast<size_t>(index)).label; }

UnlabelledImages::UnlabelledImages(const fs::path& path) : path_(path), files_(find_images(path)) {}

Sample UnlabelledImages::read(int64_t index) const { return read_image_file(files_.at(static_cast<size_t>(index)), -1); }

fs::path UnlabelledImages::file(int64_t index) const {
  const fs::path& file = files_.at(static_cast<size_t>(index));
  return file == path_ ? file.filename() : file.lexically_relative(path_);
}

std::vector<fs::path> find_images(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) throw InputError(path.string(), "no such file or folder", "check the path");
  if (!fs::is_directory(status)) return {path};
  ImageLister lister;
  std::vector<fs::path> files = lister.list(path);
  if (files.empty()) {
    throw InputError(path.string(), concat("holds no images (", readable_formats("or"), ")", but_others(lister)));
  }
  warn_passed_over(lister.passed_over(), path.string());
  return files;
}

}  // namespace assemble
