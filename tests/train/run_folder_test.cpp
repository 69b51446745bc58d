// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/io/safetensors.h"
#include "assemble/io/tfrecord.h"
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

TEST(RunFolder, OverwritingRemovesTheRunAndNothingElse) {
  const test::TemporaryFolder folder;
  {
    RunFolder run(folder / "run", false);
    run.add_metrics("train", 3, {{"loss", 0.5}});
    run.add_summary({1, 3, 0.1, 0.5, {{"top1", 0.7}}, 120, 0.01, 9.5, 256});
  }
  write_file(folder / "run/epoch-0003-top1-0.7000.safetensors", std::string_view("x"));
  write_file(folder / "run/notes.txt", std::string_view("x"));
  EXPECT_THAT(test::error_of<UsageError>([&] { RunFolder(folder / "run", false); }),
              testing::HasSubstr("`overwrite` to begin anew"));
  EXPECT_THROW(RunFolder(folder / "run", true, true), UsageError);
  const RunFolder run(folder / "run", false, true);
  EXPECT_TRUE(fs::exists(folder / "run/metrics.jsonl")) << "until the new run begins";
  run.remove_run();
  EXPECT_THAT(test::list_files(folder / "run"), testing::ElementsAre("notes.txt"));
}

TEST(RunFolder, ReplacesNoModelThatNoRunWrote) {
  const test::TemporaryFolder folder;
  write_file(folder / "best.safetensors", std::string_view("precious"));
  for (const bool overwrite : {false, true}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { RunFolder(folder.path(), false, overwrite); }),
                testing::HasSubstr("no run wrote them"));
  }
}

TEST(RunFolder, ReplacesNoConfigurationThatNoRunWrote) {
  const test::TemporaryFolder folder;
  write_file(folder / "config.toml", std::string_view("lr = 1\n"));
  for (const bool overwrite : {false, true}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { RunFolder(folder.path(), false, overwrite); }),
                testing::HasSubstr("config.toml: would be replaced, and no run wrote it"));
  }
  EXPECT_NO_THROW(RunFolder(folder.path(), true));
  RunFolder(folder.path(), true).write_environment({"assemble", "train"});
  EXPECT_NO_THROW(RunFolder(folder.path(), false)) << "of a run that was killed before its first step";
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

TEST(RunFolder, ReadsTheSummaryThatItWrote) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run", false);
  run.add_summary({1, 3, 0.1, 0.5, {{"loss", 0.6}, {"top1", 0.7}}, 120, 0.01, 9.5, 256});
  run.add_summary({2, 6, 0.05, 0.25, {{"loss", 0.4}, {"top1", 0.75}}, 130, 0.02, 19.5, 257});
  const std::vector<EpochSummary> rows = read_summary(folder / "run");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].epoch, 2);
  EXPECT_EQ(rows[1].step, 6);
  EXPECT_EQ(rows[1].learning_rate, 0.05);
  EXPECT_EQ(rows[1].train_loss, 0.25);
  const std::vector<std::pair<std::string, double>> figures{{"loss", 0.4}, {"top1", 0.75}};
  EXPECT_EQ(rows[1].validation, figures);
  EXPECT_EQ(rows[1].images_per_second, 130);
  EXPECT_EQ(rows[1].data_wait_share, 0.02);
  EXPECT_EQ(rows[1].seconds, 19.5);
  EXPECT_EQ(rows[1].peak_memory_mib, 257);
}

TEST(RunFolder, NamesTheLineOfASummaryThatCannotBeRead) {
  const test::TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    std::ofstream(folder / "summary.csv") << text;
    return test::error_of<InputError>([&] { read_summary(folder.path()); });
  };
  const std::string header = "epoch,step,learning_rate,train_loss,top1\n";
  EXPECT_THAT(message("name,size\n"), testing::HasSubstr("summary.csv: does not begin with epoch,step"));
  EXPECT_THAT(message(header + "1,2,0.1,0.5,0.5\n2,4,x,0.4,0.5\n"), testing::HasSubstr("line 3: 'x' is no number"));
  EXPECT_THAT(message(header + "1,2,0.1\n"), testing::HasSubstr("line 2: 3 cells, expected 5"));
  EXPECT_THAT(test::error_of<InputError>([&] { read_summary(folder / "none"); }), testing::HasSubstr("none"));
}

TEST(RunFolder, RefusesAFolderWithARunUnlessResuming) {
  const test::TemporaryFolder folder;
  RunFolder(folder / "run", false).add_metrics("train", 1, {{"loss", 1.0}});
  EXPECT_THROW(RunFolder(folder / "run", false), UsageError);
  EXPECT_NO_THROW(RunFolder(folder / "run", true));
}

TEST(RunFolder, RewindingDropsEventsAndRowsThatWereWrittenInPart) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run", false);
  for (int64_t step = 1; step <= 3; ++step) {
    run.add_metrics("train", step, {{"loss", 1.0}});
    run.add_summary({step, step, 0, 0, {{"top1", 0.5}}, 0, 0, 0, 0});
  }
  std::ofstream(folder / "run/summary.csv", std::ios::app) << "2,2,0.1";
  run.rewind(2);
  EXPECT_EQ(read_summary(folder / "run").size(), 2u);
  for (const std::string& file : test::list_files(folder / "run")) {
    if (file.rfind("events.", 0) == 0) {
      EXPECT_EQ(TfRecordReader(folder / "run" / file).index().size(), 3u) << "version, 2 steps";
    }
  }
  run.rewind(0);
  EXPECT_EQ(test::read_text(folder / "run/metrics.jsonl"), "");
  EXPECT_TRUE(read_summary(folder / "run").empty());
}

TEST(RunFolder, IsOneRunsAtATime) {
  const test::TemporaryFolder folder;
  {
    const RunFolder first(folder / "run", false);
    EXPECT_THAT(test::error_of<RunError>([&] { RunFolder(folder / "run", true); }),
                testing::HasSubstr("another process trains into this folder"));
    first.write_config("epochs=1\n");
  }
  EXPECT_NO_THROW(RunFolder(folder / "run", true));
}

TEST(RunFolder, ThatNothingWasWrittenToIsRemoved) {
  const test::TemporaryFolder folder;
  { const RunFolder run(folder / "new", false); }
  EXPECT_FALSE(fs::exists(folder / "new"));
  fs::create_directory(folder / "old");
  { const RunFolder run(folder / "old", false); }
  EXPECT_TRUE(fs::exists(folder / "old"));
}

TEST(RunFolder, RefusesAFolderWithModelsOfARun) {
  for (const char* file : {"best.safetensors", "last.safetensors", "summary.csv"}) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / file) << "x";
    EXPECT_THROW(RunFolder(folder.path(), false), UsageError) << file;
    EXPECT_EQ(test::read_text(folder / file), "x");
  }
}

TEST(RunFolder, KeepsASummaryOfOtherColumns) {
  const test::TemporaryFolder folder;
  const std::string old = "epoch,step,learning_rate,train_loss,top1\n1,3,0.1,0.5,0.25\n";
  std::ofstream(folder / "summary.csv") << old;
  RunFolder run(folder.path(), true);
  run.add_summary({2, 6, 0.1, 0.5, {{"top1", 0.7}}, 120, 0.01, 9.5, 256});
  run.add_summary({3, 9, 0.1, 0.5, {{"top1", 0.8}}, 120, 0.01, 9.5, 256});
  EXPECT_EQ(test::read_text(folder / "summary.1.csv"), old);
  EXPECT_EQ(read_summary(folder.path()).size(), 2u);
}

TEST(RunFolder, TakesPathsInAnyEncoding) {
  const test::TemporaryFolder folder;
  const RunFolder run(folder / "caf\xe9", false);
  run.write_environment({"assemble", "train", "--config", (run.path() / "config.toml").string()});
  EXPECT_THAT(test::read_text(run.path() / "environment.json"), testing::HasSubstr("caf\xEF\xBF\xBD/config.toml"));
}

TEST(RunFolder, AFullDiskIsAnErrorAndWhatWasWrittenStays) {
  const test::TemporaryFolder folder;
  RunFolder run(folder / "run", false);
  run.add_metrics("train", 1, {{"loss", 1.0}});
  {
    const test::FileSizeLimit full(60);
    EXPECT_THAT(test::error_of<RunError>([&] {
                  run.add_metrics("train", 2, {{"loss", 1.0}});
                }),
                testing::HasSubstr("metrics.jsonl: cannot be written"));
  }
  run.rewind(1);
  EXPECT_EQ(test::read_text(folder / "run/metrics.jsonl"), "{\"kind\":\"train\",\"step\":1,\"loss\":1.0}\n");
}

TEST(RunFolder, KeepsSoManyCheckpointsAndFindsTheNewestThatIsWhole) {
  const test::TemporaryFolder folder;
  const RunFolder run(folder / "run", false);
  EXPECT_EQ(run.newest_checkpoint(), run.checkpoint());
  for (const int64_t step : {5, 10, 15, 100}) {
    write_safetensors(run.checkpoint(), {}, {{"step", std::to_string(step)}});
    run.keep_checkpoint(step, 3);
  }
  EXPECT_THAT(test::list_files(run.path()),
              testing::ElementsAre("checkpoint-10.safetensors", "checkpoint-100.safetensors",
                                   "checkpoint-15.safetensors", "checkpoint.safetensors"));
  EXPECT_EQ(run.newest_checkpoint(), run.checkpoint());
  // Torn, as a disk that lost its power may leave them.
  for (const char* file : {"checkpoint.safetensors", "checkpoint-100.safetensors"}) {
    fs::remove(run.path() / file);
    write_file(run.path() / file, std::string_view("torn"));
  }
  EXPECT_EQ(run.newest_checkpoint().filename(), "checkpoint-15.safetensors");
  run.keep_checkpoint(100, 1);
  EXPECT_THAT(test::list_files(run.path()), testing::ElementsAre("checkpoint.safetensors"));
}

}  // namespace
}  // namespace assemble
