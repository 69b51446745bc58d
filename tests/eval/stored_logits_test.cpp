// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/stored_logits.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/safetensors.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoredLogitsTest : public testing::Test {
 protected:
  StoredLogits csv(const std::string& text) {
    write_file(folder_ / "l.csv", std::string_view(text));
    return StoredLogits::read(folder_ / "l.csv");
  }
  std::string csv_error(const std::string& text) {
    return test::error_of<InputError>([&] { csv(text); });
  }
  StoredLogits tensors(const std::vector<int64_t>& shape, const std::map<std::string, std::string>& metadata) {
    const std::vector<float> values{1, 2, 3, 4, 5, 6};
    const auto bytes = std::as_bytes(std::span(values));
    write_safetensors(
        folder_ / "l.safetensors",
        {{"logits", DataType::kF32, shape, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}}}, metadata);
    return StoredLogits::read(folder_ / "l.safetensors");
  }

  test::TemporaryFolder folder_;
};

TEST_F(StoredLogitsTest, OfCsvWithAndWithoutHeader) {
  StoredLogits logits = csv("image,cat,dog\n\"a,1.jpg\",1.5,-2e-3\r\nb.jpg, 0 ,7\n");
  EXPECT_THAT(logits.class_names(), ElementsAre("cat", "dog"));
  EXPECT_THAT(*logits.take("x/a,1.jpg", "image 1"), ElementsAre(1.5f, -2e-3f));
  EXPECT_THAT(*logits.take("b.jpg", "image 2"), ElementsAre(0, 7));
  EXPECT_EQ(logits.take("c.jpg", "image 3"), std::nullopt);
  EXPECT_THAT(csv("a,1,2,3\n").class_names(), ElementsAre("0", "1", "2"));
}

TEST_F(StoredLogitsTest, MeetTheClassesOfADataSet) {
  const std::vector<std::string> names{"background", "dog", "cat"};
  StoredLogits logits = csv("image,cat,dog\na.jpg,1,2\n");
  logits.pair(ClassPairing({logits.class_names(), logits.where()}, {names, "the data"}));
  EXPECT_THAT(*logits.take("a.jpg", "image"), ElementsAre(kNoLogit, 2, 1));
  EXPECT_EQ(logits.class_names(), names);
  // Without names they are not guessed to be in the data set's order.
  StoredLogits unnamed = csv("a.jpg,1,2\n");
  const ClassList data{{"dog", "cat"}, "the data"};
  EXPECT_THAT(test::error_of<InputError>([&] {
                ClassPairing({unnamed.class_names(), unnamed.where()}, data);
              }),
              HasSubstr("a `label_offset` (0: in their order)"));
  unnamed.pair(ClassPairing({unnamed.class_names(), unnamed.where()}, data, {.label_offset = 0}));
  EXPECT_THAT(*unnamed.take("a.jpg", "image"), ElementsAre(1, 2));
}

TEST_F(StoredLogitsTest, OfSafetensors) {
  StoredLogits logits = tensors({2, 3}, {{"images", R"(["a", "b"])"}, {"classes", R"(["x", "y", "z"])"}});
  EXPECT_THAT(*logits.take("b", "image"), ElementsAre(4, 5, 6));
  EXPECT_THAT(logits.class_names(), ElementsAre("x", "y", "z"));
  EXPECT_EQ(logits.unused(), 1);
  using Names = std::map<std::string, std::string>;
  for (const auto& [shape, names] : {std::pair<std::vector<int64_t>, Names>{{2, 3}, {{"images", R"(["a"])"}}},
                                     {{6}, {{"images", R"(["a", "b", "c", "d", "e", "f"])"}}},
                                     {{2, 3}, {{"images", "a, b"}}},
                                     {{2, 3}, {{"images", R"(["a", "a"])"}}},
                                     {{2, 3}, {{"images", R"(["a", "b"])"}, {"classes", R"(["x"])"}}}}) {
    EXPECT_THROW(tensors(shape, names), InputError);
  }
}

TEST_F(StoredLogitsTest, TheLongestNameIsTheImages) {
  StoredLogits logits = csv("1.jpg,1\nrose/1.jpg,2\n");
  EXPECT_THAT(*logits.take("train/rose/1.jpg", "a"), ElementsAre(2));
  EXPECT_THAT(*logits.take("train/tulip/1.jpg", "b"), ElementsAre(1));
  EXPECT_THAT(*logits.take("train/rose/1.jpg", "a"), ElementsAre(2)) << "the same image again";
  EXPECT_EQ(logits.take("train/rose/11.jpg", "c"), std::nullopt) << "names end at a slash";
  EXPECT_THAT(test::error_of<InputError>([&] { logits.take("lily/1.jpg", "c"); }),
              HasSubstr("'1.jpg' is the name of two images: b and c"));
}

TEST_F(StoredLogitsTest, SayWhatIsWrong) {
  EXPECT_THAT(csv_error("a,1,2\nb,1\n"), HasSubstr("l.csv:2: holds 1 logits, expected 2"));
  EXPECT_THAT(csv_error("a,1,2\na,1,2\n"), HasSubstr("l.csv:2: names 'a' a second time"));
  EXPECT_THAT(csv_error("a,1,2\nb,1,x\n"), HasSubstr("'x' is no number"));
  EXPECT_THAT(csv_error("a,1,2\nb,1,nan\n"), HasSubstr("l.csv"));
  EXPECT_THAT(csv_error("a\n"), HasSubstr("FILE,L0,L1"));
  EXPECT_THAT(csv_error("image,cat\n"), HasSubstr("holds no logits"));
  EXPECT_THAT(csv_error(",1\n"), HasSubstr("empty file name"));
  EXPECT_THAT(csv_error(""), HasSubstr("holds no logits"));
}

}  // namespace
}  // namespace assemble
