// SPDX-License-Identifier: Apache-2.0
// Records as others wrote them: without a list of classes, under other names, with files missing.
#include <gmock/gmock.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/data/open_images.h"
#include "assemble/data/shards.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tfrecord.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

class RecordClasses : public testing::Test {
 protected:
  struct Record {
    int64_t label;
    std::string text = {};
    std::string synset = {};
  };
  void write(const std::string& name, const std::vector<Record>& records) const {
    TfRecordWriter writer(folder_ / name);
    for (const Record& record : records) {
      Example example{{"image/encoded", Texts{"picture"}}, {"image/class/label", std::vector<int64_t>{record.label}}};
      if (!record.text.empty()) example["image/class/text"] = Texts{record.text};
      if (!record.synset.empty()) example["image/class/synset"] = Texts{record.synset};
      writer.write(serialise_example(example));
    }
    writer.commit();
  }
  std::unique_ptr<Dataset> open(Split split, const RecordFiles& files = {},
                                ClassRule rule = ClassRule::kOfTraining) const {
    return open_dataset(folder_.path(), split, rule, files);
  }

  test::TemporaryFolder folder_;
};

TEST_F(RecordClasses, SynsetsAtTheirLabelsAreImageNet) {
  const std::vector<std::string> synsets = imagenet_synsets();
  for (const int64_t first : {0, 1}) {
    write("validation-00000-of-00001", {{first + 3, "", synsets[3]}, {first + 999, "", synsets[999]}});
    const auto records = open(Split::kValidation);
    EXPECT_EQ(records->classes(), 1000 + first);
    EXPECT_EQ(records->class_names().back(), synsets[999]);
    EXPECT_EQ(records->class_names()[static_cast<size_t>(first + 3)], synsets[3]);
    EXPECT_EQ(records->read(1).label, first + 999);
  }
  EXPECT_EQ(open(Split::kValidation)->class_names()[0], "background");
}

TEST_F(RecordClasses, ARecordOfAnotherSynsetThanItsLabelIsBroken) {
  const std::vector<std::string> synsets = imagenet_synsets();
  write("train-00000-of-00001", {{0, "", synsets[1]}});
  write_file(folder_ / "classes.txt", std::string_view(synsets[0] + " tench\n" + synsets[1]));
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain)->read(0); }),
              AllOf(HasSubstr("label 0 is " + synsets[0]), HasSubstr("the record says " + synsets[1])));
}

TEST_F(RecordClasses, TextsNameThemAndElseNumbersDo) {
  write("train-00000-of-00001", {{1, "rose"}, {2, "tulip"}, {1, "rose"}});
  write("validation-00000-of-00001", {{2, "tulip"}});
  EXPECT_THAT(open(Split::kValidation)->class_names(), ElementsAre("background", "rose", "tulip"));
  write("train-00000-of-00001", {{1, "rose"}, {3, "rose"}});
  EXPECT_THAT(open(Split::kValidation)->class_names(), ElementsAre("0", "1", "2", "3"));
  EXPECT_TRUE(open(Split::kValidation, {}, ClassRule::kNumbered)->class_names().empty());
  EXPECT_EQ(open(Split::kValidation, {}, ClassRule::kNumbered)->read(0).label, 2);
  write("train-00000-of-00001", {{-1, "rose"}});
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain); }), HasSubstr("no record has a label"));
}

TEST_F(RecordClasses, AMissingShardIsNamedAndMayBeAllowed) {
  write("train-00000-of-00003", {{0, "a"}});
  write("train-00002-of-00003", {{1, "b"}});
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain); }),
              AllOf(HasSubstr("train-00001-of-00003: missing: 2 of 3"), HasSubstr("allow_missing_shards")));
  EXPECT_EQ(open(Split::kTrain, {.allow_missing_shards = true})->size(), 2);
  EXPECT_THROW(open_unlabelled(folder_.path()), InputError);
  EXPECT_EQ(open_unlabelled(folder_.path(), {.allow_missing_shards = true})->size(), 2);
  EXPECT_EQ(ImageList({folder_.path().string()}, {.allow_missing_shards = true}).size(), 2);
}

TEST_F(RecordClasses, PatternsNameTheFiles) {
  write("flowers_10.tfrecord", {{0, "a"}, {1, "b"}});
  write("flowers_9.tfrecord", {{1, "b"}});
  write("held-00000-of-00002.tfrecord", {{1, "b"}});
  const RecordFiles files{.train_files = "flowers_*", .validation_files = "held-*.tfrecord"};
  const auto train = open(Split::kTrain, files);
  EXPECT_EQ(train->size(), 3);
  EXPECT_EQ(train->read(0).label, 1) << "9 comes before 10";
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kValidation, files); }),
              HasSubstr("held-00001-of-00002.tfrecord: missing: 1 of 2"));
  RecordFiles allowed = files;
  allowed.allow_missing_shards = true;
  EXPECT_EQ(open(Split::kValidation, allowed)->class_names(), train->class_names());
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain, {.train_files = "roses*"}); }), HasSubstr("roses*"));
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain, {.validation_files = "held*"}); }),
              HasSubstr("holds no train TFRecords"));
}

TEST_F(RecordClasses, NoFileIsOfBothSplits) {
  write("flowers_1.tfrecord", {{0, "a"}, {1, "b"}});
  write("held_1.tfrecord", {{1, "b"}});
  write_file(folder_ / "classes.txt", std::string_view("a\nb\n"));
  const RecordFiles files{.train_files = "*", .validation_files = "held*"};
  EXPECT_THAT(error_of<InputError>([&] { open(Split::kTrain, files); }),
              HasSubstr("held_1.tfrecord: is taken by both `train_files` and `validation_files`"));
  EXPECT_EQ(open(Split::kTrain, {.train_files = "*"})->size(), 3) << "classes.txt holds no records";
}

}  // namespace
}  // namespace assemble
