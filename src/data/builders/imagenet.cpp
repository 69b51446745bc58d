// SPDX-License-Identifier: Apache-2.0
// ILSVRC 2012 (Russakovsky et al. 2015). Labels are 1…1000 in the order of the synsets; 0 is the background class of
// the original's 1001 outputs.
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/data/image_folder.h"
#include "builders/box_xml.h"
#include "builders/raw_files.h"
#include "sources/listing.h"

namespace assemble::raw {
namespace {

constexpr uint64_t kMaxXmlBytes = 1 << 24;

class ImageNet {
 public:
  explicit ImageNet(const fs::path& raw)
      : raw_(raw),
        train_(find_one(raw, {"train", "ILSVRC2012_img_train"})),
        validation_(find_one(raw, {"validation", "val", "ILSVRC2012_img_val"})) {
    const fs::path list = raw / "imagenet_lsvrc_2015_synsets.txt";
    if (fs::exists(list)) {
      for (const Line& line : read_lines(list)) synsets_.push_back(line.text);
    } else {
      synsets_ = folder_names(train_);  // the list is in byte order too
    }
    labels_ = labels_of(synsets_, list.string());
    read_texts();
  }

  RawDataset list() {
    RawDataset dataset;
    dataset.class_names.emplace_back("background");
    for (const std::string& synset : synsets_) {
      const auto text = texts_.find(synset);
      dataset.class_names.push_back(text == texts_.end() ? synset : synset + " " + text->second);
    }
    add_folders(train_, /*with_boxes=*/true, dataset.train);
    const fs::path labels = raw_ / "imagenet_2012_validation_synset_labels.txt";
    if (folder_names(validation_).empty()) {
      add_flat(labels, dataset.validation);
    } else {
      add_folders(validation_, /*with_boxes=*/false, dataset.validation);
    }
    if (bad_boxes_ > 0) log_warning(concat(bad_boxes_, " annotations could not be read; their images have no boxes"));
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

  RawImage image_of(const fs::path& path, const std::string& synset, const std::string& where) const {
    RawImage image{.path = path, .label = label_of(labels_, synset, where) + 1, .synset = synset};
    const auto text = texts_.find(synset);
    if (text != texts_.end()) image.text = text->second;
    return image;
  }

  void add_folders(const fs::path& folder, bool with_boxes, std::vector<RawImage>& images) {
    ImageLister lister;
    for (const std::string& synset : folder_names(folder)) {
      for (const fs::path& path : lister.list(folder / synset)) {
        images.push_back(image_of(path, synset, (folder / synset).string()));
        if (with_boxes) images.back().boxes = boxes_of(synset, path);
      }
    }
    warn_passed_over(lister.passed_over(), folder.string());
  }

  /// The labels are those of the files in byte order, one synset a line.
  void add_flat(const fs::path& labels, std::vector<RawImage>& images) const {
    const std::vector<fs::path> files = find_images(validation_);
    const std::vector<Line> lines = read_lines(labels);
    if (files.size() != lines.size()) {
      throw InputError(labels.string(), concat("has ", lines.size(), " labels for the ", files.size(), " images in ",
                                               validation_.string()));
    }
    for (size_t i = 0; i < files.size(); ++i) images.push_back(image_of(files[i], lines[i].text, lines[i].where));
  }

  std::vector<BoundingBox> boxes_of(const std::string& synset, const fs::path& image) {
    const fs::path file = raw_ / "bounding_boxes" / synset / image.stem().concat(".xml");
    if (!fs::exists(file)) return {};
    try {
      return parse_boxes(read_file(file, kMaxXmlBytes), file.string());
    } catch (const InputError& error) {
      if (++bad_boxes_ <= 10) log_warning(error.what());
      return {};
    }
  }

  const fs::path& raw_;
  fs::path train_;
  fs::path validation_;
  std::vector<std::string> synsets_;
  std::map<std::string, int64_t> labels_;
  std::map<std::string, std::string> texts_;
  int64_t bad_boxes_ = 0;
};

}  // namespace

RawDataset list_imagenet(const fs::path& raw) { return ImageNet(raw).list(); }

}  // namespace assemble::raw
