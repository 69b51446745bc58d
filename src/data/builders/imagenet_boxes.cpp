// SPDX-License-Identifier: Apache-2.0
#include "builders/imagenet_boxes.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "builders/box_xml.h"
#include "builders/raw_files.h"
#include "builders/tar_walk.h"

namespace assemble::raw {
namespace {

constexpr uint64_t kMaxXmlBytes = 1 << 24;
constexpr int kMaxSide = 1 << 20;

}  // namespace

ImageNetBoxes::ImageNetBoxes(const fs::path& raw) {
  const auto add = [&](const char* name, void (ImageNetBoxes::*read)(const fs::path&)) {
    if (!fs::exists(raw / name)) return;
    (this->*read)(raw / name);
    close_source(raw / name);
  };
  add("bounding_boxes", &ImageNetBoxes::add_folder);
  add("Annotations", &ImageNetBoxes::add_folder);
  add("ILSVRC2012_bbox_train_v2.tar.gz", &ImageNetBoxes::add_archive);
  add("ILSVRC2012_bbox_val_v3.tgz", &ImageNetBoxes::add_archive);
  add("imagenet_2012_bounding_boxes.csv", &ImageNetBoxes::add_shares);
  add("LOC_train_solution.csv", &ImageNetBoxes::add_solution);
  add("LOC_val_solution.csv", &ImageNetBoxes::add_solution);
  if (unreadable_ > 0) log_warning(concat(unreadable_, " annotations could not be read; their images have no boxes"));
}

void ImageNetBoxes::give(RawImage& image, const std::string& file_name) const {
  const auto found = boxes_.find(fs::path(file_name).stem().string());
  if (found == boxes_.end()) return;
  image.boxes = found->second.relative;
  image.pixel_boxes = found->second.pixels;
}

void ImageNetBoxes::close_source(const fs::path& file) {
  log_info(concat(file.string(), ": boxes of ", source_.size(), " images"));
  boxes_.merge(source_);  // those that stand there already stay
  source_.clear();
}

void ImageNetBoxes::add_xml(const std::string& stem, std::span<const uint8_t> xml, const std::string& where) {
  try {
    source_[stem].relative = parse_boxes(xml, where);
  } catch (const InputError& error) {
    if (++unreadable_ <= 10) log_warning(error.what());
  }
}

void ImageNetBoxes::add_folder(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".xml") continue;
    add_xml(path.stem().string(), read_file(path, kMaxXmlBytes), path.string());
  }
}

void ImageNetBoxes::add_archive(const fs::path& file) {
  for (TarWalk tar(file); tar.next();) {
    const fs::path name(tar.name());
    if (name.extension() != ".xml") throw InputError(tar.where(), "is no annotation (.xml)");
    add_xml(name.stem().string(), tar.read(kMaxXmlBytes), tar.where());
  }
}

void ImageNetBoxes::add_shares(const fs::path& file) {
  for (const Line& line : read_lines(file)) {
    const std::vector<std::string> cells = csv_cells(line.text);
    float sides[4] = {};
    bool good = cells.size() == 5;
    for (size_t i = 0; good && i < 4; ++i) {
      std::string_view rest;
      const auto value = parse_number(cells[i + 1], &rest);
      good = value && rest.empty() && *value >= 0 && *value <= 1;
      if (good) sides[i] = static_cast<float>(*value);
    }
    if (!good) throw InputError(line.where, "'" + line.text + "', expected NAME.JPEG,XMIN,YMIN,XMAX,YMAX in 0…1");
    if (sides[2] <= sides[0] || sides[3] <= sides[1]) continue;
    source_[fs::path(cells[0]).stem().string()].relative.push_back({sides[1], sides[0], sides[3], sides[2]});
  }
}

void ImageNetBoxes::add_solution(const fs::path& file) {
  for (const Line& line : read_lines(file)) {
    const std::vector<std::string> cells = csv_cells(line.text);
    if (cells[0] == "ImageId") continue;
    if (cells.size() != 2)
      throw InputError(line.where, "'" + line.text + "', expected NAME,SYNSET XMIN YMIN XMAX YMAX");
    const std::vector<std::string> words = Line{cells[1], line.where}.words(5);
    if (words.size() % 5 != 0) throw InputError(line.where, "expected SYNSET XMIN YMIN XMAX YMAX of each box");
    for (size_t box = 0; box < words.size(); box += 5) {
      int sides[4];
      for (size_t i = 0; i < 4; ++i) sides[i] = static_cast<int>(line.integer(words[box + 1 + i], -kMaxSide, kMaxSide));
      if (sides[2] <= sides[0] || sides[3] <= sides[1]) continue;
      source_[cells[0]].pixels.push_back({sides[1], sides[0], sides[3] - sides[1], sides[2] - sides[0]});
    }
  }
}

}  // namespace assemble::raw
