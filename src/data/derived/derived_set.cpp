// SPDX-License-Identifier: Apache-2.0
#include "derived/derived_set.h"

#include <algorithm>
#include <fstream>
#include <map>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

constexpr const char* kSources = "sources";
constexpr const char* kExif = "exif";
constexpr const char* kOtherHint = "use the same settings to go on, or write into another folder";

void check_class_names(const Dataset& dataset) {
  constexpr const char* kHint = "rename the class in classes.txt";
  std::map<std::string, std::string> folders;  // by what a file system without case makes of them
  for (const std::string& name : dataset.class_names()) {
    // Images of archives that lie in no folder have the class "" or ".".
    if (name == ".." || name.find('/') != std::string::npos) {
      throw InputError(dataset.where(), concat("class '", name, "' cannot be the name of a folder"), kHint);
    }
    const auto [earlier, is_new] = folders.emplace(to_lower(name), name);
    if (is_new) continue;
    throw InputError(dataset.where(), concat("classes '", earlier->second, "' and '", name, "' would share a folder"),
                     kHint);
  }
}

/// The folder of frames of one image may not lie in that of another.
void check_no_stem_above(const fs::path& stem, const std::map<std::string, int64_t>& stems, const std::string& file) {
  for (fs::path above = stem.parent_path(); !above.empty(); above = above.parent_path()) {
    if (!stems.contains(to_lower(above.string()))) continue;
    throw InputError(file, concat("lies in a folder that has the same name as the image ", above.string()),
                     "rename one of them");
  }
}

}  // namespace

fs::path derived_stem(const Dataset& dataset, int64_t index, int64_t label) {
  const fs::path name = image_name(dataset, index);
  if (images_are_files(dataset)) return fs::path(name).replace_extension();
  const bool known = label >= 0 && label < dataset.classes();
  return known ? fs::path(dataset.class_names()[static_cast<size_t>(label)]) / name : name;
}

void check_derived_names(const Dataset& dataset, bool folders) {
  if (!images_are_files(dataset)) return check_class_names(dataset);
  const auto full = [&](int64_t index) { return (fs::path(dataset.where()) / image_name(dataset, index)).string(); };
  std::map<std::string, int64_t> stems;  // in lower case
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const fs::path stem = image_name(dataset, i).replace_extension();
    const auto [earlier, is_new] = stems.emplace(to_lower(stem.string()), i);
    if (is_new) continue;
    const bool same = image_name(dataset, earlier->second).replace_extension() == stem;
    throw InputError(full(i),
                     concat("has the same name as ", full(earlier->second), " but for ",
                            same ? "its extension" : "upper and lower case", ", and both would become one file"),
                     "rename one of them");
  }
  for (int64_t i = 0; folders && i < dataset.size(); ++i) {
    check_no_stem_above(image_name(dataset, i).replace_extension(), stems, full(i));
  }
}

ordered_json derived_sources(const Dataset& dataset) {
  if (!images_are_files(dataset)) return nullptr;
  std::string names;
  uint32_t checksum = 0;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    names = image_name(dataset, i).string() + "\n";
    checksum = crc32c({reinterpret_cast<const uint8_t*>(names.data()), names.size()}, checksum);
  }
  return checksum;
}

ResumableFolder derived_folder(const fs::path& output, const std::string& record) {
  return {output,
          {.record = record,
           .what = "the record of such a set",
           .made_with = "was made with",
           .other_hint = kOtherHint,
           .damaged_hint = "write into another folder, or remove this one to start the set again"}};
}

void add_exif(ExifRule exif, ordered_json& settings) {
  if (exif == ExifRule::kTurn) settings[kExif] = kExifRules.name(exif);
}

ordered_json read_set_record(const ResumableFolder& set, const ordered_json& settings,
                             const std::vector<std::string>& parts) {
  const ordered_json before = set.read();
  if (before.is_null()) {
    set.require_new(parts);
    return before;
  }
  ordered_json compared = settings;
  if (before.contains(kExif) && !settings.contains(kExif)) compared[kExif] = kExifRules.name(ExifRule::kIgnore);
  // Sets of earlier versions know neither their sources nor their split.
  const std::vector<std::string> optional{kSources, "split"};
  if (ResumableFolder::first_change(before, compared, optional) == kSources) {
    throw UsageError(set.record().string(), "was made of images of other names, or in another order", kOtherHint);
  }
  set.require_same(before, compared, optional);
  return before;
}

bool is_whole_image(const fs::path& path, ImageFormat format, int side) {
  constexpr size_t kHeader = 4096;
  const std::string_view ending = format == ImageFormat::kJpeg ? "\xFF\xD9" : "IEND\xAE\x42\x60\x82";
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = stream ? static_cast<std::streamoff>(stream.tellg()) : 0;
  if (size < static_cast<std::streamoff>(ending.size())) return false;
  std::string tail(ending.size(), '\0');
  stream.seekg(-static_cast<std::streamoff>(ending.size()), std::ios::end);
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  Bytes header(std::min(kHeader, static_cast<size_t>(size)));
  stream.seekg(0);
  stream.read(reinterpret_cast<char*>(header.data()), static_cast<std::streamsize>(header.size()));
  if (!stream || tail != ending || detect_format(header) != format) return false;
  try {
    const ImageSize found = read_image_size(header, path.string());
    return side == 0 || (found.height == side && found.width == side);
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace assemble
