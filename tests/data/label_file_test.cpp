// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/label_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/loader.h"
#include "assemble/data/open_images.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class LabelFile : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    write_file(folder_ / name, std::string_view(text));
    return folder_ / name;
  }
  void touch(std::initializer_list<const char*> files) {
    for (const char* file : files) {
      make_directories((folder_ / file).parent_path());
      write(file, file);
    }
  }
  /// "path=label@split" of each row.
  std::vector<std::string> rows(const fs::path& file) {
    std::vector<std::string> texts;
    for (const LabelRow& row : read_label_file(file).rows) {
      texts.push_back(concat(row.path, "=", row.label, row.split ? concat("@", split_name(*row.split)) : ""));
    }
    return texts;
  }
  std::string problem(const std::string& name, const std::string& text) {
    const fs::path file = write(name, text);
    return error_of<InputError>([&] { read_label_file(file); });
  }
  static std::vector<std::string> files_of(const Dataset& dataset) {
    std::vector<std::string> texts;
    for (int64_t i = 0; i < dataset.size(); ++i) {
      texts.push_back(concat(image_name(dataset, i).string(), "=", dataset.label(i)));
    }
    return texts;
  }

  TemporaryFolder folder_;
};

TEST_F(LabelFile, CsvWithNamedColumns) {
  EXPECT_THAT(rows(write("a.csv", "image,label\na.jpg,cat\n\"b, 2.jpg\",\"a \"\"dog\"\"\"\r\n\n")),
              ElementsAre("a.jpg=cat", "b, 2.jpg=a \"dog\""));
  EXPECT_THAT(rows(write("b.csv", "\xEF\xBB\xBFSplit,x,Class,File_Name\nVAL,1,7,sub\\a.jpg\n,2,8,./b.jpg\n")),
              ElementsAre("sub/a.jpg=7@validation", "b.jpg=8"));
  EXPECT_THAT(rows(write("c.csv", "image_id,image,label\n17,a.jpg,cat\n")), ElementsAre("a.jpg=cat"));
}

TEST_F(LabelFile, CsvWithoutColumnNames) {
  EXPECT_THAT(rows(write("a.csv", "a.jpg,cat\nb.heic,dog\n")), ElementsAre("a.jpg=cat", "b.heic=dog"));
  EXPECT_THAT(rows(write("b.csv", "a.jpg,cat,train\nb.jpg,dog,test\n")),
              ElementsAre("a.jpg=cat@train", "b.jpg=dog@test"));
}

TEST_F(LabelFile, JsonInItsForms) {
  EXPECT_THAT(
      rows(write("a.json", R"([{"image": "a.jpg", "label": "cat"}, {"path": "b.jpg", "label": 3, "split": "val"}])")),
      ElementsAre("a.jpg=cat", "b.jpg=3@validation"));
  EXPECT_THAT(rows(write("b.json", R"({"a.jpg": "cat", "b.jpg": {"label": "dog", "split": "train"}})")),
              ElementsAre("a.jpg=cat", "b.jpg=dog@train"));
  EXPECT_THAT(
      rows(write("c.jsonl", "{\"file_name\": \"a.jpg\", \"label\": 0}\n\n{\"file_name\": \"b.jpg\", \"label\": 1}\n")),
      ElementsAre("a.jpg=0", "b.jpg=1"));
  EXPECT_THAT(rows(write("coco.json", R"({"info": {}, "images": [{"id": 5, "file_name": "x/a.jpg"}],
    "annotations": [{"id": 1, "image_id": 5, "category_id": 9}], "categories": [{"id": 9, "name": "rose"}]})")),
              ElementsAre("x/a.jpg=rose"));
}

TEST_F(LabelFile, ErrorsNameTheLine) {
  EXPECT_THAT(problem("a.csv", "image,label\na.jpg,cat\nb.jpg\n"), HasSubstr("a.csv line 3: 1 cells, expected 2"));
  EXPECT_THAT(problem("a.csv", "image,label\na.jpg,\n"), HasSubstr("line 2: 'a.jpg' has no label"));
  EXPECT_THAT(problem("a.csv", "image,label\na.jpg,cat\na.jpg,cat\n"),
              AllOf(HasSubstr("line 3: names 'a.jpg', as"), HasSubstr("a.csv line 2 does (")));
  EXPECT_THAT(problem("a.csv", "image,label\na.jpg,cat\n./a.jpg,dog\n"), HasSubstr("line 2 does with another label"));
  EXPECT_THAT(problem("a.csv", "image,label,split\na.jpg,cat,dev\n"), HasSubstr("line 2: 'dev' is no split"));
  EXPECT_THAT(problem("a.csv", "image,label\n\"a.jpg,cat\n"), HasSubstr("line 2: a quote that does not end"));
  EXPECT_THAT(problem("a.csv", "name,kind\na.jpg,cat\n"), HasSubstr("line 1: names no column 'image'"));
  EXPECT_THAT(problem("a.csv", "image,size\na.jpg,3\n"), HasSubstr("line 1: names no column 'label'"));
  EXPECT_THAT(problem("a.csv", "image,label,Label\n"), HasSubstr("two columns are 'label'"));
  EXPECT_THAT(problem("a.csv", "image,label\n"), HasSubstr("names no images"));
  EXPECT_THAT(problem("a.csv", ""), HasSubstr("names no images"));
  EXPECT_THAT(problem("a.jsonl", "{\"image\": \"a.jpg\", \"label\": 1}\n[1]\n"),
              HasSubstr("line 2: is no JSON object"));
  EXPECT_THAT(problem("a.jsonl", "{\"image\": \"a.jpg\", \"label\": [1, 2]}\n"),
              HasSubstr("line 1: a list as the label"));
  EXPECT_THAT(problem("a.json", "[{\"image\": \"a.jpg\", \"label\": 1.5}]"), HasSubstr("entry 1: the label is 1.5"));
  EXPECT_THAT(problem("a.json", "[{\"image\": \"a.jpg\",\n \"label\": }]"), HasSubstr("line 2"));
  EXPECT_THAT(problem("a.json", "7"), HasSubstr("is no list or object"));
  EXPECT_THAT(
      problem("a.json", R"({"images": [], "annotations": [{"image_id": 1, "category_id": 2}], "categories": []})"),
      HasSubstr("there is no category 2"));
  EXPECT_THAT(problem("a.json", R"({"images": 3, "annotations": []})"), HasSubstr("is not as expected"));
  EXPECT_THAT(problem("labels.txt", "a.jpg,cat\n"), HasSubstr("is no label file by its extension"));
}

TEST_F(LabelFile, PathsCannotLeaveTheFolder) {
  for (const char* path : {"/etc/passwd", "../a.jpg", "a/../../b.jpg", "..\\a.jpg", "C:\\a.jpg", "C:/a.jpg", ""}) {
    EXPECT_THAT(problem("a.csv", concat("image,label\n", path, ",cat\n")), HasSubstr("line 2: '")) << path;
  }
  EXPECT_THAT(problem("a.json", R"([{"image": "a\u0000.jpg", "label": "cat"}])"), HasSubstr("is no path inside"));
  EXPECT_THAT(problem("a.json", R"([{"image": "a.jpg", "label": "c\u000at"}])"), HasSubstr("control characters"));
}

TEST_F(LabelFile, IsReadBackAsItWasWritten) {
  const std::vector<LabelRow> written{
      {"a, b.jpg", "a \"cat\"", Split::kTrain}, {"é.jpg", "2", Split::kTest}, {"c.jpg", "dog", std::nullopt}};
  EXPECT_THAT(rows(write("a.csv", label_file_text(written))),
              ElementsAre("a, b.jpg=a \"cat\"@train", "é.jpg=2@test", "c.jpg=dog"));
  EXPECT_THAT(error_of<InputError>([] { label_file_text({{"a\nb.jpg", "cat"}}); }), HasSubstr("cannot hold"));
  EXPECT_THAT(error_of<InputError>([] { label_file_text({{"\xFF.jpg", "cat"}}); }), HasSubstr("cannot hold"));
}

TEST_F(LabelFile, IsADataSet) {
  touch({"x/a.jpg", "x/b.jpg", "c.jpg", "d.jpg"});
  const fs::path file =
      write("labels.csv", "image,label,split\nx/a.jpg,10,train\nx/b.jpg,9,train\nc.jpg,10,val\nd.jpg,9,\n");
  const auto train = open_dataset(file, Split::kTrain);
  EXPECT_THAT(train->class_names(), ElementsAre("9", "10"));
  EXPECT_THAT(files_of(*train), ElementsAre("x/a.jpg=1", "x/b.jpg=0"));
  EXPECT_EQ(train->where(), folder_.path());
  EXPECT_EQ(train->part(), "labels.csv train");
  EXPECT_THAT(train->passed_over(), ElementsAre(Pair("in no split", 1)));
  const Sample sample = train->read(0);
  EXPECT_EQ(std::string(sample.encoded.begin(), sample.encoded.end()), "x/a.jpg");
  EXPECT_EQ(sample.label, 1);
  const auto validation = open_dataset(file, Split::kValidation);
  EXPECT_THAT(validation->class_names(), ElementsAre("9", "10"));
  EXPECT_THAT(files_of(*validation), ElementsAre("c.jpg=1"));
  EXPECT_THROW(open_dataset(file, Split::kTest), NoSuchSplit);
  const std::vector<OpenSplit> splits = open_splits(file);
  ASSERT_EQ(splits.size(), 2u);
  EXPECT_THAT(splits[1].images->class_names(), ElementsAre("10"));
  EXPECT_TRUE(images_are_files(*validation));
}

TEST_F(LabelFile, WithoutSplitsIsAValidationSplit) {
  touch({"a.jpg", "b.jpg"});
  const fs::path file = write("labels.csv", "a.jpg,cat\nb.jpg,dog\n");
  EXPECT_EQ(open_dataset(file, Split::kValidation)->size(), 2);
  EXPECT_THROW(open_dataset(file, Split::kTrain), NoSuchSplit);
  EXPECT_FALSE(open_splits(file).at(0).split.has_value());
  EXPECT_EQ(open_dataset(write("train.csv", "a.jpg,cat\nb.jpg,dog\n"), Split::kTrain)->size(), 2);
}

TEST_F(LabelFile, ClassesThatTrainingLacksAreErrors) {
  touch({"a.jpg", "b.jpg"});
  const fs::path file = write("labels.csv", "image,label,split\na.jpg,roses,train\nb.jpg,rose,val\n");
  EXPECT_THAT(error_of<InputError>([&] { open_dataset(file, Split::kValidation); }),
              AllOf(HasSubstr("labels.csv line 3: 'rose' is none of the 1 classes"), HasSubstr("nearest is 'roses'")));
  EXPECT_THAT(open_dataset(file, Split::kValidation, ClassRule::kAny)->class_names(), ElementsAre("rose"));
}

TEST_F(LabelFile, AnotherFoldersImagesAreAnError) {
  touch({"images/a.jpg"});
  const fs::path file = write("labels.csv", "image,label\na.jpg,cat\nb.jpg,dog\n");
  EXPECT_THAT(error_of<InputError>([&] { open_dataset(file, Split::kValidation); }),
              AllOf(HasSubstr("line 2: 'a.jpg' is not in"), HasSubstr("nor are the 1 after it")));
  EXPECT_EQ(open_dataset(folder_ / "images", Split::kValidation, {}, {.split_file = file.string()})->size(), 2);
}

TEST_F(LabelFile, LabelsDoNotMatterForImagesWithoutThem) {
  touch({"a.jpg", "b.jpg"});
  const auto images = open_unlabelled(write("list.csv", "image\na.jpg\nb.jpg\n"));
  EXPECT_THAT(files_of(*images), ElementsAre("a.jpg=-1", "b.jpg=-1"));
}

TEST_F(LabelFile, TakesThePlaceOfAFoldersParts) {
  touch({"cat/a.jpg", "cat/b.jpg", "dog/a.jpg", "dog/b.jpg"});
  const fs::path file = write("split.csv", "image,label,split\ncat/a.jpg,cat,train\ncat/b.jpg,cat,validation\n");
  const RecordFiles files{.split_file = file.string()};
  EXPECT_THAT(files_of(*open_dataset(folder_.path(), Split::kTrain, {}, files)), ElementsAre("cat/a.jpg=0"));
  EXPECT_THAT(files_of(*open_dataset(folder_.path(), Split::kValidation, {}, files)), ElementsAre("cat/b.jpg=0"));
  EXPECT_EQ(open_splits(folder_.path(), files).size(), 2u);
}

TEST_F(LabelFile, SeveralLabelsAnImage) {
  touch({"a/1.png", "a/2.png", "b/1.png", "b/2.png"});
  const fs::path file = write("set.csv",
                              "image,labels,split\na/1.png,sea; sky,train\na/2.png,,train\n"
                              "b/1.png,sky;sky;,train\nb/2.png,sea,test\n");
  const auto train = open_dataset(file, Split::kTrain, ClassRule::kSeveral);
  EXPECT_TRUE(train->multi_label());
  EXPECT_THAT(train->class_names(), ElementsAre("sea", "sky"));
  EXPECT_EQ(train->label(0), -1);
  EXPECT_THAT(train->read(0).labels, ElementsAre(0, 1));
  EXPECT_THAT(train->read(1).labels, IsEmpty());
  EXPECT_THAT(train->read(2).labels, ElementsAre(1));
  EXPECT_TRUE(DatasetRange(*train, 1, 3).multi_label());
  EXPECT_THAT(error_of<InputError>([&] { (void)open_dataset(file, Split::kTrain); }),
              HasSubstr("any number of classes may be right"));
  EXPECT_THAT(error_of<InputError>([&] { (void)open_splits(file); }), HasSubstr("any number of classes may be right"));
  EXPECT_EQ(open_splits(file, {}, /*several=*/true).size(), 2u);
  EXPECT_EQ(open_unlabelled(file)->size(), 1);
}

TEST_F(LabelFile, SeveralLabelsInJson) {
  touch({"a.jpg", "b.jpg", "c.jpg"});
  const auto labels_in = [&](const std::string& name, const std::string& text) {
    const auto images = open_dataset(write(name, text), Split::kValidation, ClassRule::kSeveral);
    EXPECT_TRUE(images->multi_label()) << text;
    EXPECT_THAT(images->class_names(), ElementsAre("sea", "sky")) << text;
    std::vector<std::vector<int64_t>> labels;
    for (int64_t i = 0; i < images->size(); ++i) labels.push_back(images->read(i).labels);
    return labels;
  };
  const auto expected = ElementsAre(ElementsAre(1, 0), IsEmpty(), ElementsAre(0));
  EXPECT_THAT(labels_in("a.json", R"([{"image": "a.jpg", "labels": ["sky", "sea", "sky"]},
                                      {"image": "b.jpg", "labels": []}, {"image": "c.jpg", "labels": ["sea"]}])"),
              expected);
  EXPECT_THAT(labels_in("b.json", R"({"a.jpg": ["sky", "sea"], "b.jpg": [], "c.jpg": ["sea"]})"), expected);
  EXPECT_THAT(labels_in("c.jsonl",
                        "{\"image\": \"a.jpg\", \"labels\": [\"sky\", \"sea\"]}\n"
                        "{\"image\": \"b.jpg\", \"labels\": []}\n"
                        "{\"image\": \"c.jpg\", \"labels\": [\"sea\"]}\n"),
              expected);
  EXPECT_THAT(labels_in("coco.json", R"({"categories": [{"id": 1, "name": "sea"}, {"id": 2, "name": "sky"}],
                                         "annotations": [{"image_id": 7, "category_id": 2},
                                                         {"image_id": 7, "category_id": 1},
                                                         {"image_id": 7, "category_id": 1},
                                                         {"image_id": 9, "category_id": 1}],
                                         "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"},
                                                    {"id": 9, "file_name": "c.jpg"}]})"),
              expected);
}

TEST_F(LabelFile, OneLabelAndSeveralDoNotMix) {
  EXPECT_THAT(problem("a.csv", "image,label,labels\na.jpg,x,y\n"), HasSubstr("a column 'labels' beside 'label'"));
  EXPECT_THAT(problem("a.json", R"([{"image": "a.jpg", "label": "x"}, {"image": "b.jpg", "labels": ["x"]}])"),
              HasSubstr("entry 2: has a list of labels, images before it have one label"));
  EXPECT_THAT(problem("a.json", R"({"a.jpg": ["x"], "b.jpg": "x"})"), HasSubstr("has one label, images before it"));
  EXPECT_THAT(problem("a.json", R"([{"image": "a.jpg", "labels": "x"}])"), HasSubstr("'labels' is no list"));
  EXPECT_THAT(problem("a.json", R"([{"image": "a.jpg", "label": ["x"]}])"), HasSubstr("a list as the label"));
  EXPECT_THAT(problem("a.json", R"([{"image": "a.jpg", "labels": ["x", ""]}])"), HasSubstr("an empty text"));
  EXPECT_THAT(problem("a.csv", "image,labels\na.jpg,x\na.jpg,x;y\n"), HasSubstr("with another label"));
}

TEST_F(LabelFile, SeveralLabelsAreWrittenAsTheyAreRead) {
  const std::vector<LabelRow> rows{{.path = "a.jpg", .label = "", .split = Split::kTrain, .labels = {"x", "y, z"}},
                                   {.path = "b.jpg", .label = "", .split = Split::kTest}};
  const LabelRows read = read_label_file(write("a.csv", label_file_text(rows, /*several=*/true)));
  EXPECT_TRUE(read.several);
  EXPECT_THAT(read.rows[0].labels, ElementsAre("x", "y, z"));
  EXPECT_THAT(read.rows[1].labels, IsEmpty());
  EXPECT_EQ(read.rows[1].split, Split::kTest);
  EXPECT_THAT(error_of<InputError>(
                  [] { (void)label_file_text({{.path = "a.jpg", .label = "", .labels = {"x;y"}}}, /*several=*/true); }),
              HasSubstr("has a ';' in it"));
}

/// Rows of Batch::targets, without those of broken images.
TEST_F(LabelFile, TheLoaderGivesTargets) {
  for (const char* name : {"0.png", "1.png", "2.png"}) {
    write_file(folder_ / name, encode_png(test::wavy_image(20, 20)));
  }
  const auto targets_of = [&](const std::string& text, ClassRule rule) {
    const auto images = open_dataset(write("set.csv", text), Split::kValidation, rule);
    LoaderOptions options;
    options.batch_size = 3;
    options.preprocessing = Preprocessing::from_type("imagenet_16");
    Loader loader(*images, options);
    loader.start(0);
    std::vector<std::vector<float>> targets;
    for (Batch batch; loader.next(batch);) targets.push_back(batch.targets);
    return targets;
  };
  EXPECT_THAT(targets_of("image,labels\n0.png,a;c\ngone.png,b\n1.png,\n2.png,b\n", ClassRule::kSeveral),
              ElementsAre(ElementsAre(1, 0, 1, 0, 0, 0), ElementsAre(0, 1, 0)));
  EXPECT_THAT(targets_of("image,label\n0.png,a\n1.png,b\n", ClassRule::kOfTraining), ElementsAre(IsEmpty()));
}

}  // namespace
}  // namespace assemble
