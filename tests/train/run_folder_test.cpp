// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_folder.h"

#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

TEST(RunFolder, WritesMetricsSummaryAndEnvironment) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run", false);
  run.add_metrics("train", 3, {{"loss", 0.5}});
  run.add_summary({1, 3, 0.1, 0.5, {{"loss", 0.6}, {"top1", 0.7}}, 120, 0.01, 9.5, 256});
  run.write_environment({"assemble", "train"});
  EXPECT_EQ(test::read_text(folder / "run/metrics.jsonl"), "{\"kind\":\"train\",\"step\":3,\"loss\":0.5}\n");
  EXPECT_EQ(test::read_text(folder / "run/summary.csv"),
            "epoch,step,learning_rate,train_loss,validation_loss,top1,images_per_second,data_wait_share,seconds,"
            "peak_memory_mib\n1,3,0.1,0.5,0.6,0.7,120,0.01,9.5,256\n");
  const auto environment = nlohmann::json::parse(test::read_text(folder / "run/environment.json"));
  EXPECT_EQ(environment.at("command").size(), 2u);
  EXPECT_FALSE(environment.at("libtorch").get<std::string>().empty());
}

TEST(RunFolder, RewindingDropsWhatComesAfterTheStepAndHalfWrittenLines) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run", false);
  for (int64_t step = 1; step <= 3; ++step) {
    run.add_metrics("train", step, {{"loss", 1.0}});
    run.add_summary({step, step, 0, 0, {{"recall@1", 0.5}}, 0, 0, 0, 0});
  }
  std::ofstream(folder / "run/metrics.jsonl", std::ios::app) << "{\"kind\":\"tr";
  run.rewind(2);
  EXPECT_EQ(test::read_text(folder / "run/metrics.jsonl"),
            "{\"kind\":\"train\",\"step\":1,\"loss\":1.0}\n{\"kind\":\"train\",\"step\":2,\"loss\":1.0}\n");
  const std::string summary = test::read_text(folder / "run/summary.csv");
  EXPECT_EQ(std::count(summary.begin(), summary.end(), '\n'), 3);
}

TEST(RunFolder, RefusesAFolderWithARunUnlessResuming) {
  const test::TemporaryFolder folder;
  RunFolder(folder / "run", false).add_metrics("train", 1, {{"loss", 1.0}});
  EXPECT_THROW(RunFolder(folder / "run", false), UsageError);
  EXPECT_NO_THROW(RunFolder(folder / "run", true));
}

}  // namespace
}  // namespace assemble
