// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/class_pairing.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../data/memory_dataset.h"
#include "assemble/core/error.h"
#include "assemble/data/imagenet_classes.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Names = std::vector<std::string>;

Names numbers(int64_t count) {
  Names names;
  for (int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

ClassPairing pair(const Names& network, const Names& data, const PairingOptions& options = {}) {
  return ClassPairing({network, "M"}, {data, "D"}, options);
}

std::string refusal(const Names& network, const Names& data, const PairingOptions& options = {}) {
  return error_of<InputError>([&] { pair(network, data, options); });
}

/// Logits 0, 1, 2 … of one image.
Network counting(int64_t outputs) {
  return [outputs](const Images&) {
    Matrix logits(1, outputs);
    for (int64_t c = 0; c < outputs; ++c) logits.row(0)[static_cast<size_t>(c)] = static_cast<float>(c);
    return logits;
  };
}

std::vector<float> logits_of(const Network& network) { return network({}).values; }

TEST(ClassPairing, TheSameNamesLeaveEverythingAsItIs) {
  const ClassPairing same = pair({"a", "b"}, {"a", "b"});
  EXPECT_TRUE(same.same());
  EXPECT_FALSE(same.partial());
  EXPECT_EQ(same.column(1, "x"), 1);
  EXPECT_THAT(logits_of(same.measured(counting(2))), ElementsAre(0, 1));
  EXPECT_THAT(error_of<InputError>([&] { same.column(2, "image"); }), AllOf(HasSubstr("image"), HasSubstr("label 2")));
}

TEST(ClassPairing, NamesMeetInAnyOrderAndWithWhatStandsBehindASynset) {
  const ClassPairing pairing =
      pair({"background", "n01440764 tench", "n01443537 goldfish"}, {"n01443537", "n01440764"});
  EXPECT_FALSE(pairing.partial()) << "the background competes, as with records that have its name";
  EXPECT_EQ(pairing.column(0, "x"), 2);
  EXPECT_EQ(pairing.column(1, "x"), 1);
  EXPECT_THAT(pairing.names(), ElementsAre("background", "n01440764", "n01443537"));
  EXPECT_THAT(logits_of(pairing.in_order_of_data(counting(3))), ElementsAre(2, 1));
}

TEST(ClassPairing, OfAPartOnlyTheClassesThatAreThereCompete) {
  const ClassPairing pairing = pair({"a", "b", "c", "d"}, {"d", "b"});
  EXPECT_TRUE(pairing.partial());
  EXPECT_THAT(pairing.names(), ElementsAre("b", "d"));
  EXPECT_EQ(pairing.column(0, "x"), 1);
  EXPECT_EQ(pairing.column(1, "x"), 0);
  EXPECT_THAT(logits_of(pairing.measured(counting(4))), ElementsAre(1, 3));
  EXPECT_EQ(pairing.measured(Outputs{.classes = 4}).classes, 2);
  EXPECT_EQ(pairing.to_json().at("measured_outputs"), 2);
  EXPECT_THAT(pairing.to_text(), HasSubstr("only the logits of the 2 classes"));
}

TEST(ClassPairing, AllOutputsCompeteWhereAsked) {
  const ClassPairing pairing({{"a", "b", "c", "d"}, "M"}, {{"d", "b"}, "D"}, {.all_outputs = true});
  EXPECT_FALSE(pairing.partial());
  EXPECT_THAT(pairing.names(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(pairing.column(0, "x"), 3);
  const Names synsets = imagenet_synsets();
  const ClassPairing numbered({numbers(1001), "M"}, {{synsets[5], synsets[2]}, "D"}, {.all_outputs = true});
  EXPECT_EQ(numbered.column(0, "x"), 6);
  EXPECT_EQ(numbered.names()[0], "background");
  EXPECT_EQ(numbered.names()[1000], synsets[999]);
}

TEST(ClassPairing, NumberedOutputsMeetSynsetsByTheTable) {
  const Names synsets = imagenet_synsets();
  EXPECT_EQ(pair(numbers(1001), synsets).column(0, "x"), 1);
  EXPECT_EQ(pair(numbers(1000), synsets).column(999, "x"), 999);
  EXPECT_EQ(pair(numbers(1001), imagenet_synsets(true)).column(1000, "x"), 1000);
  const ClassPairing less = pair(numbers(1000), imagenet_synsets(true));
  EXPECT_EQ(less.column(1, "x"), 0);
  EXPECT_FALSE(less.partial());
  EXPECT_THAT(error_of<InputError>([&] { less.column(0, "image"); }), HasSubstr("image"));
  EXPECT_EQ(logits_of(less.in_order_of_data(counting(1000)))[0], kNoLogit);
  EXPECT_EQ(pair(numbers(1001), {synsets[5], synsets[2]}).names(), (Names{synsets[2], synsets[5]}));
  EXPECT_EQ(pair(numbers(1001), synsets).to_json().at("by"), "ImageNet's synsets");
  EXPECT_THAT(refusal(numbers(999), synsets), HasSubstr("label_offset"));
}

TEST(ClassPairing, WhatDoesNotMeetSaysWhatTheSidesHold) {
  EXPECT_THAT(refusal({"a", "b", "rose"}, {"a", "roze"}),
              AllOf(HasSubstr("D: has 2 classes 'a', 'roze'"), HasSubstr("M has 3 classes 'a', 'b', 'rose'"),
                    HasSubstr("lacks 1 of the data set's classes, the first 'roze'"), HasSubstr("nearest is 'rose'")));
  EXPECT_THAT(refusal({"a", "b"}, {"x", "y"}), HasSubstr("no class in common"));
  EXPECT_THAT(refusal(numbers(2), {"x", "y"}), HasSubstr("numbers"));
  EXPECT_THAT(refusal(numbers(1001), numbers(1000)), HasSubstr("numbers")) << "off by one or not?";
  EXPECT_THAT(refusal({"crane", "crane", "b"}, {"b", "crane"}), HasSubstr("classes 0 and 1 are both 'crane'"));
  EXPECT_THAT(refusal({"n01440764", "b"}, {"n01440764 a", "n01440764 b"}), HasSubstr("both 'n01440764'"));
}

TEST(ClassPairing, AnOffsetPairsByNumbers) {
  const ClassPairing up = pair(numbers(4), {"a", "b", "c"}, {.label_offset = 1});
  EXPECT_EQ(up.column(2, "x"), 3);
  EXPECT_THAT(logits_of(up.in_order_of_data(counting(4))), ElementsAre(1, 2, 3));
  const ClassPairing unnamed = pair(numbers(3), {}, {.label_offset = -1});
  EXPECT_EQ(unnamed.column(3, "x"), 2);
  EXPECT_THAT(error_of<UsageError>([&] { unnamed.column(0, "image"); }), HasSubstr("wrong for image: label 0"));
  EXPECT_EQ(pair(numbers(3), {"background", "a", "b", "c"}, {.label_offset = -1}).column(1, "x"), 0);
  EXPECT_THAT(refusal(numbers(3), {"a", "b", "c"}, {.label_offset = 1}), HasSubstr("class 2 has no output"));
  EXPECT_THAT(refusal(numbers(3), {"a", "b", "c"}, {.label_offset = -1}), HasSubstr("class 0 has no output"));
  EXPECT_THAT(error_of<UsageError>([&] { pair({}, {}, {.label_offset = 1, .class_map = "x"}); }),
              HasSubstr("label_offset"));
}

TEST(ClassPairing, AnOffsetThatNamesContradictIsRefused) {
  EXPECT_THAT(refusal({"a", "b", "c", "d"}, {"b", "c"}, {.label_offset = 0}),
              AllOf(HasSubstr("contradict an offset of 0"), HasSubstr("class 0, 'b', is output 1")));
  EXPECT_EQ(pair({"a", "b", "c", "d"}, {"b", "c"}, {.label_offset = 1}).column(1, "x"), 2);
  const Names synsets = imagenet_synsets();
  EXPECT_THAT(refusal(numbers(1001), synsets, {.label_offset = 0}), HasSubstr("is output 1"));
  EXPECT_THAT(refusal(numbers(1001), {synsets[5], synsets[7]}, {.label_offset = 1}), HasSubstr("is output 6"));
  EXPECT_EQ(pair(numbers(1001), synsets, {.label_offset = 1}).column(0, "x"), 1);
  EXPECT_EQ(pair({"crane", "crane", "b"}, {"crane", "b"}, {.label_offset = 1}).column(0, "x"), 1) << "which is open";
}

class ClassMap : public testing::Test {
 protected:
  PairingOptions map(const std::string& text) {
    write_file(file_, std::string_view(text));
    return {.class_map = file_};
  }
  std::string refused(const std::string& text) { return refusal({"x", "y", "z"}, {"a", "b, c"}, map(text)); }

  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "map.csv";
};

TEST_F(ClassMap, PairsByNamesAndNumbers) {
  for (const char* text : {"a,z\n\"b, c\",0\n",
                           "\xEF\xBB\xBF"
                           "a\tz\r\nb, c\tx\r\n",
                           "1,0\n0,2"}) {
    const ClassPairing pairing = pair({"x", "y", "z"}, {"a", "b, c"}, map(text));
    EXPECT_EQ(pairing.names(), (Names{"b, c", "a"})) << text;
    EXPECT_EQ(pairing.column(0, "x"), 1) << text;
  }
}

TEST_F(ClassMap, IsStrict) {
  EXPECT_THAT(refused("a,x\na,y\n"), AllOf(HasSubstr("line 2"), HasSubstr("the class 'a' twice")));
  EXPECT_THAT(refused("a,x\n0,y\n"), HasSubstr("the class '0' twice"));
  EXPECT_THAT(refused("a,x\n\"b, c\",x\n"), AllOf(HasSubstr("line 2"), HasSubstr("the output 'x' twice")));
  EXPECT_THAT(refused("a,x\nd,y\n"), AllOf(HasSubstr("'d' is no class of D")));
  EXPECT_THAT(refused("a,w\n"), HasSubstr("'w' is no class of M"));
  EXPECT_THAT(refused("a,3\n"), HasSubstr("'3' is no class of M"));
  EXPECT_THAT(refused("a,x\n"), HasSubstr("lacks the class 'b, c'"));
  EXPECT_THAT(refused("a,x,y\n"), HasSubstr("3 cells"));
  EXPECT_THAT(refused("caf\xE9,x\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(refused(std::string("\xFF\xFE"
                                  "a\0,\0x\0",
                                  8)),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(refused(""), HasSubstr("without lines"));
  EXPECT_THAT(refusal({"1", "0"}, {"a", "b"}, map("a,0\nb,1\n")), HasSubstr("number of another"));
}

TEST_F(ClassMap, NamesOutputs) {
  EXPECT_THAT(mapped_names(map("a,2\nb,x\n").class_map, {{"x", "y", "z"}, "M"}), ElementsAre("b", "y", "a"));
  EXPECT_EQ(mapped_names("imagenet", {numbers(1001), "M"}), imagenet_synsets(true));
  EXPECT_EQ(mapped_names("imagenet", {numbers(1000), "M"}), imagenet_synsets());
  EXPECT_THAT(error_of<InputError>([] { mapped_names("imagenet", {numbers(8), "M"}); }), HasSubstr("8 outputs"));
}

TEST(PairedDataset, HasTheColumnsForLabels) {
  const test::MemoryDataset images(6);
  const ClassPairing pairing = pair({"c", "q", "b", "a"}, images.class_names());
  const PairedDataset paired(images, pairing);
  EXPECT_EQ(paired.size(), 6);
  EXPECT_EQ(paired.read(0).label, 2);
  EXPECT_EQ(paired.label(1), 1);
  EXPECT_EQ(paired.read(2).label, 0);
  EXPECT_EQ(paired.class_names(), (Names{"c", "b", "a"}));
  EXPECT_EQ(paired.where(), "memory");
}

}  // namespace
}  // namespace assemble
