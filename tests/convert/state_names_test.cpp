// SPDX-License-Identifier: Apache-2.0
#include "../../src/convert/state_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

NamesInFile weights(const std::vector<std::string>& names) {
  NamesInFile result;
  for (const std::string& name : names) result[name] = false;
  return result;
}

StateNames find(const NamesInFile& names, bool averages = false) { return find_state(names, averages, "here"); }

TEST(StateNames, PlainNamesStay) {
  const StateNames state = find(weights({"conv1.weight", "fc.bias"}));
  EXPECT_THAT(state.stored, ElementsAre(Pair("conv1.weight", "conv1.weight"), Pair("fc.bias", "fc.bias")));
  EXPECT_THAT(state.notes, IsEmpty());
}

TEST(StateNames, WrappersThatAllNamesHaveAreTakenOff) {
  for (const std::string wrapper : {"module.", "_orig_mod.", "model.", "module._orig_mod.", "backbone.net."}) {
    const StateNames state = find(weights({wrapper + "conv1.weight", wrapper + "fc.bias"}));
    EXPECT_THAT(state.stored,
                ElementsAre(Pair("conv1.weight", wrapper + "conv1.weight"), Pair("fc.bias", wrapper + "fc.bias")));
    EXPECT_THAT(state.notes, testing::Not(IsEmpty()));
  }
}

TEST(StateNames, WrappersThatSomeNamesLackStay) {
  const StateNames state = find(weights({"module.conv1.weight", "fc.bias"}));
  EXPECT_THAT(state.stored, Contains(Pair("module.conv1.weight", "module.conv1.weight")));
}

TEST(StateNames, PartsThatWrappersOfLayersInsertAreTakenOut) {
  const std::string compiled = "layer1.0._orig_mod.conv1.weight";
  const std::string sharded = "_fsdp_wrapped_module.layer1._checkpoint_wrapped_module.1.bias";
  EXPECT_THAT(
      find(weights({compiled, sharded, "fc.bias"})).stored,
      ElementsAre(Pair("fc.bias", "fc.bias"), Pair("layer1.0.conv1.weight", compiled), Pair("layer1.1.bias", sharded)));
}

TEST(StateNames, TwoNamesThatBecomeOneAreAnError) {
  EXPECT_THAT(error_of<InputError>([] {
                find(weights({"_orig_mod.fc.bias", "fc.bias"}));
              }),
              HasSubstr("here: holds both '_orig_mod.fc.bias' and 'fc.bias'"));
}

TEST(StateNames, OfACheckpointTheStateDictionaryIsTaken) {
  for (const std::string key : {"state_dict", "model_state_dict", "model", "net", "state_dict.model"}) {
    const StateNames state = find(weights({key + ".module.conv1.weight", key + ".module.fc.bias", "optimizer.x"}));
    EXPECT_EQ(state.dictionary, key + ".");
    EXPECT_THAT(state.stored, ElementsAre(Pair("conv1.weight", key + ".module.conv1.weight"),
                                          Pair("fc.bias", key + ".module.fc.bias")));
    EXPECT_THAT(state.notes, Contains("read from '" + key + "'"));
  }
}

/// What torchvision's reference script saves.
NamesInFile reference() {
  NamesInFile names =
      weights({"model.conv1.weight", "model.fc.bias", "model_ema.module.conv1.weight", "model_ema.module.fc.bias"});
  names["model_ema.n_averaged"] = true;
  return names;
}

TEST(StateNames, AveragesAreTakenWhenAskedFor) {
  const StateNames plain = find(reference());
  EXPECT_THAT(plain.stored, ElementsAre(Pair("conv1.weight", "model.conv1.weight"), Pair("fc.bias", "model.fc.bias")));
  EXPECT_THAT(plain.notes, Contains(HasSubstr("'model_ema' were not taken; `averages` takes them")));
  const StateNames averaged = find(reference(), true);
  EXPECT_THAT(averaged.stored, ElementsAre(Pair("conv1.weight", "model_ema.module.conv1.weight"),
                                           Pair("fc.bias", "model_ema.module.fc.bias")));
  EXPECT_THAT(error_of<InputError>([] { find(weights({"conv1.weight"}), true); }),
              HasSubstr("here: holds no averaged weights"));
}

TEST(StateNames, AnAveragedModelAloneIsRead) {
  NamesInFile names = weights({"module.conv1.weight", "module.fc.bias"});
  names["n_averaged"] = true;
  for (const bool averages : {false, true}) {
    EXPECT_THAT(find(names, averages).stored,
                ElementsAre(Pair("conv1.weight", "module.conv1.weight"), Pair("fc.bias", "module.fc.bias")));
  }
}

}  // namespace
}  // namespace assemble
