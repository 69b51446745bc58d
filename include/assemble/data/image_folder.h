// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/data/dataset.h"

namespace assemble {

/// A folder a class, named after it; classes in byte order of their names, which are UTF-8 in composed form whatever
/// bytes the folders have. Files by their extensions (format_of_extension()); others are counted and named in a
/// warning, hidden files and what systems leave (thumbnails, bins, metadata) are not. Images may lie in sub-folders of
/// a class folder and behind links; a real folder is listed once.
class ImageFolder : public Dataset {
 public:
  /// @param class_names when not empty, the classes expected (a trained model's, or the training split's), in order
  /// @param may_be_empty take classes without images too
  /// @throws InputError for no class folders, a class without images, a folder that is no known class, two folders of
  ///         one name, or one folder that links put into two classes
  explicit ImageFolder(const fs::path& directory, const std::vector<std::string>& class_names = {},
                       bool may_be_empty = false);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override;
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::string where() const override { return directory_.string(); }
  PassedOver passed_over() const override { return passed_over_; }
  /// Path relative to the folder.
  const fs::path& file(int64_t index) const { return files_.at(static_cast<size_t>(index)).path; }

 private:
  struct File {
    fs::path path;
    int32_t label;
  };
  fs::path directory_;
  std::vector<std::string> class_names_;
  std::vector<File> files_;
  PassedOver passed_over_;
};

/// Names of the classes whose folders lie in a folder, in order of their labels.
std::vector<std::string> class_names_in(const fs::path& directory);

/// Image files without labels (-1): one file, or all below a folder.
class UnlabelledImages : public Dataset {
 public:
  /// @throws InputError as find_images does
  explicit UnlabelledImages(const fs::path& path);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override { return -1; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::string where() const override { return path_.string(); }
  /// Path relative to the folder; of one file its name.
  fs::path file(int64_t index) const;

 private:
  fs::path path_;
  std::vector<fs::path> files_;
  std::vector<std::string> class_names_;  // none
};

/// Whether the file's extension is one that data sets are made of.
bool is_image_file(const fs::path& path);

/// Image files of a folder (recursively) or the file itself, in byte order of their paths.
/// @throws InputError when the path does not exist or holds no image
std::vector<fs::path> find_images(const fs::path& path);

}  // namespace assemble
