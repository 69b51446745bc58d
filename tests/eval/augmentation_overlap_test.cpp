// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/augmentation_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/image/corruptions.h"

namespace assemble {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Overlaps = std::map<std::string, std::vector<std::string>>;

Overlaps overlaps_of(const Augmentation& augmentation, const char* preprocessing = "imagenet_224") {
  ModelCard card;
  card.preprocessing = Preprocessing::from_type(preprocessing);
  note_augmentation(card, augmentation);
  const Overlaps overlaps = overlapping_corruptions(card);
  for (const auto& [corruption, names] : overlaps) check_corruption(corruption);
  return overlaps;
}

TEST(AugmentationOverlap, IsOfColoursAndPatches) {
  EXPECT_THAT(overlaps_of({}), IsEmpty());
  Augmentation jitter;
  jitter.color_jitter = 0.4;
  jitter.erasing.probability = 0.25;
  EXPECT_THAT(overlaps_of(jitter), ElementsAre(Pair("brightness", ElementsAre("color_jitter")),
                                               Pair("checkerboard_cutout", ElementsAre("random_erasing")),
                                               Pair("contrast", ElementsAre("color_jitter")),
                                               Pair("saturate", ElementsAre("color_jitter"))));
  Augmentation mixed;
  mixed.aug_mix.severity = 3;
  EXPECT_THAT(overlaps_of(mixed), IsEmpty());
  Augmentation pictures;
  pictures.pix_mix.rounds = 4;
  EXPECT_THAT(overlaps_of(pictures), AllOf(testing::SizeIs(4), Contains(Pair("plasma_noise", ElementsAre("pix_mix")))));
  mixed.set_operations("trivial-wide");
  EXPECT_THAT(overlaps_of(mixed), testing::SizeIs(3));
}

TEST(AugmentationOverlap, OfPoliciesIsOfTheirOperations) {
  Augmentation augmentation;
  augmentation.set_operations("imagenet");
  augmentation.color_jitter = 0.1;
  EXPECT_THAT(overlaps_of(augmentation).at("contrast"), ElementsAre("auto_augment imagenet", "color_jitter"));
  EXPECT_FALSE(overlaps_of(augmentation).contains("checkerboard_cutout"));
  augmentation.set_operations("good");
  EXPECT_THAT(overlaps_of(augmentation).at("checkerboard_cutout"), ElementsAre("auto_augment good"));
}

TEST(AugmentationOverlap, OfCardsWithoutTheNoteOrWithOtherNamesIsNone) {
  EXPECT_THAT(overlapping_corruptions({}), IsEmpty());
  ModelCard card;
  card.training["augmentation"] = "prime,auto_augment imagenet2,color_jitter";
  EXPECT_THAT(overlapping_corruptions(card), testing::SizeIs(3));
}

}  // namespace
}  // namespace assemble
