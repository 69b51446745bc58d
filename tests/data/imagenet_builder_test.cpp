// SPDX-License-Identifier: Apache-2.0
// ImageNet from its published archives, from folders, and what is wrong with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/build.h"
#include "assemble/data/dataset.h"
#include "assemble/data/manifest.h"
#include "assemble/io/tf_example.h"
#include "imagenet_sets.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::write_picture;
using test::write_text;
using ::testing::HasSubstr;

class ImageNetBuilder : public testing::Test {
 protected:
  RawDataset list() const { return find_builder("imagenet").list(raw_); }
  std::string refusal() const {
    return error_of<InputError>([&] { list(); });
  }
  static std::string synset(int index) { return synset_text(imagenet_classes()[index].number); }
  /// A folder of each class with one image.
  void write_folders(const std::string& split) const {
    const Bytes image = test::drawn_jpeg(1);
    for (int i = 0; i < 1000; ++i) {
      const fs::path folder = raw_ / split / synset(i);
      make_directories(folder);
      test::put(folder / (synset(i) + "_1.JPEG"), image);
    }
  }

  test::TemporaryFolder folder_;
  fs::path raw_ = folder_ / "raw";
  fs::path out_ = folder_ / "out";
};

TEST_F(ImageNetBuilder, ReadsThePublishedArchivesWhereTheyLie) {
  constexpr int kValidation = 40;
  test::write_published_imagenet(raw_, kValidation);
  const BuildReport report = build_records("imagenet", raw_, out_, {.train_shards = 2, .validation_shards = 1});
  EXPECT_EQ(report.train_images, 1000);
  EXPECT_EQ(report.validation_images, kValidation);
  EXPECT_EQ(report.skipped, 0);
  EXPECT_EQ(report.classes, 1001);
  const auto validation = open_dataset(out_, Split::kValidation);
  EXPECT_EQ(validation->class_names()[0], "background");
  EXPECT_EQ(validation->class_names()[1], "n01440764");
  for (int number = 1; number <= kValidation; ++number) {
    const Sample sample = validation->read(number - 1);
    EXPECT_EQ(sample.label, test::validation_class(number) + 1) << "the synsets' order, not the devkit's";
    EXPECT_EQ(sample.encoded, test::drawn_jpeg(100000 + number));
  }
  const auto train = open_dataset(out_, Split::kTrain);
  for (int64_t i = 0; i < train->size(); ++i) {
    const Sample sample = train->read(i);
    EXPECT_EQ(sample.encoded, test::drawn_jpeg(static_cast<int>(sample.label) - 1));
  }
  const Example example = validation->example(0);
  using Texts = std::vector<std::string>;
  const int first = test::validation_class(1);
  EXPECT_EQ(std::get<Texts>(example.at("image/filename")), Texts{test::validation_name(1)});
  EXPECT_EQ(std::get<Texts>(example.at("image/class/synset")), Texts{synset(first)});
  EXPECT_EQ(std::get<Texts>(example.at("image/class/text")),
            Texts{std::string(imagenet_classes()[first].name) + ", words of the devkit"});
}

TEST_F(ImageNetBuilder, TakesTheSplitThatIsThere) {
  test::write_validation_archive(raw_, 5);
  EXPECT_THAT(refusal(), HasSubstr("nothing says the classes of the images in"));
  test::write_devkit(raw_, 5);
  const BuildReport report = build_records("imagenet", raw_, out_, {.train_shards = 2, .validation_shards = 1});
  EXPECT_EQ(report.train_images, 0);
  EXPECT_EQ(report.validation_images, 5);
  EXPECT_FALSE(fs::exists(out_ / "train-00000-of-00002"));
  EXPECT_EQ(open_dataset(out_, Split::kValidation)->size(), 5);
  EXPECT_TRUE(verify_manifest(out_, *read_manifest(out_)).empty());
  test::write_train_archive(raw_);
  fs::remove(raw_ / "ILSVRC2012_img_val.tar");
  const RawDataset raw = list();
  EXPECT_EQ(raw.train.size(), 1000u);
  EXPECT_TRUE(raw.validation.empty());
}

TEST_F(ImageNetBuilder, ReadsUnpackedFolders) {
  write_folders("train");
  for (int number = 1; number <= 3; ++number) {
    const fs::path path = raw_ / "val" / test::validation_name(number);
    write_picture(path, number);
  }
  test::write_devkit_meta(raw_ / "ILSVRC2012_devkit_t12/data/meta.mat");
  write_text(raw_ / "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", test::devkit_truth(3));
  RawDataset raw = list();
  EXPECT_EQ(raw.train[999].label, 1000);
  EXPECT_EQ(raw.validation[2].label, test::validation_class(3) + 1);
  fs::remove(raw_ / "val" / test::validation_name(2));
  EXPECT_THAT(refusal(), HasSubstr("has 3 labels for the 2 images"));
  write_picture(raw_ / "val/ILSVRC2012_val_00000009.JPEG", 9);
  EXPECT_THAT(refusal(), HasSubstr("is where ILSVRC2012_val_00000002 is expected"));
  fs::remove_all(raw_ / "val");
  write_folders("val");
  raw = list();
  EXPECT_EQ(raw.validation[0].label, 1);
  fs::remove_all(raw_ / "train" / synset(7));
  EXPECT_THAT(refusal(),
              HasSubstr("holds images of 999 of the 1,000 synsets; the first that is missing is " + synset(7)));
  write_picture(raw_ / "train/n00000007/1.JPEG", 1);
  EXPECT_THAT(refusal(), HasSubstr("'n00000007' is none of the 1,000 synsets"));
}

TEST_F(ImageNetBuilder, TakesLabelsAndTextsFromLists) {
  test::write_validation_archive(raw_, 2);
  write_text(raw_ / "LOC_val_solution.csv", "ImageId,PredictionString\nILSVRC2012_val_00000002," + synset(8) +
                                                " 1 2 3 4 \nILSVRC2012_val_00000001," + synset(9) + " 1 2 3 4 \n");
  EXPECT_EQ(list().validation[0].synset, synset(9));
  EXPECT_EQ(list().validation[0].text, imagenet_classes()[9].name);
  write_text(raw_ / "imagenet_2012_validation_synset_labels.txt", synset(4) + "\n" + synset(0) + "\n");
  write_text(raw_ / "imagenet_metadata.txt", synset(4) + "\thammerhead shark\nn00000009\tother\n");
  EXPECT_EQ(list().validation[0].text, "hammerhead shark");
  EXPECT_EQ(list().validation[1].label, 1);
  write_text(raw_ / "imagenet_2012_validation_synset_labels.txt", synset(4) + "\nn03\n");
  EXPECT_THAT(refusal(), HasSubstr("line 2: 'n03' is none of the 1,000 synsets"));
  write_text(raw_ / "bounding_boxes/n01440764/n01440764_1.xml", "<annotation><size>");
  write_text(raw_ / "imagenet_2012_validation_synset_labels.txt", synset(4) + "\n" + synset(0) + "\n");
  ::testing::internal::CaptureStderr();
  list();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("n01440764_1.xml at byte"));
}

TEST_F(ImageNetBuilder, RefusesWhatIsNotAsPublished) {
  test::write_published_imagenet(raw_, 3);
  const fs::path train = raw_ / "ILSVRC2012_img_train.tar";
  const Bytes whole = read_file(train);
  for (const double share : {0.3, 0.5004, 0.9}) {
    test::put(train, {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(share * whole.size())});
    EXPECT_THAT(refusal(), testing::AnyOf(HasSubstr("cut short"), HasSubstr("of the 1,000 synsets"))) << share;
  }
  test::put(train, Bytes(2000, 'x'));
  EXPECT_THAT(refusal(), HasSubstr("ILSVRC2012_img_train.tar: is"));
  test::write_train_archive(raw_, 999);
  EXPECT_THAT(refusal(), HasSubstr("999 of the 1,000 synsets; the first that is missing is n15075141 toilet tissue"));
  test::write_tar(train, {{"readme.txt", test::bytes_of("odd")}});
  EXPECT_THAT(refusal(), HasSubstr("(readme.txt): is no SYNSET.tar"));
  test::write_tar(folder_ / "one.tar", {{"n01443537_1.JPEG", test::drawn_jpeg(1)}});
  test::write_tar(train, {{"n01440764.tar", read_file(folder_ / "one.tar")}});
  EXPECT_THAT(refusal(), HasSubstr("(n01440764.tar) (n01443537_1.JPEG): is no image of n01440764"));
  test::write_tar(folder_ / "one.tar", {{"n01440764_1.JPEG", test::drawn_jpeg(1)}});
  const Bytes one = read_file(folder_ / "one.tar");
  test::write_tar(train, {{"n01440764.tar", one}, {"n01440764.tar", one}});
  EXPECT_THAT(refusal(), HasSubstr("a second time"));
  fs::remove(train);
  test::write_devkit(raw_, 3, "ILSVRC2010_ID");
  EXPECT_THAT(refusal(), HasSubstr("meta.mat): holds no ILSVRC2012_ID: it is of another year"));
  test::write_devkit(raw_, 4);
  EXPECT_THAT(refusal(), HasSubstr("has 4 labels for the 3 images"));
}

TEST_F(ImageNetBuilder, TakesBoxesFromArchivesFoldersAndTables) {
  test::write_published_imagenet(raw_, 3);
  const std::string xml =
      "<annotation><size><width>40</width><height>20</height></size>"
      "<object><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>25</ymax></bndbox></object></annotation>";
  test::write_tar(raw_ / "ILSVRC2012_bbox_train_v2.tar.gz",
                  {{synset(0) + "/" + synset(0) + "_1.xml", test::bytes_of(xml)}}, true);
  test::write_tar(raw_ / "ILSVRC2012_bbox_val_v3.tgz", {{"val/ILSVRC2012_val_00000002.xml", test::bytes_of(xml)}},
                  true);
  write_text(raw_ / "imagenet_2012_bounding_boxes.csv",
             synset(0) + "_1.JPEG,0,0,1,1\n" + synset(1) + "_1.JPEG,0.25,0.5,0.75,1.0\n");
  write_text(raw_ / "LOC_train_solution.csv", "ImageId,PredictionString\n" + synset(2) + "_1," + synset(2) +
                                                  " 4 6 20 12 " + synset(2) + " 0 0 32 24 \n");
  const RawDataset raw = list();
  ASSERT_EQ(raw.train[0].boxes.size(), 1u) << "the first source's";
  EXPECT_EQ(raw.train[0].boxes[0].xmin, 0.25f);
  EXPECT_EQ(raw.train[0].boxes[0].ymax, 1.f) << "cut at the border";
  ASSERT_EQ(raw.validation[1].boxes.size(), 1u);
  ASSERT_EQ(raw.train[1].boxes.size(), 1u);
  EXPECT_EQ(raw.train[1].boxes[0].ymin, 0.5f);
  EXPECT_EQ(raw.train[1].boxes[0].xmax, 0.75f);
  ASSERT_EQ(raw.train[2].pixel_boxes.size(), 2u);
  EXPECT_EQ(raw.train[2].pixel_boxes[0].x, 4);
  EXPECT_EQ(raw.train[2].pixel_boxes[0].height, 6);
  EXPECT_TRUE(raw.train[3].boxes.empty() && raw.train[3].pixel_boxes.empty());
  write_text(raw_ / "imagenet_2012_bounding_boxes.csv", "a.JPEG,10,0,20,1\n");
  EXPECT_THAT(refusal(), HasSubstr("bounding_boxes.csv line 1: 'a.JPEG,10,0,20,1', expected"));
}

}  // namespace
}  // namespace assemble
