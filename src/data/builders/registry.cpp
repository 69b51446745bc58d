// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "builders/raw_files.h"

namespace assemble {

const std::vector<Builder>& builders() {
  using namespace raw;
  static const std::vector<Builder> all{
      {"folder", "a folder a class: train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, valid, test)", 8, 2,
       list_folder},
      {"imagenet",
       "ILSVRC 2012 as published: ILSVRC2012_img_train.tar or train/SYNSET/, ILSVRC2012_img_val.tar or val/, with "
       "ILSVRC2012_devkit_t12.tar.gz (or imagenet_2012_validation_synset_labels.txt) or val/SYNSET/; optionally boxes "
       "(ILSVRC2012_bbox_train_v2.tar.gz, bounding_boxes/, imagenet_2012_bounding_boxes.csv, LOC_train_solution.csv)",
       1024, 128, list_imagenet},
      {"food101", "Food-101: images/CLASS/ID.jpg, meta/classes.txt, meta/train.txt, meta/test.txt", 128, 16,
       list_food101},
      {"cars196", "Stanford Cars: car_ims/ with cars_annos.mat, or cars_train/, cars_test/ and devkit/", 128, 16,
       list_cars196, true},
      {"cars196-zeroshot",
       "Stanford Cars, first 98 classes for training, the others for retrieval: car_ims/, "
       "cars_annos.mat",
       128, 128, list_cars196_zeroshot, true},
      {"pets", "Oxford-IIIT Pets: images/, annotations/trainval.txt, annotations/test.txt", 128, 16, list_pets},
      {"aircraft", "FGVC Aircraft (variants): data/images/, data/variants.txt, data/images_variant_{trainval,test}.txt",
       128, 16, list_aircraft},
      {"cub200-zeroshot",
       "CUB-200-2011, first 100 classes for training, the others for retrieval: images/, images.txt, "
       "image_class_labels.txt, classes.txt; optionally bounding_boxes.txt",
       128, 16, list_cub200_zeroshot, true},
      {"sop", "Stanford Online Products: Ebay_train.txt, Ebay_test.txt and the folders *_final/", 128, 16, list_sop},
      {"food100",
       "UEC Food-100: category.txt, 1/ … 100/ with bb_info.txt; val0.txt … val4.txt, of which the last is "
       "validation, else every fifth image",
       64, 16, list_food100, true},
      {"flowers102", "Oxford Flowers-102: jpg/, imagelabels.mat, setid.mat", 16, 16, list_flowers102},
      {"ifood2019", "iFood-2019: class_list.txt, train_labels.csv, val_labels.csv, train_set/, val_set/", 128, 16,
       list_ifood2019},
  };
  return all;
}

const Builder& find_builder(const std::string& name) {
  std::vector<std::string> names;
  for (const Builder& builder : builders()) {
    if (builder.name == name) return builder;
    names.push_back(builder.name);
  }
  throw UsageError("data set '" + name + "'", "unknown", "use one of " + join(names, ", "));
}

}  // namespace assemble
