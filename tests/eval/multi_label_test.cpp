// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/multi_label.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

/// Five images of four classes, with equal logits in one column; no image has the last class.
MultiLabelMeter five_images() {
  MultiLabelMeter meter(4);
  meter.add(test::matrix({{2.0F, -1.0F, 0.5F, -3.0F}, {0.25F, 1.5F, -2.0F, -1.0F}}),
            std::vector<float>{1, 0, 1, 0, 0, 1, 0, 0});
  meter.add(test::matrix({{-1.0F, 0.25F, 0.5F, -2.0F}, {3.0F, -0.5F, 0.5F, -0.1F}, {-0.5F, 0.25F, -1.0F, -4.0F}}),
            std::vector<float>{1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0});
  return meter;
}

/// Values of scikit-learn 1.9.1: average_precision_score, precision_recall_fscore_support and f1_score.
TEST(MultiLabel, MeasuresAreThoseOfScikitLearn) {
  const MultiLabelResult result = five_images().result();
  EXPECT_EQ(result.images, 5);
  EXPECT_DOUBLE_EQ(result.classes[0].average_precision, 0.8666666666666667);
  EXPECT_DOUBLE_EQ(result.classes[1].average_precision, 0.8055555555555556);
  EXPECT_DOUBLE_EQ(result.classes[2].average_precision, 0.6666666666666666);
  EXPECT_TRUE(std::isnan(result.classes[3].average_precision));
  EXPECT_DOUBLE_EQ(result.map, 0.7796296296296297);
  EXPECT_DOUBLE_EQ(result.classes[2].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.classes[2].recall, 1);
  EXPECT_DOUBLE_EQ(result.classes[2].f1, 0.8);
  EXPECT_TRUE(std::isnan(result.classes[3].f1));
  EXPECT_EQ(result.classes[1].images, 3);
  EXPECT_DOUBLE_EQ(result.precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(result.recall, 0.75);
  EXPECT_DOUBLE_EQ(result.f1, 12.0 / 17);
  EXPECT_DOUBLE_EQ(result.macro_f1, 0.7111111111111111);
  EXPECT_DOUBLE_EQ(result.exact, 0.4);
  EXPECT_NEAR(result.loss, 0.4596584266430245, 1e-9);
}

TEST(MultiLabel, PartsOfSeveralProcessesAddUp) {
  MultiLabelMeter first(2), second(2), whole(2);
  const Matrix some = test::matrix({{1, -1}, {0.5F, 2}}), more = test::matrix({{-3, 0.1F}});
  const std::vector<float> targets{1, 0, 0, 1}, more_targets{0, 1};
  first.add(some, targets);
  second.add(more, more_targets);
  whole.add(some, targets);
  whole.add(more, more_targets);
  first.add_part(second.part(), "rank 1");
  EXPECT_EQ(to_json(first.result(), {"a", "b"}), to_json(whole.result(), {"a", "b"}));
  EXPECT_THAT(test::error_of<InputError>([&] { first.add_part("1234567", "rank 1"); }), testing::HasSubstr("cut off"));
}

TEST(MultiLabel, LogitsThatAreNotFiniteAreNoAnswer) {
  MultiLabelMeter meter(1);
  meter.add(test::matrix({{kInfinite}, {std::nanf("")}, {-1}}), std::vector<float>{0, 1, 1});
  const MultiLabelResult result = meter.result();
  EXPECT_EQ(result.loss, std::numeric_limits<double>::infinity());
  EXPECT_EQ(result.recall, 0);
  // The finite one comes first and is right; the others are one place, of which half is right.
  EXPECT_DOUBLE_EQ(result.map, (1.0 + 2.0 / 3) / 2);
}

TEST(MultiLabel, NothingToMeasureIsAnError) {
  EXPECT_THAT(test::error_of<InputError>([] { (void)MultiLabelMeter(2).result(); }),
              testing::HasSubstr("not one image could be read"));
  MultiLabelMeter meter(2);
  meter.add(test::matrix({{1, 2}}), std::vector<float>{0, 0});
  EXPECT_THAT(test::error_of<InputError>([&] { (void)meter.result(); }), testing::HasSubstr("no class is right"));
}

TEST(MultiLabel, TextAndJsonNameTheClasses) {
  const MultiLabelResult result = five_images().result();
  const auto json = to_json(result, {"a", "b", "c", "d"});
  EXPECT_EQ(json.at("map"), result.map);
  EXPECT_EQ(json.at("class_images").at("b"), 3);
  EXPECT_TRUE(nlohmann::json::parse(json.dump()).at("class_average_precision").at("d").is_null());
  const std::string text = to_text(result, {"a", "b", "c", "d"});
  EXPECT_THAT(text, testing::HasSubstr("77.96 %"));
  EXPECT_THAT(text, testing::HasSubstr("d"));
}

}  // namespace
}  // namespace assemble
