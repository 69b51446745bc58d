// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "assemble/core/error.h"
#include "assemble/data/dataset.h"
#include "assemble/image/decode.h"
#include "assemble/image/resize.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

Image draw(int64_t label, int side, uint64_t sample) {
  Random random(1, RandomPurpose::kDraw, 0, sample);
  return draw_image(label, side, random);
}

TEST(DrawImage, IsAPureFunctionOfItsStream) {
  EXPECT_EQ(draw(2, 32, 7).pixels, draw(2, 32, 7).pixels);
  EXPECT_NE(draw(2, 32, 7).pixels, draw(2, 32, 8).pixels);
  EXPECT_NE(draw(2, 32, 7).pixels, draw(3, 32, 7).pixels);
  EXPECT_EQ(draw(0, 40, 1).pixels.size(), 40u * 40 * 3);
}

TEST(DrawImage, LabelChangesALargePartOfTheImage) {
  // The same stream, so the same background: only the shape and its texture differ.
  const Image disc = draw(0, 64, 3), cross = draw(6, 64, 3);
  int changed = 0;
  for (size_t i = 0; i < disc.pixels.size(); i += 3) changed += std::abs(disc.pixels[i] - cross.pixels[i]) > 30;
  EXPECT_GT(changed, 64 * 64 / 25);
}

TEST(DrawImage, RefusesWrongArguments) {
  EXPECT_THAT(error_of<UsageError>([] { draw(8, 64, 0); }), HasSubstr("label 8, expected 0…7"));
  EXPECT_THROW(draw(-1, 64, 0), UsageError);
  EXPECT_THAT(error_of<UsageError>([] { draw(0, 8, 0); }), HasSubstr("side of 8"));
}

TEST(DrawDataset, WritesBothSplitsTheSameForAnyThreads) {
  TemporaryFolder folder;
  DrawOptions options{.train_per_class = 3, .validation_per_class = 2, .side = 24, .seed = 4, .threads = 1};
  draw_dataset(folder / "one", options);
  options.threads = 4;
  draw_dataset(folder / "four", options);
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    const auto one = open_dataset(folder / "one", split), four = open_dataset(folder / "four", split);
    ASSERT_EQ(one->size(), split == Split::kTrain ? 24 : 16);
    EXPECT_EQ(one->classes(), 8);
    std::set<Bytes> different;
    for (int64_t i = 0; i < one->size(); ++i) {
      const Sample sample = one->read(i);
      EXPECT_EQ(sample.encoded, four->read(i).encoded);
      EXPECT_EQ(decode_image(sample.encoded, sample.name).width, 24);
      different.insert(sample.encoded);
    }
    EXPECT_EQ(static_cast<int64_t>(different.size()), one->size());
  }
}

TEST(DrawDataset, ZeroShotSplitsHaveClassesOfTheirOwn) {
  TemporaryFolder folder;
  DrawOptions options{.train_per_class = 2, .validation_per_class = 3, .side = 16};
  draw_dataset(folder / "whole", options);
  std::set<Bytes> whole;
  for (int64_t i = 0; i < 8 * 3; ++i) whole.insert(open_dataset(folder / "whole", Split::kValidation)->read(i).encoded);
  options.zero_shot = true;
  draw_dataset(folder / "zero", options);
  const auto train = open_dataset(folder / "zero", Split::kTrain);
  const auto validation = open_dataset(folder / "zero", Split::kValidation, ClassRule::kAny);
  EXPECT_EQ(train->size(), 4 * 2);
  EXPECT_EQ(validation->size(), 4 * 3);
  std::set<std::string> names(train->class_names().begin(), train->class_names().end());
  names.insert(validation->class_names().begin(), validation->class_names().end());
  EXPECT_EQ(names, std::set<std::string>(drawn_classes().begin(), drawn_classes().end()));
  for (const auto* split : {train.get(), validation.get()}) {
    std::set<std::string> shapes, textures;
    for (const std::string& name : split->class_names()) {
      textures.insert(name.substr(0, name.find(' ')));
      shapes.insert(name.substr(name.find(' ')));
    }
    EXPECT_EQ(shapes.size(), 4u);
    EXPECT_EQ(textures.size(), 2u);
  }
  for (int64_t i = 0; i < validation->size(); ++i) EXPECT_TRUE(whole.contains(validation->read(i).encoded));
}

/// Files of a folder and what they hold.
std::map<std::string, Bytes> contents(const fs::path& folder) {
  std::map<std::string, Bytes> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  }
  return files;
}

TEST(DrawDataset, GoesOnAfterAKill) {
  TemporaryFolder folder;
  const DrawOptions options{.train_per_class = 2, .validation_per_class = 2, .side = 16};
  draw_dataset(folder / "whole", options);
  draw_dataset(folder / "killed", options);
  const fs::path cross = folder / "killed/train/dotted cross";
  fs::remove(cross / "00001.png");
  fs::remove_all(folder / "killed/validation");
  write_file(cross / ".00001.png.tmp-4194303", std::string_view("half of it"));
  draw_dataset(folder / "killed", options);
  EXPECT_EQ(contents(folder / "killed"), contents(folder / "whole"));
}

TEST(DrawDataset, RefusesASetOfOtherOptions) {
  TemporaryFolder folder;
  const DrawOptions options{.train_per_class = 2, .validation_per_class = 1, .side = 16};
  draw_dataset(folder.path(), options);
  const auto before = contents(folder.path());
  EXPECT_EQ(before.size(), 8u * 3 + 1);
  for (const auto& [change, what] : std::vector<std::pair<std::function<void(DrawOptions&)>, const char*>>{
           {[](DrawOptions& o) { o.train_per_class = 1; }, "was drawn with train_per_class 2, not 1"},
           {[](DrawOptions& o) { o.validation_per_class = 3; }, "was drawn with validation_per_class 1, not 3"},
           {[](DrawOptions& o) { o.side = 32; }, "was drawn with side 16, not 32"},
           {[](DrawOptions& o) { o.seed = 1; }, "was drawn with seed 0, not 1"},
           {[](DrawOptions& o) { o.zero_shot = true; }, "was drawn with zero_shot false, not true"}}) {
    DrawOptions other = options;
    change(other);
    EXPECT_THAT(error_of<UsageError>([&] { draw_dataset(folder.path(), other); }), HasSubstr(what));
  }
  EXPECT_EQ(contents(folder.path()), before);
  DrawOptions threads = options;
  threads.threads = 1;
  EXPECT_NO_THROW(draw_dataset(folder.path(), threads));
}

TEST(DrawDataset, TouchesNothingThatItDidNotDraw) {
  TemporaryFolder folder;
  const DrawOptions options{.train_per_class = 1, .validation_per_class = 1, .side = 16};
  // Both have the names of drawn images; the second is found before the first split is written.
  for (const std::string name : {"train/dotted disc/00000.png", "validation/dotted disc/00000.png", "validation"}) {
    const fs::path set = folder / std::to_string(name.size()), mine = set / name;
    make_directories(mine.parent_path());
    write_file(mine, std::string_view("mine"));
    EXPECT_THAT(error_of<UsageError>([&] { draw_dataset(set, options); }), HasSubstr("no draw.json"));
    EXPECT_EQ(contents(set), (std::map<std::string, Bytes>{{name, Bytes{'m', 'i', 'n', 'e'}}}));
  }
  draw_dataset(folder / "set", options);
  write_file(folder / "set/train/photo.jpg", std::string_view("mine"));
  EXPECT_NO_THROW(draw_dataset(folder / "set", options));
  EXPECT_TRUE(fs::exists(folder / "set/train/photo.jpg"));
}

TEST(DrawDataset, ChecksItsOptionsFirst) {
  TemporaryFolder folder;
  for (const DrawOptions& options :
       {DrawOptions{.train_per_class = 0}, DrawOptions{.validation_per_class = 100000}, DrawOptions{.side = 8}}) {
    EXPECT_THROW(draw_dataset(folder / "other", options), UsageError);
    EXPECT_FALSE(fs::exists(folder / "other"));
  }
}

/// Samples as rows of features in [-1, 1] with a constant at the end.
struct Table {
  std::vector<std::vector<float>> rows;
  std::vector<int64_t> labels;
};

Table drawn_table(int per_class, int side, uint64_t first_sample) {
  Table table;
  for (int64_t i = 0; i < per_class * 8; ++i) {
    std::vector<float> row(static_cast<size_t>(side) * side * 3);
    // Mean over squares, not TensorFlow's sparse grid: the linear model gets every pixel.
    const Image image = draw(i % 8, 64, first_sample + static_cast<uint64_t>(i));
    const int step = 64 / side;
    for (int y = 0; y < side * step; ++y) {
      for (int x = 0; x < side * step * 3; ++x) {
        const size_t target = (static_cast<size_t>(y / step) * side + x / 3 / step) * 3 + x % 3;
        row[target] += image.row(y)[x] / (127.5f * step * step);
      }
    }
    for (float& value : row) value -= 1;
    row.push_back(1);
    table.rows.push_back(std::move(row));
    table.labels.push_back(i % 8);
  }
  return table;
}

using Weights = std::vector<std::vector<float>>;

std::vector<float> scores(const Weights& weights, const std::vector<float>& row) {
  std::vector<float> result;
  for (const auto& weight : weights) result.push_back(std::inner_product(row.begin(), row.end(), weight.begin(), 0.f));
  return result;
}

double accuracy(const Weights& weights, const Table& table) {
  int right = 0;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const std::vector<float> score = scores(weights, table.rows[i]);
    right += std::max_element(score.begin(), score.end()) - score.begin() == table.labels[i];
  }
  return right / static_cast<double>(table.rows.size());
}

/// Softmax regression by stochastic gradient descent.
Weights fit(const Table& table, int epochs, float rate) {
  Weights weights(8, std::vector<float>(table.rows[0].size()));
  Random random(1, RandomPurpose::kShuffle);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (const int64_t i : random_permutation(static_cast<int64_t>(table.rows.size()), random)) {
      const std::vector<float>& row = table.rows[static_cast<size_t>(i)];
      std::vector<float> share = scores(weights, row);
      const float highest = *std::max_element(share.begin(), share.end());
      float sum = 0;
      for (float& value : share) sum += value = std::exp(value - highest);
      for (size_t k = 0; k < 8; ++k) {
        const float step = rate * ((static_cast<int64_t>(k) == table.labels[static_cast<size_t>(i)]) - share[k] / sum);
        for (size_t j = 0; j < row.size(); ++j) weights[k][j] += step * row[j];
      }
    }
  }
  return weights;
}

TEST(DrawnClasses, AreNotLinearInThePixels) {
  for (const int side : {16, 32}) {
    const Table train = drawn_table(120, side, 0), validation = drawn_table(40, side, 100000);
    const Weights weights = fit(train, 12, 0.3f / static_cast<float>(side * side));
    // It learns, so that the next line means something.
    EXPECT_GT(accuracy(weights, train), 0.2) << side;
    EXPECT_LT(accuracy(weights, validation), 0.6) << side;
  }
}

TEST(DrawnClasses, AreNotToldByTheMeanColour) {
  const Table train = drawn_table(120, 1, 0), validation = drawn_table(40, 1, 100000);
  EXPECT_LT(accuracy(fit(train, 12, 0.05f), validation), 0.25);
}

}  // namespace
}  // namespace assemble
