// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_object_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(TfObjectGraph, ACheckpointByNameHasNone) {
  const test::TemporaryFolder folder;
  const Bytes one(4);
  write_tf_checkpoint(folder / "m", {{"weight", TfDataType::kFloat, {}, one}});
  EXPECT_THAT(tf_object_names(TfCheckpoint(folder / "m")), IsEmpty());
}

TEST(TfObjectGraph, ATensorOfThatNameThatIsNoStringIsAnError) {
  const test::TemporaryFolder folder;
  const Bytes one(4);
  write_tf_checkpoint(folder / "m", {{kTfObjectGraph, TfDataType::kFloat, {}, one}});
  EXPECT_THAT(error_of<InputError>([&] { tf_object_names(TfCheckpoint(folder / "m")); }), HasSubstr("is not the one"));
}

TEST(TfObjectGraph, NamesOfTheOriginalsTf2Branch) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  if (!fs::exists(golden / "tf21/resnet50_d_sk")) GTEST_SKIP() << "no tf21";
  const auto names = tf_object_names(TfCheckpoint(golden / "tf21/resnet50_d_sk"));
  EXPECT_THAT(names,
              testing::Contains(Pair("model/layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE", "dconv1/kernel")));
  EXPECT_THAT(names, testing::Contains(Pair("model/layer_with_weights-8/conv1/kernel/.ATTRIBUTES/VARIABLE_VALUE",
                                            "sk_block/skconv1/kernel")));
}

}  // namespace
}  // namespace assemble
