// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/tf_names.h"

#include <map>
#include <set>

#include "assemble/core/error.h"
#include "assemble/models/classifier.h"
#include "test_support.h"

namespace assemble {
namespace {

std::map<std::string, std::string> names_of(const std::string& arch) {
  std::map<std::string, std::string> names;
  for (const TfVariable& variable : tf_variables(Arch::parse(arch))) names[variable.name] = variable.tf_name;
  return names;
}

TEST(TfNames, CoverEveryArchExactlyOnce) {
  for (const char* text : {"resnet50", "resnet101+d", "resnet152+se", "resnet200+d+sk", "resnet50+aa3+gem+emb16",
                           "resnet50+bl", "resnet101+d+bl+se+sk", "resnet152+bl(1,2)+sk+aa3"}) {
    const Arch arch = Arch::parse(std::string(text) + "+w8");
    std::set<std::string> ours, theirs, expected;
    for (const TfVariable& variable : tf_variables(arch)) {
      EXPECT_TRUE(ours.insert(variable.name).second) << variable.name;
      EXPECT_TRUE(theirs.insert(variable.tf_name).second) << variable.tf_name;
    }
    for (const auto& [name, tensor] : make_empty_classifier(arch, {.classes = 5})->named_state()) expected.insert(name);
    EXPECT_EQ(ours, expected) << text;
  }
}

TEST(TfNames, AreNumberedInOrderOfCreation) {
  const auto names = names_of("resnet50+se");
  EXPECT_EQ(names.at("conv1.weight"), "resnet_model/conv2d/kernel");
  EXPECT_EQ(names.at("bn1.running_var"), "resnet_model/batch_normalization/moving_variance");
  EXPECT_EQ(names.at("layer1.0.downsample.0.weight"), "resnet_model/conv2d_1/kernel");  // before its block
  EXPECT_EQ(names.at("layer1.0.conv1.weight"), "resnet_model/conv2d_2/kernel");
  EXPECT_EQ(names.at("layer4.2.bn3.weight"), "resnet_model/batch_normalization_52/gamma");
  EXPECT_EQ(names.at("layer4.2.se.fc2.weight"), "resnet_model/se_block_15/seblock_dense_2/kernel");
  EXPECT_EQ(names.at("fc.bias"), "resnet_model/dense/bias");
}

TEST(TfNames, ScopesOfBigLittleAreTakenApart) {
  const auto names = names_of("resnet50+d+bl+sk+emb8");
  EXPECT_EQ(names.at("conv1.6.weight"), "resnet_model/stage0/conv2d_2/kernel");
  EXPECT_EQ(names.at("bn1.weight"), "resnet_model/stage0_1/batch_normalization/gamma");
  EXPECT_EQ(names.at("stem.merge.0.weight"), "resnet_model/stage0/pool/conv2d_4/kernel");
  EXPECT_EQ(names.at("layer1.big.1.conv2.fc_reduce.weight"), "resnet_model/stage1/big1/sk_block_1/sk_fc_1/kernel");
  EXPECT_EQ(names.at("layer3.little.0.conv2.fc_bn.bias"),
            "resnet_model/stage3/little3/sk_block/batch_normalization/beta");
  EXPECT_EQ(names.at("layer2.expand.0.weight"), "resnet_model/stage2/little2/conv2d_4/kernel");
  EXPECT_EQ(names.at("layer4.0.downsample.1.weight"), "resnet_model/stage4/conv2d/kernel");
  EXPECT_EQ(names.at("embedding_bn.weight"), "resnet_model/embedding_dense_batch_normalization/gamma");
}

TEST(TfNames, OriginalHasNoMobileNet) { EXPECT_THROW(tf_variables(Arch::parse("mobilenet_v1")), UsageError); }

}  // namespace
}  // namespace assemble
