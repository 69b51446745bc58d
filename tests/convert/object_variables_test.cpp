// SPDX-License-Identifier: Apache-2.0
#include "../../src/convert/object_variables.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string key(const std::string& object) { return object + "/.ATTRIBUTES/VARIABLE_VALUE"; }

TEST(ObjectVariables, AreThoseOfTheModelByName) {
  const ObjectVariables found = network_variables({{key("model/layer_with_weights-7/kernel"), "conv1/kernel:0"},
                                                   {key("model/layer_with_weights-2/keep_prob"), "Variable"},
                                                   {key("model/layer_with_weights-7/kernel") + "x", "other"},
                                                   {key("optimizer/iter"), "SGD/iter"},
                                                   {key("optimizer/decay"), "SGD/decay"},
                                                   {key("save_counter"), "save_counter"},
                                                   {"model/layer_with_weights-7/kernel/.OPTIMIZER_SLOT/optimizer/"
                                                    "momentum/.ATTRIBUTES/VARIABLE_VALUE",
                                                    "SGD/conv1/kernel/momentum"}},
                                                  "here");
  EXPECT_THAT(found.keys, Contains(Pair("conv1/kernel", key("model/layer_with_weights-7/kernel"))));
  EXPECT_THAT(found.keys, Contains(Pair("global_step", key("optimizer/iter"))));
  EXPECT_THAT(found.notes,
              ElementsAre("1 optimizer slots were set aside", "set aside: keep_prob, optimizer/decay, save_counter"));
}

TEST(ObjectVariables, WithoutAModelAllButTheOptimizersAreTheNetworks) {
  const ObjectVariables found = network_variables(
      {{key("layer_with_weights-0/kernel"), "conv1/kernel"}, {key("optimizer/decay"), "SGD/decay"}}, "here");
  EXPECT_THAT(found.keys, ElementsAre(Pair("conv1/kernel", key("layer_with_weights-0/kernel"))));
}

TEST(ObjectVariables, NumberedLayersCountFromNoneInTheirOrder) {
  const ObjectVariables found = network_variables({{key("model/a"), "sk_block_16/bn_fc/beta"},
                                                   {key("model/b"), "sk_block_9/bn_fc/beta"},
                                                   {key("model/c"), "sk_block_100/bn_fc/beta"},
                                                   {key("model/d"), "sk_blocker/beta"}},
                                                  "here");
  EXPECT_THAT(found.keys,
              ElementsAre(Pair("sk_block/bn_fc/beta", key("model/b")), Pair("sk_block_1/bn_fc/beta", key("model/a")),
                          Pair("sk_block_2/bn_fc/beta", key("model/c")), Pair("sk_blocker/beta", key("model/d"))));
}

TEST(ObjectVariables, WithoutANameOrWithOneNameTwiceTheyAreErrors) {
  EXPECT_THAT(error_of<InputError>([] {
                network_variables({{key("model/a"), ""}}, "here");
              }),
              HasSubstr("has no name for 'model/a"));
  EXPECT_THAT(error_of<InputError>([] {
                network_variables({{key("model/a"), "conv1/kernel"}, {key("model/b"), "conv1/kernel"}}, "here");
              }),
              HasSubstr("two variables 'conv1/kernel'"));
}

}  // namespace
}  // namespace assemble
