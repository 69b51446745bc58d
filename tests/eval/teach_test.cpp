// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/teach.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/shards.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/io/tfrecord.h"
#include "drawn_data.h"
#include "matrices.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr int64_t kClasses = 8;

std::array<float, 3> mean_colour(std::span<const float> pixels) {
  std::array<double, 3> sums{};
  for (size_t i = 0; i < pixels.size(); ++i) sums[i % 3] += pixels[i];
  std::array<float, 3> means{};
  for (size_t c = 0; c < 3; ++c) means[c] = static_cast<float>(sums[c] / static_cast<double>(pixels.size() / 3));
  return means;
}

/// Logits that are a function of the pixels; counts its images and may act at the n-th call.
class FakeTeacher {
 public:
  Network function() {
    return [this](const Images& images) {
      if (++calls_ == act_at) act();
      images_ += images.count;
      Matrix logits(images.count, kClasses);
      for (int64_t i = 0; i < images.count; ++i) {
        const auto means = mean_colour(
            {std::get<const float*>(images.part(i, i + 1).pixels), static_cast<size_t>(images.values_per_image())});
        for (size_t c = 0; c < kClasses; ++c) logits.row(i)[c] = means[c % 3];
      }
      return logits;
    };
  }
  int64_t images() const { return images_; }

  int act_at = 0;
  std::function<void()> act;

 private:
  int calls_ = 0;
  int64_t images_ = 0;
};

class TeachTest : public testing::Test {
 protected:
  TeachTest() {
    options_.preprocessing = Preprocessing::from_type("imagenet_32a");
    options_.batch_size = 5;
    options_.shards = 4;
    write_source();
    fs::create_directories(out());
  }

  /// The drawn training images as records with boxes, features of every kind and, in some, another teacher's logits.
  void write_source() {
    fs::create_directories(source());
    TfRecordWriter writer(source() / shard_name("train", 0, 1));
    for (int64_t i = 0; i < drawn_->size(); ++i) {
      Example example = drawn_->example(i);
      for (const char* side : {"xmin", "ymin"}) example[concat("image/object/bbox/", side)] = std::vector<float>{0.25f};
      for (const char* side : {"xmax", "ymax"}) example[concat("image/object/bbox/", side)] = std::vector<float>{0.75f};
      example["unknown/numbers"] = std::vector<int64_t>{i, -1, int64_t{1} << 60};
      example["unknown/texts"] = std::vector<std::string>{"", std::string("\0\xff", 2)};
      if (i % 3 == 0) example["image/logit"] = std::vector<float>(kClasses, 9.f);
      if (broken_.contains(i)) example["image/encoded"] = std::vector<std::string>{"no image"};
      writer.write(serialise_example(example));
    }
    writer.commit();
    write_file(source() / "classes.txt", std::string_view(join(drawn_->class_names(), "\n")));
    records_ = open_dataset(source(), Split::kTrain);
  }

  void break_images(std::set<int64_t> broken) {
    broken_ = std::move(broken);
    write_source();
  }

  TeachReport run(FakeTeacher& teacher) {
    return teach(*records_, Split::kTrain, teacher.function(), out(), options_, stop_.get_token());
  }
  TeachReport run() {
    FakeTeacher teacher;
    return run(teacher);
  }

  fs::path source() const { return folder_ / "source"; }
  fs::path out() const { return folder_ / name_; }
  fs::path shard(int index) const { return out() / shard_name("train", index, options_.shards); }
  std::string all_shards() const {
    std::string all;
    for (int i = 0; i < options_.shards; ++i) all += test::read_text(shard(i));
    return all;
  }

  test::TemporaryFolder folder_;
  std::string name_ = "out";
  std::unique_ptr<Dataset> drawn_ = open_dataset(test::drawn_data(), Split::kTrain);
  std::unique_ptr<Dataset> records_;
  std::set<int64_t> broken_;
  TeachOptions options_;
  std::stop_source stop_;
};

TEST_F(TeachTest, AddsLogitsAndCarriesEverythingElseOver) {
  const TeachReport report = run();
  EXPECT_EQ(report.images, drawn_->size());
  EXPECT_EQ(report.shards, 4);
  EXPECT_EQ(report.broken + report.kept_shards, 0);
  const TfRecordDataset taught(find_shards(out(), "train"), drawn_->class_names());
  ASSERT_EQ(taught.size(), drawn_->size());
  int64_t correct = 0;
  for (int64_t i = 0; i < taught.size(); ++i) {
    Example expected = records_->example(i), found = taught.example(i);
    std::vector<float> pixels(32 * 32 * 3);
    const Sample sample = records_->read(i);
    preprocess_eval(sample.encoded, "", options_.preprocessing, pixels);
    const std::array<float, 3> mean = mean_colour(pixels);
    const std::vector<float> logits = std::get<std::vector<float>>(found.at("image/logit"));
    for (size_t c = 0; c < kClasses; ++c) EXPECT_NEAR(logits[c], mean[c % 3], 1e-3);
    correct += std::max_element(logits.begin(), logits.end()) - logits.begin() == sample.label;
    expected.erase("image/logit");
    found.erase("image/logit");
    EXPECT_EQ(found, expected);
  }
  EXPECT_EQ(report.correct, correct);
}

TEST_F(TeachTest, FoldersBecomeRecordsOfTheOriginalsLayout) {
  FakeTeacher teacher;
  options_.shards = 0;
  const auto validation = open_dataset(test::drawn_data(), Split::kValidation);
  const TeachReport report = teach(*validation, Split::kValidation, teacher.function(), out(), options_);
  EXPECT_EQ(report.shards, 1) << "one for every 1024 images";
  const TfRecordDataset taught(find_shards(out(), "validation"), drawn_->class_names());
  EXPECT_EQ(taught.read(4).encoded, validation->read(4).encoded);
  EXPECT_EQ(taught.read(4).label, validation->read(4).label);
  EXPECT_EQ(taught.read(4).logits.size(), 8u);
}

TEST_F(TeachTest, ShardsDoNotDependOnThreads) {
  options_.loader_threads = 1;
  run();
  const std::string one = all_shards();
  name_ = "many";
  fs::create_directories(out());
  options_.loader_threads = 6;
  run();
  EXPECT_EQ(all_shards(), one);
}

TEST_F(TeachTest, FinishedShardsAreKeptAndDamagedOnesWrittenAgain) {
  run();
  const std::string before = all_shards();
  const auto written = fs::last_write_time(shard(0));
  fs::remove(shard(1));
  Bytes damaged = read_file(shard(2));
  damaged[damaged.size() / 2] ^= 1;
  test::write_bytes(shard(2), damaged);
  FakeTeacher teacher;
  const TeachReport report = run(teacher);
  EXPECT_EQ(report.kept_shards, 2);
  EXPECT_EQ(report.images, drawn_->size());
  EXPECT_EQ(teacher.images(), drawn_->size() / 2);
  EXPECT_EQ(all_shards(), before);
  EXPECT_EQ(fs::last_write_time(shard(0)), written);
}

TEST_F(TeachTest, ShardsOfAnotherDataSetOrWithoutLogitsAreNotKept) {
  run();
  const std::string before = all_shards();
  fs::copy_file(shard(0), shard(1), fs::copy_options::overwrite_existing);
  TfRecordWriter writer(shard(3));
  for (int64_t i = 36; i < 48; ++i) {
    Example example = records_->example(i);
    example.erase("image/logit");
    writer.write(serialise_example(example));
  }
  writer.commit();
  EXPECT_EQ(run().kept_shards, 2);
  EXPECT_EQ(all_shards(), before);
}

TEST_F(TeachTest, StoppedItLeavesWholeShardsAndTheNextRunGoesOn) {
  run();
  const std::string uninterrupted = all_shards();
  name_ = "interrupted";
  fs::create_directories(out());
  FakeTeacher teacher;
  teacher.act_at = 5;  // in the second shard, of three batches each
  teacher.act = [this] { stop_.request_stop(); };
  EXPECT_THAT(test::error_of<RunError>([&] { run(teacher); }), HasSubstr("the same command goes on"));
  EXPECT_EQ(test::list_files(out()), std::vector<std::string>{"train-00000-of-00004"});
  stop_ = {};
  EXPECT_EQ(run().kept_shards, 1);
  EXPECT_EQ(all_shards(), uninterrupted);
}

TEST_F(TeachTest, ProcessesShareTheShards) {
  run();
  const std::string alone = all_shards();
  name_ = "shared";
  fs::create_directories(out());
  options_.ranks.world = 3;
  int64_t images = 0;
  for (const int rank : {2, 0, 1}) {
    options_.ranks.rank = rank;
    images += run().images;
  }
  EXPECT_EQ(images, drawn_->size());
  EXPECT_EQ(all_shards(), alone);
  EXPECT_EQ(run().kept_shards, 1) << "of rank 1, which has one of the four";
  options_.ranks.rank = 3;
  EXPECT_THROW(run(), UsageError);
}

/// Logits by file name as CSV; the value of class c for image i is c·i.
std::string csv_of(const Dataset& dataset, bool with_folders) {
  std::string text;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const fs::path path = dataset.read(i).name;
    const std::string file = path.filename().string();
    text += with_folders ? (path.parent_path().filename() / file).string() : file;
    for (int64_t c = 0; c < kClasses; ++c) text += concat(",", c * i);
    text += "\n";
  }
  return text;
}

TEST_F(TeachTest, LogitsOfAFileGoByTheNamesOfImages) {
  write_file(folder_ / "logits.csv", std::string_view(csv_of(*drawn_, /*with_folders=*/true)));
  StoredLogits logits = StoredLogits::read(folder_ / "logits.csv");
  const TeachReport report = teach(*drawn_, Split::kTrain, logits, out(), options_);
  EXPECT_EQ(report.images, drawn_->size());
  EXPECT_EQ(logits.unused(), 0);
  const TfRecordDataset taught(find_shards(out(), "train"), drawn_->class_names());
  for (const int64_t i : {int64_t{0}, int64_t{17}, drawn_->size() - 1}) {
    EXPECT_EQ(taught.read(i).encoded, drawn_->read(i).encoded);
    for (int64_t c = 0; c < kClasses; ++c) EXPECT_EQ(taught.read(i).logits[static_cast<size_t>(c)], c * i);
  }
  StoredLogits again = StoredLogits::read(folder_ / "logits.csv");
  EXPECT_EQ(teach(*drawn_, Split::kTrain, again, out(), options_).kept_shards, 4);
}

TEST_F(TeachTest, LogitsThatAreMissingAmbiguousOrOfOtherClassesAreErrors) {
  const auto error = [&](const std::string& text) {
    write_file(folder_ / "logits.csv", std::string_view(text));
    StoredLogits logits = StoredLogits::read(folder_ / "logits.csv");
    return test::error_of<InputError>([&] { teach(*drawn_, Split::kTrain, logits, out(), options_); });
  };
  const std::string all = csv_of(*drawn_, /*with_folders=*/true);
  EXPECT_THAT(error(all.substr(all.find('\n') + 1)), HasSubstr("has no logits for " + drawn_->read(0).name));
  EXPECT_THAT(error("a.jpg,1,2\n"), HasSubstr("holds logits of 2 classes, the data set"));
  // The drawn classes have files of the same names.
  const std::string base = fs::path(drawn_->read(0).name).filename().string();
  std::string twins = all;
  for (int64_t i = 0; i < drawn_->size(); ++i) {
    const fs::path path = drawn_->read(i).name;
    if (path.filename() != base) continue;
    const size_t at = twins.find((path.parent_path().filename() / base).string());
    twins.replace(at, path.parent_path().filename().string().size(), i == 0 ? "." : concat("no", i));
  }
  twins.erase(0, 2);
  EXPECT_THAT(error(twins), HasSubstr("is the name of two images"));
}

TEST_F(TeachTest, ImagesThatCannotBeReadNeedNoLogits) {
  break_images({3});
  std::string text;
  for (int64_t i = 0; i < drawn_->size(); ++i) {
    if (i != 3) text += concat("image", i, ".jpg,0,1,2,3,4,5,6,7\n");
  }
  TfRecordWriter writer(source() / shard_name("train", 0, 1));
  for (int64_t i = 0; i < records_->size(); ++i) {
    Example example = records_->example(i);
    example["image/filename"] = std::vector<std::string>{concat("image", i, ".jpg")};
    writer.write(serialise_example(example));
  }
  writer.commit();
  records_ = open_dataset(source(), Split::kTrain);
  write_file(folder_ / "logits.csv", std::string_view(text));
  StoredLogits logits = StoredLogits::read(folder_ / "logits.csv");
  const TeachReport report = teach(*records_, Split::kTrain, logits, out(), options_);
  EXPECT_EQ(report.broken, 1);
  EXPECT_EQ(report.images, drawn_->size() - 1);
}

TEST(FlatAnswers, AreToldFromThoseOfATeacher) {
  EXPECT_EQ(flat_answers(test::normal_matrix(8, 100, 1)), "") << "random, but of some size";
  EXPECT_THAT(flat_answers(test::filled(8, 100, 0.5f)), HasSubstr("the same for the first 8 images"));
  Matrix small = test::normal_matrix(8, 100, 1);
  for (float& value : small.values) value *= 0.01f;
  EXPECT_THAT(flat_answers(small), HasSubstr("about as likely"));
  Matrix constant = test::normal_matrix(8, 100, 1);
  for (int64_t i = 1; i < 8; ++i) std::ranges::copy(constant.row(0), constant.row(i).begin());
  EXPECT_THAT(flat_answers(constant), HasSubstr("the same"));
  EXPECT_EQ(flat_answers(test::filled(3, 100, 0.f)), "") << "too few to tell";
}

TEST_F(TeachTest, UnreadableImagesAreLeftOutAndCounted) {
  break_images({0, 13, 14, 47});
  options_.max_broken = 4;
  const TeachReport report = run();
  EXPECT_EQ(report.broken, 4);
  EXPECT_EQ(report.images, drawn_->size() - 4);
  const TeachReport again = run();
  EXPECT_EQ(again.kept_shards, 4) << "left-out images do not make a shard look damaged";
  EXPECT_EQ(again.broken, 4);
  EXPECT_EQ(again.images, report.images);
  options_.max_broken = 3;
  EXPECT_THAT(test::error_of<InputError>([&] { run(); }), HasSubstr("more than 3 broken images"));
  name_ = "fresh";
  fs::create_directories(out());
  EXPECT_THAT(test::error_of<InputError>([&] { run(); }), HasSubstr("more than 3 broken images"));
}

TEST_F(TeachTest, AShardWhoseImagesAreAllBrokenIsEmpty) {
  std::set<int64_t> broken;
  for (int64_t i = 0; i < 12; ++i) broken.insert(i);
  break_images(broken);
  EXPECT_EQ(run().images, 36);
  EXPECT_EQ(fs::file_size(shard(0)), 0u);
  EXPECT_EQ(run().kept_shards, 4);
}

TEST_F(TeachTest, RefusesWhatCannotBeATeacher) {
  const auto run_with = [&](const Network& teacher) {
    return teach(*records_, Split::kTrain, teacher, out(), options_);
  };
  EXPECT_THAT(
      test::error_of<InputError>([&] { run_with([](const Images& images) { return Matrix(images.count, 5); }); }),
      HasSubstr("[5, 5] logits for 5 images of 8 classes"));
  EXPECT_THAT(test::error_of<RunError>(
                  [&] { run_with([](const Images& images) { return test::filled(images.count, kClasses, NAN); }); }),
              HasSubstr("not finite"));
  EXPECT_TRUE(fs::is_empty(out()));
}

TEST_F(TeachTest, WrongNumbersOfShardsAreRefused) {
  run();
  options_.shards = 3;
  EXPECT_THAT(test::error_of<UsageError>([&] { run(); }), HasSubstr("belongs to another set of records"));
  options_.shards = 100000;
  EXPECT_THROW(run(), UsageError);
}

TEST_F(TeachTest, AFullDiskLeavesNoHalfShard) {
  {
    const test::FileSizeLimit full(3000);
    EXPECT_THROW(run(), RunError);
  }
  EXPECT_TRUE(fs::is_empty(out()));
}

TEST(TeacherFolder, HoldsOneTeachersLogits) {
  const test::TemporaryFolder folder;
  prepare_teacher_folder(folder / "out", {{"model", "a"}});
  EXPECT_NO_THROW(prepare_teacher_folder(folder / "out", {{"model", "a"}}));
  EXPECT_THAT(test::error_of<UsageError>([&] {
                prepare_teacher_folder(folder / "out", {{"model", "b"}});
              }),
              HasSubstr("another teacher"));
  fs::create_directories(folder / "records");
  TfRecordWriter(folder / "records" / "train-00000-of-00001").commit();
  EXPECT_THAT(test::error_of<UsageError>([&] { prepare_teacher_folder(folder / "records", {}); }),
              HasSubstr("without a teacher.json"));
  test::write_bytes(folder / "file", {});
  EXPECT_THROW(prepare_teacher_folder(folder / "file" / "out", {}), RunError);
}

}  // namespace
}  // namespace assemble
