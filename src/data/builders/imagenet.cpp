// SPDX-License-Identifier: Apache-2.0
// ILSVRC 2012 (Russakovsky et al. 2015). Labels are 1…1000 in the order of the synsets; 0 is the background class of
// the original's 1001 outputs.
#include <algorithm>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text_file.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/imagenet_classes.h"
#include "builders/imagenet_boxes.h"
#include "builders/imagenet_devkit.h"
#include "builders/raw_files.h"
#include "builders/tar_walk.h"
#include "sources/listing.h"

namespace assemble::raw {
namespace {

constexpr const char* kTrainArchive = "ILSVRC2012_img_train.tar";
constexpr const char* kValidationArchive = "ILSVRC2012_img_val.tar";
constexpr const char* kPartHint = "for a part of the classes use the data set `folder`";

std::optional<fs::path> first_of(const fs::path& raw, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (fs::exists(raw / name)) return raw / name;
  }
  return std::nullopt;
}

int64_t label_of_synset(const std::string& synset, const std::string& where) {
  const auto index = imagenet_index(synset);
  if (!index) throw InputError(where, "'" + synset + "' is none of the 1,000 synsets of ImageNet", kPartHint);
  return *index + 1;
}

/// @param images of all classes, each behind those of its synset
void require_every_synset(const std::vector<RawImage>& images, const std::string& where) {
  std::vector<bool> found(imagenet_classes().size());
  for (const RawImage& image : images) found[image.label - 1] = true;
  const auto count = std::count(found.begin(), found.end(), true);
  if (count == static_cast<int64_t>(found.size())) return;
  const auto missing = static_cast<size_t>(std::find(found.begin(), found.end(), false) - found.begin());
  throw InputError(where,
                   concat("holds images of ", count, " of the 1,000 synsets; the first that is missing is ",
                          shown_class(synset_text(imagenet_classes()[missing].number))),
                   kPartHint);
}

class ImageNet {
 public:
  explicit ImageNet(const fs::path& raw)
      : raw_(raw),
        train_(first_of(raw, {"train", "ILSVRC2012_img_train", "Data/CLS-LOC/train", kTrainArchive})),
        validation_(
            first_of(raw, {"validation", "val", "ILSVRC2012_img_val", "Data/CLS-LOC/val", kValidationArchive})) {
    if (train_ || validation_) return;
    throw InputError(raw.string(),
                     concat("holds neither train/ nor ", kTrainArchive, ", and neither val/ nor ", kValidationArchive),
                     "`raw` is the folder with the files as they were published");
  }

  RawDataset list() {
    if (const auto devkit = first_of(raw_, {"ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12.tar.gz"})) {
      devkit_ = read_imagenet_devkit(*devkit);
      texts_ = devkit_->words;
    }
    read_texts();
    RawDataset dataset;
    dataset.class_names = imagenet_synsets(/*with_background=*/true);
    if (train_) dataset.train = list_train(*train_);
    if (validation_) dataset.validation = list_validation(*validation_);
    const ImageNetBoxes boxes(raw_);
    for (auto* images : {&dataset.train, &dataset.validation}) {
      for (RawImage& image : *images) boxes.give(image, image.file_name());
    }
    if (!train_ || !validation_) {
      log_info(concat(raw_.string(), ": no ", train_ ? "validation" : "training", " images; their split is left out"));
    }
    return dataset;
  }

 private:
  /// Lines are SYNSET<tab>TEXT, of many more synsets.
  void read_texts() {
    const fs::path file = raw_ / "imagenet_metadata.txt";
    if (!fs::exists(file)) return;
    for (const Line& line : read_lines(file)) {
      const size_t tab = line.text.find('\t');
      if (tab == std::string::npos) throw InputError(line.where, "expected SYNSET, a tab, and the text");
      texts_[line.text.substr(0, tab)] = line.text.substr(tab + 1);
    }
  }

  void set_class(RawImage& image, const std::string& synset, const std::string& where) const {
    image.label = label_of_synset(synset, where);
    image.synset = synset;
    const auto text = texts_.find(synset);
    image.text = text == texts_.end() ? std::string(readable_name(synset)) : text->second;
  }

  std::vector<RawImage> list_train(const fs::path& path) const {
    log_info(path.string() + ": training images");
    std::vector<RawImage> images;
    if (!fs::is_directory(path)) {
      std::set<std::string> seen;
      for (TarWalk tar(path); tar.next();) {
        if (!seen.insert(tar.name()).second) throw InputError(tar.where(), "stands there a second time");
        if (fs::path(tar.name()).extension() != ".tar") throw InputError(tar.where(), "is no SYNSET.tar", kPartHint);
        TarWalk inner(path, tar.offset(), tar.length(), tar.where());
        add_tar_of_synset(path, inner, fs::path(tar.name()).stem().string(), tar.where(), images);
      }
    } else if (const auto folders = folder_names(path); !folders.empty()) {
      add_folders(path, folders, images);
    } else {
      for (const fs::path& file : fs::directory_iterator(path)) {
        if (file.extension() != ".tar") continue;
        TarWalk tar(file);
        add_tar_of_synset(file, tar, file.stem().string(), file.string(), images);
      }
      std::stable_sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
    }
    require_every_synset(images, path.string());
    return images;
  }

  /// @param path the file that the archive is, or lies in
  void add_tar_of_synset(const fs::path& path, TarWalk& tar, const std::string& synset, const std::string& where,
                         std::vector<RawImage>& images) const {
    label_of_synset(synset, where);
    while (tar.next()) {
      if (!tar.base_name().starts_with(synset + "_") || !is_image_file(tar.name())) {
        throw InputError(tar.where(), "is no image of " + synset);
      }
      images.push_back({.path = path, .member = tar.name(), .offset = tar.offset(), .length = tar.length()});
      set_class(images.back(), synset, where);
    }
  }

  void add_folders(const fs::path& folder, const std::vector<std::string>& synsets,
                   std::vector<RawImage>& images) const {
    ImageLister lister;
    for (const std::string& synset : synsets) {
      for (const fs::path& path : lister.list(folder / synset)) {
        images.push_back({.path = path});
        set_class(images.back(), synset, (folder / synset).string());
      }
    }
    warn_passed_over(lister.passed_over(), folder.string());
  }

  std::vector<RawImage> list_validation(const fs::path& path) const {
    log_info(path.string() + ": validation images");
    std::vector<RawImage> images;
    if (!fs::is_directory(path)) {
      for (TarWalk tar(path); tar.next();) {
        if (!is_image_file(tar.name())) throw InputError(tar.where(), "is no image");
        images.push_back({.path = path, .member = tar.name(), .offset = tar.offset(), .length = tar.length()});
      }
      std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.member < b.member; });
    } else if (const auto folders = folder_names(path); !folders.empty()) {
      add_folders(path, folders, images);
      require_every_synset(images, path.string());
      return images;
    } else {
      for (const fs::path& file : find_images(path)) images.push_back({.path = file});
    }
    give_truth(path, images);
    return images;
  }

  /// The synset of validation image 1, 2 …, and the file that says it.
  std::pair<std::vector<std::string>, std::string> truth(const fs::path& images) const {
    const fs::path list = raw_ / "imagenet_2012_validation_synset_labels.txt";
    if (fs::exists(list)) {
      std::vector<std::string> synsets;
      for (const Line& line : read_lines(list)) {
        label_of_synset(line.text, line.where);
        synsets.push_back(line.text);
      }
      return {synsets, list.string()};
    }
    if (devkit_) return {devkit_->validation, devkit_->where};
    const fs::path solution = raw_ / "LOC_val_solution.csv";
    if (fs::exists(solution)) return {synsets_of_solution(solution), solution.string()};
    throw InputError(raw_.string(), "nothing says the classes of the images in " + images.string(),
                     "put ILSVRC2012_devkit_t12.tar.gz beside it");
  }

  /// Lines are NAME,SYNSET XMIN YMIN XMAX YMAX …, in any order of the names.
  static std::vector<std::string> synsets_of_solution(const fs::path& file) {
    std::map<std::string, std::string> by_name;
    for (const Line& line : read_lines(file)) {
      const std::vector<std::string> cells = csv_cells(line.text);
      if (cells[0] == "ImageId") continue;
      if (cells.size() != 2) throw InputError(line.where, "'" + line.text + "', expected NAME,SYNSET and a box");
      by_name[cells[0]] = Line{cells[1], line.where}.words(1)[0];
    }
    std::vector<std::string> synsets;
    for (const auto& [name, synset] : by_name) synsets.push_back(synset);
    return synsets;
  }

  /// Labels are by the numbers in the images' names.
  void give_truth(const fs::path& path, std::vector<RawImage>& images) const {
    const auto [synsets, where] = truth(path);
    if (images.size() != synsets.size()) {
      throw InputError(where,
                       concat("has ", synsets.size(), " labels for the ", images.size(), " images in ", path.string()),
                       "devkit and images must be those of 2012, and whole");
    }
    for (size_t i = 0; i < images.size(); ++i) {
      const std::string expected = "ILSVRC2012_val_" + zero_padded(i + 1, 8);
      if (fs::path(images[i].file_name()).stem() != expected) {
        throw InputError(images[i].where(), "is where " + expected + " is expected: labels go by these numbers");
      }
      set_class(images[i], synsets[i], where);
    }
  }

  const fs::path& raw_;
  std::optional<fs::path> train_;
  std::optional<fs::path> validation_;
  std::optional<ImageNetDevkit> devkit_;
  std::map<std::string, std::string> texts_;
};

}  // namespace

RawDataset list_imagenet(const fs::path& raw) { return ImageNet(raw).list(); }

}  // namespace assemble::raw
