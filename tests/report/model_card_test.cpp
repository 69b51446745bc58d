// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "assemble/core/text.h"
#include "packaged_model.h"

namespace assemble {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string card(const PackagedModel& model) { return model_card(model, 2'500'000, "abcd"); }

PackagedModel measured_model() {
  PackagedModel model = test::packaged_model();
  model.figures = PackagedFigures{.images = 1200,
                                  .top1 = 0.875,
                                  .top5 = 1,
                                  .balanced_accuracy = 0.86,
                                  .macro_f1 = 0.85,
                                  .ece = 0.0321,
                                  .loss = 0.4567,
                                  .class_accuracy = {{"rose", 0.9}, {"tulip", 0.5}, {"daisy", 1}}};
  model.measured_on = "the validation images of flowers";
  return model;
}

TEST(ModelCardPage, SaysWhatTheModelIs) {
  EXPECT_THAT(
      card(test::packaged_model()),
      AllOf(HasSubstr("# flowers\n"), HasSubstr("`resnet50+d`"), HasSubstr("| 1,234,567 |"), HasSubstr("2.50 MB"),
            HasSubstr("`images` [batch, 3, 32, 32], FP32"), HasSubstr("rose, tulip, daisy\n"),
            HasSubstr("best.safetensors"), HasSubstr("0123"), HasSubstr("SHA-256 is abcd")));
}

TEST(ModelCardPage, PutsThePreprocessingInWordsAndNumbers) {
  PackagedModel model = test::packaged_model();
  EXPECT_THAT(card(model), AllOf(HasSubstr("short side has 36 pixels; cut 32×32 out of the middle"),
                                 HasSubstr("mean (123.68, 116.78, 103.94)"), HasSubstr("divide by (1, 1, 1)"),
                                 HasSubstr("softmax"), HasSubstr("without antialiasing")));
  model.pixels = true;
  model.card.loss = LossType::kSigmoid;
  EXPECT_THAT(card(model), AllOf(HasSubstr("Give the bytes"), HasSubstr("[batch, 32, 32, 3]"), HasSubstr("sigmoids"),
                                 HasSubstr("need not add up to 1")));
  for (const auto& [type, words] : {std::pair("reid_32", "whatever its aspect"), std::pair("inception_32", "87.5 %"),
                                    std::pair("torchvision_32_bicubic", "bicubic, antialiased, as Pillow")}) {
    model.card.preprocessing = Preprocessing::from_type(type);
    EXPECT_THAT(card(model), HasSubstr(words)) << type;
  }
}

TEST(ModelCardPage, ShowsFiguresOrSaysThatThereAreNone) {
  EXPECT_THAT(card(test::packaged_model()), AllOf(HasSubstr("Nothing was measured"), Not(HasSubstr("top-1"))));
  PackagedModel model = measured_model();
  EXPECT_THAT(card(model), AllOf(HasSubstr("On 1,200 images (the validation images of flowers)"),
                                 HasSubstr("| 87.5 % | 100.0 % | 86.0 % | 85.0 % | 0.0321 | 0.4567 |"),
                                 HasSubstr("Least often right: tulip (50.0 %), rose (90.0 %), daisy (100.0 %)")));
  model.precision = Precision::kInt8;
  model.f32_top1 = 0.88;
  model.calibration_images = 128;
  EXPECT_THAT(card(model), AllOf(HasSubstr("Before it was brought to 8 bits, top-1 was 88.0 %"),
                                 HasSubstr("ranges measured on 128 images")));
}

TEST(ModelCardPage, SaysWhatIsKnownOfTheTrainingAndItsData) {
  PackagedModel model = test::packaged_model();
  EXPECT_THAT(card(model), AllOf(HasSubstr("The model file says nothing of it"), HasSubstr("It was not given"),
                                 HasSubstr("not calibrated")));
  model.card.training = {{"epoch", "30"}, {"temperature", "1.25"}, {"note", "a|b\n<script>" + std::string(500, 'x')}};
  model.data_licence = "CC BY 4.0 | see\n[here](https://example.org)";
  const std::string text = card(model);
  EXPECT_THAT(text, AllOf(HasSubstr("| epoch | 30 |"), HasSubstr("temperature of 1.25"),
                          HasSubstr("a\\|b\\\\x0A\\<script\\>"), HasSubstr("CC BY 4.0 \\| see\\\\x0A\\[here\\]"),
                          HasSubstr("xxx …"), Not(HasSubstr(std::string(300, 'x')))));
}

TEST(ModelCardPage, SaysWhereClassesHaveNoNames) {
  PackagedModel model = test::packaged_model();
  model.card.class_names = {"0", "1", "2"};
  EXPECT_THAT(card(model), HasSubstr("Their names are numbers"));
}

}  // namespace
}  // namespace assemble
