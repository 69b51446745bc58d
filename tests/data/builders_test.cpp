// SPDX-License-Identifier: Apache-2.0
// Each public data set, built from a miniature of its raw layout.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/build.h"
#include "assemble/data/dataset.h"
#include "assemble/data/manifest.h"
#include "assemble/image/decode.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tfrecord.h"
#include "raw_sets.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::MatWriter;
using test::write_picture;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A raw folder and what is built of it.
class Builders : public testing::Test {
 protected:
  /// "LABEL:FILE" of the raw images, in the builder's order.
  static std::vector<std::string> listed(const std::vector<RawImage>& images) {
    std::vector<std::string> lines;
    for (const RawImage& image : images) lines.push_back(concat(image.label, ":", image.path.filename().string()));
    return lines;
  }
  RawDataset list(const std::string& name) const { return find_builder(name).list(raw_); }

  /// Builds with one file a split, and checks that all images arrive.
  void build(const std::string& name, int64_t train, int64_t validation) const {
    const BuildReport report = build_records(name, raw_, out_, {.train_shards = 1, .validation_shards = 1});
    EXPECT_EQ(report.train_images, train);
    EXPECT_EQ(report.validation_images, validation);
    EXPECT_EQ(report.skipped, 0);
    EXPECT_EQ(read_manifest(out_)->name, name);
    EXPECT_EQ(open_dataset(out_, Split::kTrain)->size(), train);
    const auto data = open_dataset(out_, Split::kValidation);
    for (int64_t i = 0; i < data->size(); ++i) EXPECT_NO_THROW(data->read(i));
  }
  std::string refusal(const std::string& name) const {
    return error_of<InputError>([&] { list(name); });
  }

  test::TemporaryFolder folder_;
  fs::path raw_ = folder_ / "raw";
  fs::path out_ = folder_ / "out";
};

TEST_F(Builders, Food101) {
  write_text(raw_ / "meta/classes.txt", "apple_pie\nwaffles\n");
  write_text(raw_ / "meta/train.txt", "apple_pie/1\nwaffles/2\n");
  write_text(raw_ / "meta/test.txt", "waffles/3\r\n");
  for (const char* name : {"apple_pie/1", "waffles/2", "waffles/3"}) {
    write_picture(raw_ / "images" / (std::string(name) + ".jpg"), name[8]);
  }
  EXPECT_THAT(listed(list("food101").train), ElementsAre("0:1.jpg", "1:2.jpg"));
  build("food101", 2, 1);
  write_text(raw_ / "meta/test.txt", "waffles/3\npie/4\n");
  EXPECT_THAT(refusal("food101"), HasSubstr("test.txt line 2: 'pie' is none of the classes"));
  write_text(raw_ / "meta/test.txt", "waffles/../../secret\n");
  EXPECT_THAT(refusal("food101"), HasSubstr("is no path inside"));
}

TEST_F(Builders, Cars196) {
  make_directories(raw_ / "devkit");
  MatWriter(raw_ / "devkit/cars_meta.mat").texts("class_names", {"AM General Hummer", "Acura RL"});
  MatWriter(raw_ / "devkit/cars_train_annos.mat")
      .structs("annotations", {{"bbox_x1", {}, {1, 3}},
                               {"bbox_y1", {}, {1, 5}},
                               {"bbox_x2", {}, {32, 10}},
                               {"bbox_y2", {}, {24, 20}},
                               {"class", {}, {2, 1}},
                               {"fname", {"00001.jpg", "00002.jpg"}, {}}});
  MatWriter(raw_ / "cars_test_annos_withlabels.mat")
      .structs("annotations", {{"class", {}, {2}}, {"fname", {"00001.jpg"}, {}}});
  write_picture(raw_ / "cars_train/00001.jpg", 1);
  write_picture(raw_ / "cars_train/00002.jpg", 2);
  write_picture(raw_ / "cars_test/00001.jpg", 3);
  const RawDataset raw = list("cars196");
  EXPECT_THAT(raw.class_names, ElementsAre("AM General Hummer", "Acura RL"));
  EXPECT_THAT(listed(raw.train), ElementsAre("1:00001.jpg", "0:00002.jpg"));
  const Window box = raw.train[1].pixel_boxes.at(0);
  EXPECT_THAT((std::vector{box.y, box.x, box.height, box.width}), ElementsAre(4, 2, 16, 8)) << "counted from 1";
  build("cars196", 2, 1);
  MatWriter(raw_ / "cars_test_annos_withlabels.mat")
      .structs("annotations", {{"class", {}, {3}}, {"fname", {"00001.jpg"}, {}}});
  EXPECT_THAT(refusal("cars196"), HasSubstr("element 1 is of class 3, expected 1…2"));
}

TEST_F(Builders, Cars196OfTheFirstPublicationAndZeroshot) {
  {
    MatWriter writer(raw_ / "cars_annos.mat");
    writer.texts("class_names", {"a", "b"});
    writer.structs("annotations", {{"relative_im_path", {"car_ims/1.jpg", "car_ims/2.jpg", "car_ims/3.jpg"}, {}},
                                   {"class", {}, {1, 2, 1}},
                                   {"test", {}, {0, 0, 1}}});
  }
  for (int i = 1; i <= 3; ++i) write_picture(raw_ / "car_ims" / concat(i, ".jpg"), i);
  const RawDataset raw = list("cars196");
  EXPECT_THAT(listed(raw.train), ElementsAre("0:1.jpg", "1:2.jpg"));
  EXPECT_THAT(listed(raw.validation), ElementsAre("0:3.jpg"));
  const RawDataset zeroshot = list("cars196-zeroshot");
  EXPECT_THAT(listed(zeroshot.train), ElementsAre("0:1.jpg", "0:3.jpg"));
  EXPECT_THAT(listed(zeroshot.validation), ElementsAre("1:2.jpg"));
  build("cars196-zeroshot", 2, 1);
  EXPECT_THAT(open_dataset(out_, Split::kTrain)->class_names(), ElementsAre("a")) << "as many outputs as are trained";
}

TEST_F(Builders, Pets) {
  write_text(raw_ / "annotations/trainval.txt",
             "#Image CLASS-ID SPECIES BREED\nAbyssinian_100 1 1 1\ngreat_pyrenees_5 2 2 1\n");
  write_text(raw_ / "annotations/test.txt", "Abyssinian_201 1 1 1\n");
  for (const char* name : {"Abyssinian_100", "great_pyrenees_5", "Abyssinian_201"}) {
    write_picture(raw_ / "images" / (std::string(name) + ".jpg"), 1);
  }
  EXPECT_THAT(list("pets").class_names, ElementsAre("Abyssinian", "great_pyrenees"));
  build("pets", 2, 1);
  write_text(raw_ / "annotations/test.txt", "Bengal_201 1 1 1\n");
  EXPECT_THAT(refusal("pets"), HasSubstr("class 1 is 'Bengal' here and 'Abyssinian' before"));
}

TEST_F(Builders, Aircraft) {
  write_text(raw_ / "data/variants.txt", "707-320\nCessna 172\n");
  write_text(raw_ / "data/images_variant_trainval.txt", "0056978 707-320\n1019011 Cessna 172\n");
  write_text(raw_ / "data/images_variant_test.txt", "1514522 Cessna 172\n");
  for (const char* name : {"0056978", "1019011", "1514522"}) {
    write_picture(raw_ / "data/images" / (std::string(name) + ".jpg"), 1);
  }
  EXPECT_THAT(listed(list("aircraft").train), ElementsAre("0:0056978.jpg", "1:1019011.jpg"));
  build("aircraft", 2, 1);
  write_text(raw_ / "data/images_variant_test.txt", "1514522 Cessna 999\n");
  EXPECT_THAT(refusal("aircraft"), HasSubstr("'Cessna 999' is none of the classes"));
}

TEST_F(Builders, Cub200TrainsOnTheFirstHalfOfTheClasses) {
  write_text(raw_ / "classes.txt", "1 001.Albatross\n2 002.Auklet\n");
  write_text(raw_ / "images.txt", "1 001.Albatross/a.jpg\n2 001.Albatross/b.jpg\n3 002.Auklet/c.jpg\n");
  write_text(raw_ / "image_class_labels.txt", "1 1\n2 1\n3 2\n");
  for (const char* name : {"001.Albatross/a", "001.Albatross/b", "002.Auklet/c"}) {
    write_picture(raw_ / "images" / (std::string(name) + ".jpg"), 1);
  }
  const RawDataset raw = list("cub200-zeroshot");
  EXPECT_THAT(listed(raw.train), ElementsAre("0:a.jpg", "0:b.jpg"));
  EXPECT_THAT(listed(raw.validation), ElementsAre("1:c.jpg"));
  build("cub200-zeroshot", 2, 1);
  EXPECT_EQ(open_dataset(out_, Split::kTrain)->classes(), 1);
  write_text(raw_ / "image_class_labels.txt", "1 1\n2 3\n");
  EXPECT_THAT(refusal("cub200-zeroshot"), HasSubstr("'3', expected an integer in 1…2"));
}

TEST_F(Builders, StanfordOnlineProducts) {
  const std::string header = "image_id class_id super_class_id path\n";
  write_text(raw_ / "Ebay_train.txt", header + "1 1 1 bicycle_final/a.JPG\n2 2 1 bicycle_final/b.JPG\n");
  write_text(raw_ / "Ebay_test.txt", header + "3 3 1 chair_final/c.JPG\n");
  for (const char* name : {"bicycle_final/a.JPG", "bicycle_final/b.JPG", "chair_final/c.JPG"}) {
    write_picture(raw_ / name, 1);
  }
  EXPECT_EQ(list("sop").class_names.size(), 3u);
  build("sop", 2, 1);
  EXPECT_EQ(open_dataset(out_, Split::kTrain)->classes(), 2);
  EXPECT_EQ(open_dataset(out_, Split::kValidation, ClassRule::kAny)->classes(), 3);
  write_text(raw_ / "Ebay_test.txt", header + "3 3 1\n");
  EXPECT_THAT(refusal("sop"), HasSubstr("Ebay_test.txt line 2: has 3 words, expected at least 4"));
}

TEST_F(Builders, Food100StoresBoxes) {
  write_text(raw_ / "category.txt", "id\tname\n1\trice\n2\teels on rice\n");
  write_text(raw_ / "1/bb_info.txt", "img x1 y1 x2 y2\n1 0 6 16 48\n1 8 0 16 12\n");
  write_text(raw_ / "2/bb_info.txt", "img x1 y1 x2 y2\n7 0 0 32 24\n");
  for (int i = 1; i <= 5; ++i) write_picture(raw_ / "1" / concat(i, ".jpg"), i);
  write_picture(raw_ / "2/7.jpg", 9);
  const RawDataset raw = list("food100");
  EXPECT_THAT(raw.class_names, ElementsAre("rice", "eels on rice"));
  EXPECT_THAT(listed(raw.validation), ElementsAre("0:5.jpg")) << "every fifth";
  build("food100", 5, 1);
  const auto data = open_dataset(out_, Split::kTrain);
  size_t boxes = 0;
  for (int64_t i = 0; i < data->size(); ++i) {
    const Sample sample = data->read(i);
    if (sample.boxes.size() == 2) {
      EXPECT_EQ(sample.boxes[0].ymin, 0.25f);
      EXPECT_EQ(sample.boxes[0].ymax, 1.f) << "cut at the border";
      EXPECT_EQ(sample.boxes[0].xmax, 0.5f);
    }
    boxes += sample.boxes.size();
  }
  EXPECT_EQ(boxes, 3u);
  for (int fold = 0; fold < 5; ++fold) {
    write_text(raw_ / concat("val", fold, ".txt"),
               fold == 4 ? "UECFOOD100/2/7.jpg\n" : concat("UECFOOD100/1/", fold + 1, ".jpg\n"));
  }
  EXPECT_THAT(listed(list("food100").validation), ElementsAre("1:7.jpg"));
  write_text(raw_ / "2/bb_info.txt", "img x1 y1 x2 y2\n7 5 5 5 9\n");
  EXPECT_THAT(refusal("food100"), HasSubstr("bb_info.txt line 2: an empty box"));
}

TEST_F(Builders, Flowers102) {
  MatWriter(raw_ / "imagelabels.mat").numbers("labels", {2, 1, 1, 2});
  {
    MatWriter splits(raw_ / "setid.mat");
    splits.numbers("trnid", {1});
    splits.numbers("valid", {3});
    splits.numbers("tstid", {2, 4});
  }
  for (int i = 1; i <= 4; ++i) write_picture(raw_ / "jpg" / concat("image_0000", i, ".jpg"), i);
  const RawDataset raw = list("flowers102");
  EXPECT_THAT(listed(raw.train), ElementsAre("1:image_00001.jpg", "0:image_00003.jpg"));
  EXPECT_THAT(listed(raw.validation), ElementsAre("0:image_00002.jpg", "1:image_00004.jpg"));
  build("flowers102", 2, 2);
  MatWriter(raw_ / "setid.mat").numbers("trnid", {5});
  EXPECT_THAT(refusal("flowers102"), HasSubstr("trnid names image 5 of 4"));
  MatWriter(raw_ / "setid.mat").numbers("trnid", {1});
  EXPECT_THAT(refusal("flowers102"), HasSubstr("setid.mat: valid: there is no such variable"));
  write_text(raw_ / "imagelabels.mat", "no mat file");
  EXPECT_THAT(refusal("flowers102"), HasSubstr("imagelabels.mat"));
}

TEST_F(Builders, IFood2019) {
  write_text(raw_ / "class_list.txt", "0 macaron\n1 beignet\n");
  write_text(raw_ / "train_labels.csv", "img_name,label\ntrain_1.jpg,1\ntrain_2.jpg,0\n");
  write_text(raw_ / "val_labels.csv", "img_name,label\nval_1.jpg,0\n");
  write_picture(raw_ / "train_set/train_1.jpg", 1);
  write_picture(raw_ / "train_set/train_2.jpg", 2);
  write_picture(raw_ / "val_set/val_1.jpg", 3);
  EXPECT_THAT(listed(list("ifood2019").train), ElementsAre("1:train_1.jpg", "0:train_2.jpg"));
  build("ifood2019", 2, 1);
  write_text(raw_ / "val_labels.csv", "img_name,label\nval_1.jpg,2\n");
  EXPECT_THAT(refusal("ifood2019"), HasSubstr("val_labels.csv line 2: '2', expected an integer in 0…1"));
}

TEST_F(Builders, CutImagesToTheirLargestBoxes) {
  write_text(raw_ / "classes.txt", "1 001.Albatross\n2 002.Auklet\n");
  write_text(raw_ / "images.txt", "1 001.Albatross/a.png\n2 002.Auklet/c.png\n");
  write_text(raw_ / "image_class_labels.txt", "1 1\n2 2\n");
  write_text(raw_ / "bounding_boxes.txt", "1 6.0 4.0 20.0 12.0\n2 -3.0 0.0 13.0 99.0\n");
  const Image whole = test::wavy_image(24, 32, 5);
  for (const char* name : {"001.Albatross/a", "002.Auklet/c"}) {
    const fs::path path = raw_ / "images" / (std::string(name) + ".png");
    make_directories(path.parent_path());
    write_file(path, encode_png(whole));
  }
  const BuildOptions cut{.train_shards = 1, .validation_shards = 1, .crop_to_box = true};
  build_records("cub200-zeroshot", raw_, out_, cut);
  const auto decoded = [&](Split split, Sample* sample) {
    *sample = open_dataset(out_, split, ClassRule::kAny)->read(0);
    return decode_image(sample->encoded, "record");
  };
  Sample sample;
  const Image bird = decoded(Split::kTrain, &sample);
  EXPECT_EQ(bird.height, 12);
  EXPECT_EQ(bird.width, 20);
  EXPECT_EQ(bird.pixels, decode_image(encode_jpeg(crop(whole, {4, 6, 12, 20}), 95), "cut").pixels);
  EXPECT_TRUE(sample.boxes.empty());
  EXPECT_EQ(decoded(Split::kValidation, &sample).width, 10) << "cut at the border";
  build_records("cub200-zeroshot", raw_, folder_ / "boxes", {.train_shards = 1, .validation_shards = 1});
  EXPECT_EQ(open_dataset(folder_ / "boxes", Split::kTrain)->read(0).boxes.size(), 1u);
  EXPECT_THAT(error_of<UsageError>([&] { build_records("pets", raw_, out_, cut); }),
              HasSubstr("use it with cars196, cars196-zeroshot, cub200-zeroshot, food100"));
  fs::remove(raw_ / "bounding_boxes.txt");
  EXPECT_THAT(error_of<InputError>([&] { build_records("cub200-zeroshot", raw_, folder_ / "none", cut); }),
              HasSubstr("says no boxes to cut images to"));
  write_text(raw_ / "bounding_boxes.txt", "1 6 4 twenty 12\n");
  EXPECT_THAT(refusal("cub200-zeroshot"), HasSubstr("bounding_boxes.txt line 1: '1 6 4 twenty 12', expected"));
}

TEST_F(Builders, TakeListsAsWindowsWritesThem) {
  write_text(raw_ / "class_list.txt",
             "\xEF\xBB\xBF"
             "0 macaron\r\n1 beignet\r\n\r\n");
  write_text(raw_ / "train_labels.csv",
             "\xEF\xBB\xBF"
             "img_name,label\r\n\"train_1.jpg\",1\r\ntrain_2.jpg,0 \r\n\r\n");
  std::string utf16 = "\xFF\xFE";
  for (const char c : std::string("img_name,label\r\nval_1.jpg,1\r\n")) utf16 += {c, '\0'};
  write_text(raw_ / "val_labels.csv", utf16);
  const RawDataset data = list("ifood2019");
  EXPECT_THAT(data.class_names, ElementsAre("macaron", "beignet"));
  EXPECT_THAT(listed(data.train), ElementsAre("1:train_1.jpg", "0:train_2.jpg"));
  EXPECT_THAT(listed(data.validation), ElementsAre("1:val_1.jpg"));
}

TEST_F(Builders, FolderTakesNoDebrisAndKeepsEqualStems) {
  for (const char* split : {"train", "valid"}) {
    write_picture(raw_ / split / "rose/1.jpg", 1);
    write_picture(raw_ / split / "rose/1.jpeg", 2);
    write_picture(raw_ / split / "rose/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", 3);
    write_picture(raw_ / split / "__MACOSX/rose/._1.jpg", 4);
  }
  build("folder", 2, 2);
}

TEST_F(Builders, SayWhatIsMissing) {
  make_directories(raw_);
  for (const Builder& builder : builders()) {
    EXPECT_THAT(refusal(builder.name), HasSubstr(raw_.string())) << builder.name;
  }
  EXPECT_THAT(error_of<UsageError>([] { find_builder("cifar"); }), HasSubstr("use one of folder, imagenet"));
}

}  // namespace
}  // namespace assemble
