// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/arch.h"

#include <gmock/gmock.h>

#include <set>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  return test::error_of<UsageError>([&] { Arch::parse(text); });
}

TEST(Arch, CanonicalStringsStayAsTheyAre) {
  for (const char* text :
       {"resnet50", "resnet101+d", "resnet152+bl(1,2)+sk+aa3", "resnet200+d+se+sk", "resnet50+bl+sk+aa3+w16",
        "resnet50+se8", "resnet50+aa5(max,proj,sconv)+w8", "resnet50+aa2(proj)", "resnet50+aa7(max)",
        "resnet50+sk+aa3+gem+emb16+nodown+w8", "resnet50+flatten", "mobilenet_v1", "mobilenet_v1+se2+gem+emb64+w16",
        "resnet50+d+se+w8+timm", "mobilenet_v1+se2+slim", "mobilenet_v1+w16+timm", "resnet50+d+bl+sk+aa3+w8+tf2",
        "resnet50+bl+tf2", "resnet50+d+eca+sk+w8"}) {
    const Arch arch = Arch::parse(text);
    EXPECT_EQ(arch.str(), text);
    EXPECT_EQ(Arch::parse(arch.str()), arch);
  }
}

TEST(Arch, EquivalentSpellingsHaveOneCanonicalString) {
  EXPECT_EQ(Arch::parse("resnet50+w64+sk+d+se16").str(), "resnet50+d+se+sk");
  EXPECT_EQ(Arch::parse("resnet50+aa3(sconv)").str(), "resnet50+aa3");
  EXPECT_EQ(Arch::parse("resnet50+bl(2,4)").str(), "resnet50+bl");
  EXPECT_EQ(Arch::parse("mobilenet_v1+w32").str(), "mobilenet_v1");
}

TEST(Arch, FieldsHoldWhatTheTweaksSay) {
  const Arch arch = Arch::parse("resnet152+bl(1,2)+sk+aa4(proj,sconv)+gem+emb128+nodown+se4+w48");
  EXPECT_EQ(arch.base, "resnet152");
  EXPECT_TRUE(arch.big_little);
  EXPECT_EQ(arch.alpha, 1);
  EXPECT_EQ(arch.beta, 2);
  EXPECT_TRUE(arch.selective_kernel);
  EXPECT_EQ(arch.blur_size, 4);
  EXPECT_TRUE(arch.blur_conv);
  EXPECT_TRUE(arch.blur_projection);
  EXPECT_FALSE(arch.blur_max);
  EXPECT_EQ(arch.pool, PoolType::kGeM);
  EXPECT_EQ(arch.embedding, 128);
  EXPECT_TRUE(arch.no_downsample);
  EXPECT_EQ(arch.se_ratio, 4);
  EXPECT_EQ(arch.width, 48);
  EXPECT_EQ(arch.size_multiple(), 32);
  EXPECT_EQ(Arch::parse("mobilenet_v1").width, 32);
  EXPECT_EQ(Arch::parse("resnet50").size_multiple(), 1);
}

TEST(Arch, PresetsAreNamesOfArchsAndTakeTweaks) {
  EXPECT_EQ(Arch::parse("assemble_resnet50").str(), "resnet50+bl+sk+aa3");
  EXPECT_EQ(Arch::parse("assemble_resnet152").str(), "resnet152+bl(1,2)+sk+aa3");
  EXPECT_EQ(Arch::parse("assemble_resnet50+w16").str(), "resnet50+bl+sk+aa3+w16");
}

TEST(Arch, PresetNamesAreUniqueAndTheirArchsCanonical) {
  std::set<std::string> names;
  for (const Preset& preset : presets()) {
    EXPECT_TRUE(names.insert(preset.name).second) << preset.name;
    EXPECT_EQ(Arch::parse(preset.name).str(), preset.arch);
    EXPECT_EQ(preset.image_size % Arch::parse(preset.arch).size_multiple(), 0);
  }
}

TEST(Arch, WhatOthersBuildOtherwiseFitsTheirNetworksAlone) {
  EXPECT_THAT(refusal("resnet50+slim"), HasSubstr("tweak 'slim' does not fit resnet50"));
  EXPECT_THAT(refusal("mobilenet_v1+tf2"), HasSubstr("tweak 'tf2' does not fit mobilenet_v1"));
  EXPECT_THAT(refusal("mobilenet_v1+slim+timm"), HasSubstr("keep one of timm and slim"));
  EXPECT_THAT(refusal("resnet50+d+timm+tf2"), HasSubstr("keep one of timm and tf2"));
  EXPECT_THAT(refusal("resnet50+sk+tf2"), HasSubstr("tf2 says how d and bl are built"));
  EXPECT_THAT(refusal("resnet50+d+tf3"), HasSubstr("write tf2"));
}

TEST(Arch, UnknownWordsGetTheNearestMatch) {
  EXPECT_THAT(refusal("resnt50"), HasSubstr("did you mean 'resnet50'"));
  EXPECT_THAT(refusal("asemble_resnet50"), HasSubstr("did you mean 'assemble_resnet50'"));
  EXPECT_THAT(refusal("resnet50+nodwn"), HasSubstr("did you mean 'nodown'"));
  EXPECT_THAT(refusal("resnet50+quux"), HasSubstr("allowed: d; bl or bl(ALPHA,BETA)"));
  EXPECT_THAT(refusal(""), HasSubstr("bases: resnet50, resnet101, resnet152, resnet200, mobilenet_v1"));
  EXPECT_THAT(refusal("resnet50+"), HasSubstr("unknown tweak ''"));
  EXPECT_THAT(refusal("resnet50+3d"), HasSubstr("unknown tweak '3d'"));
}

TEST(Arch, MalformedTweaksAreRefusedWithTheirForm) {
  for (const char* text : {"resnet50+aa", "resnet50+aa0", "resnet50+aa8", "resnet50+aa3(foo)",
                           "resnet50+aa3(proj,proj)", "resnet50+aa3()"}) {
    EXPECT_THAT(refusal(text), HasSubstr("write aaN or aaN(PLACES)")) << text;
  }
  for (const char* text :
       {"resnet50+bl(2)", "resnet50+bl(0,4)", "resnet50+bl(a,b)", "resnet50+bl3", "resnet50+bl(-1,2)"}) {
    EXPECT_THAT(refusal(text), HasSubstr("write bl or bl(ALPHA,BETA)")) << text;
  }
  for (const char* text : {"resnet50+w", "resnet50+w0", "resnet50+w99999", "resnet50+w8(2)", "resnet50+emb0",
                           "resnet50+se0", "resnet50+d2", "resnet50+gem3"}) {
    EXPECT_THAT(refusal(text), HasSubstr("cannot read")) << text;
  }
  EXPECT_THAT(refusal("resnet50+bl(2,4"), HasSubstr("unbalanced parentheses"));
  EXPECT_THAT(refusal("resnet50+w99999999999999999999"), HasSubstr("w99999999999999999999"));
}

TEST(Arch, ContradictionsAreRefused) {
  EXPECT_THAT(refusal("resnet50+d+d"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("assemble_resnet50+aa5"), HasSubstr("'aa' is given twice"));
  EXPECT_THAT(refusal("resnet50+gem+flatten"), HasSubstr("more than one pooling"));
  EXPECT_THAT(refusal("resnet200+bl"), HasSubstr("'bl' does not fit resnet200"));
  EXPECT_THAT(refusal("mobilenet_v1+sk"), HasSubstr("does not fit mobilenet_v1"));
  EXPECT_THAT(refusal("resnet50+se+eca"), HasSubstr("keep one of se and eca"));
  EXPECT_THAT(refusal("mobilenet_v1+eca"), HasSubstr("does not fit mobilenet_v1"));
  EXPECT_THAT(refusal("resnet50+bl(16,4)+w8"), HasSubstr("leaves no channel"));
  EXPECT_THAT(refusal("resnet50+d+w1"), HasSubstr("w2 or more"));
}

}  // namespace
}  // namespace assemble
