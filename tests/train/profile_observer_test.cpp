// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/profile_observer.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "assemble/core/spans.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

TEST_F(TrainerTest, ProfilesOperatorsStepsAndLoaderThreads) {
  TrainOptions brief = options();
  train(brief, "plain");
  brief.profile = 3;
  train(brief, "run");
  const auto trace = nlohmann::json::parse(test::read_text(folder_ / "run/trace.json"));
  std::map<std::string, int> names, categories;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++names[event.at("name")];
    ++categories[event.at("cat")];
    EXPECT_GE(event.at("ts").get<double>(), 0);
    EXPECT_GE(event.at("dur").get<double>(), 0);
  }
  EXPECT_EQ(names["forward"], 3);
  EXPECT_EQ(names["optimizer"], 3);
  EXPECT_GT(names["aten::convolution"], 3 * 50);
  EXPECT_GT(names["prepare"], 0);
  EXPECT_GT(categories["operator"], 1000);
  EXPECT_FALSE(spans_are_kept());
  EXPECT_EQ(model_bytes("plain"), model_bytes("run")) << "watching changes nothing";
}

TEST_F(TrainerTest, AProfileThatARunIsTooShortForIsNotWritten) {
  TrainOptions brief = options();
  brief.max_steps = 2;
  brief.profile = 1;
  train(brief, "run");
  EXPECT_FALSE(fs::exists(folder_ / "run/trace.json"));
  EXPECT_FALSE(spans_are_kept());
}

}  // namespace
}  // namespace assemble
