// SPDX-License-Identifier: Apache-2.0
// What lies in folders and archives, and what of it is data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/data/dataset.h"

namespace assemble {

/// Labels that images without a list of classes may have.
inline constexpr int64_t kMaxClasses = 1 << 20;

/// What images that lie beside class folders are counted as.
inline constexpr const char* kInNoClassFolder = "in no class folder";

/// Is it a file or folder that systems leave beside data: hidden, thumbnails, bins, metadata of macOS, Windows and NAS?
bool is_debris(std::string_view name);

/// Is any part of a path within an archive debris?
bool holds_debris(std::string_view path);

/// Parts of a path within an archive; "." and empty ones left out. Windows' separator is taken where no '/' is.
std::vector<std::string> path_parts(std::string_view path);

/// Counts a file that is no image, by its extension.
void pass_over(PassedOver& counts, const fs::path& file);

/// "12 .mp4, 1 .txt", most first.
std::string passed_over_text(const PassedOver& counts);

/// One warning that names what was passed over; none when nothing was.
void warn_passed_over(const PassedOver& counts, const std::string& where);

/// Names of the folders in a folder, but for debris and links that lead back to a folder around them, in byte order.
/// @throws InputError when it does not exist, is no folder or cannot be read
std::vector<std::string> folder_names(const fs::path& directory);

/// Does an image lie in the folder itself?
bool holds_images(const fs::path& directory);

/// An image that is a file of its own.
/// @throws InputError when it cannot be read
Sample read_image_file(const fs::path& path, int64_t label);

/// Lists images below folders, links followed, each real folder once.
class ImageLister {
 public:
  /// Image files below a folder by extension, in byte order of their paths. Links that lead nowhere are listed too.
  /// @throws InputError when a folder cannot be read, or was listed by an earlier call already
  std::vector<fs::path> list(const fs::path& folder);

  /// Counts the files that lie in the folder itself, as ones that are not taken.
  void pass_over_files_in(const fs::path& folder);

  const PassedOver& passed_over() const { return passed_over_; }

 private:
  void visit(const fs::path& folder, const fs::path& real);
  void take(const fs::directory_entry& entry);

  fs::path start_;  ///< of the call
  std::vector<fs::path> files_;
  std::map<fs::path, fs::path> seen_;  ///< real folders, and the call's start under which they were listed
  PassedOver passed_over_;
};

/// Classes by the folders that stand for them: name as text to name as stored. Names that are not UTF-8 are said.
/// @throws InputError for a name with control characters, and for two folders of one name in different spellings
std::map<std::string, std::string> class_folders(const std::vector<std::string>& folders, const std::string& where);

/// @throws InputError naming the first class that is not among those expected, and the nearest
void require_known_classes(const std::map<std::string, std::string>& folders, const std::vector<std::string>& known,
                           const std::string& where);

}  // namespace assemble
