// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/imagenet_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assemble {
namespace {

TEST(ImageNetClasses, AreAThousandInOrderWithNamesOfTheirOwn) {
  const auto classes = imagenet_classes();
  ASSERT_EQ(classes.size(), 1000u);
  std::set<std::string_view> names;
  for (size_t i = 0; i < classes.size(); ++i) {
    EXPECT_TRUE(i == 0 || classes[i - 1].number < classes[i].number) << i;
    EXPECT_FALSE(classes[i].name.empty());
    names.insert(classes[i].name);
    EXPECT_EQ(imagenet_index(synset_text(classes[i].number)), static_cast<int>(i));
  }
  EXPECT_EQ(names.size(), 1000u);
  const std::vector<std::string> synsets = imagenet_synsets();
  EXPECT_TRUE(std::is_sorted(synsets.begin(), synsets.end()));
  EXPECT_EQ(synsets.front(), "n01440764");
  EXPECT_EQ(synsets.back(), "n15075141");
}

/// Outputs that the whole field knows by number.
TEST(ImageNetClasses, StandWherePublishedNetworksHaveThem) {
  const auto classes = imagenet_classes();
  EXPECT_EQ(classes[0].name, "tench");
  EXPECT_EQ(classes[207].name, "golden retriever");
  EXPECT_EQ(synset_text(classes[207].number), "n02099601");
  EXPECT_EQ(classes[281].name, "tabby");
  EXPECT_EQ(synset_text(classes[281].number), "n02123045");
  EXPECT_EQ(classes[517].name, "crane");  // the machine; the bird is 134
  EXPECT_EQ(synset_text(classes[134].number), "n02012849");
  EXPECT_EQ(classes[999].name, "toilet tissue");
}

TEST(ImageNetClasses, AreFoundInTheNamesThatFilesHave) {
  for (const char* name : {"n01440764", "n01440764 tench", "n01440764_tench", "n01440764-tench", "n01440764, Tinca"}) {
    EXPECT_EQ(synset_of(name), "n01440764") << name;
    EXPECT_EQ(class_key(name), "n01440764") << name;
    EXPECT_EQ(readable_name(name), "tench") << name;
    EXPECT_EQ(shown_class(name), "n01440764 tench") << name;
  }
  for (const char* name : {"", "n", "n0144076", "n014407645", "n01440764x", "N01440764", "tench", "a01440764", "n01"}) {
    EXPECT_EQ(synset_of(name), "") << name;
    EXPECT_EQ(class_key(name), name);
    EXPECT_EQ(readable_name(name), "") << name;
    EXPECT_EQ(shown_class(name), name);
    EXPECT_EQ(imagenet_index(name), std::nullopt) << name;
  }
  EXPECT_EQ(imagenet_index("n01440764 tench"), std::nullopt);
  EXPECT_EQ(imagenet_index("n00000001"), std::nullopt);
  EXPECT_EQ(imagenet_index("n99999999"), std::nullopt);
  EXPECT_EQ(readable_name("n00007846 person"), "person") << "a synset of none of the 1,000";
  EXPECT_EQ(shown_class("n00007846"), "n00007846");
}

}  // namespace
}  // namespace assemble
