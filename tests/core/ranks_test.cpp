// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::HasSubstr;

/// The environment of a launcher, taken away again at the end of each test.
class RanksTest : public testing::Test {
 protected:
  RanksTest() { clear(); }
  ~RanksTest() override { clear(); }
  static void set(const char* name, const char* value) { setenv(name, value, 1); }

 private:
  static void clear() {
    for (const char* name :
         {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID",
          "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "SLURM_NODEID",
          "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
          "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"}) {
      unsetenv(name);
    }
  }
};

TEST_F(RanksTest, AProcessWithoutALauncherIsAlone) {
  EXPECT_EQ(Ranks::from_environment().world, 1);
  // Inside an allocation of Slurm a single program is one process.
  set("SLURM_NTASKS", "8");
  set("SLURM_PROCID", "0");
  EXPECT_EQ(Ranks::from_environment().world, 1);
  // Also in a batch script that has set the address for the steps which it starts.
  set("MASTER_ADDR", "node1");
  EXPECT_EQ(Ranks::from_environment().world, 1);
}

TEST_F(RanksTest, ReadsWhatTorchrunSets) {
  set("RANK", "3");
  set("WORLD_SIZE", "4");
  set("LOCAL_RANK", "1");
  set("LOCAL_WORLD_SIZE", "2");
  set("MASTER_ADDR", "node7");
  set("MASTER_PORT", "1234");
  set("TORCHELASTIC_USE_AGENT_STORE", "True");
  set("TORCHELASTIC_RESTART_COUNT", "2");
  const Ranks ranks = Ranks::from_environment();
  EXPECT_EQ(ranks.name(), "rank 3 of 4");
  EXPECT_EQ(ranks.where(), "node7:1234");
  EXPECT_EQ(ranks.local_rank, 1);
  EXPECT_EQ(ranks.local_world, 2);
  EXPECT_EQ(ranks.attempt, 2);
  EXPECT_TRUE(ranks.launcher_listens);
}

TEST_F(RanksTest, ReadsWhatSrunSetsWhereTheAddressIsKnown) {
  set("SLURM_STEP_NUM_TASKS", "5");
  set("SLURM_PROCID", "4");
  set("SLURM_LOCALID", "0");
  set("SLURM_NODEID", "2");
  set("SLURM_STEP_TASKS_PER_NODE", "2(x2),1");
  EXPECT_EQ(Ranks::from_environment().world, 1);
  set("MASTER_ADDR", "node1");
  EXPECT_EQ(Ranks::from_environment().name(), "rank 4 of 5");
  EXPECT_EQ(Ranks::from_environment().local_world, 1);
  set("SLURM_NODEID", "1");
  EXPECT_EQ(Ranks::from_environment().local_world, 2);
}

TEST_F(RanksTest, MpirunsPlacesStandBeforeThoseOfTheStepThatStartsIt) {
  set("MASTER_ADDR", "node1");
  set("SLURM_STEP_NUM_TASKS", "2");
  set("SLURM_PROCID", "1");
  set("SLURM_STEP_TASKS_PER_NODE", "1(x2)");
  set("SLURM_NODEID", "1");
  set("OMPI_COMM_WORLD_SIZE", "8");
  set("OMPI_COMM_WORLD_RANK", "6");
  set("OMPI_COMM_WORLD_LOCAL_RANK", "2");
  set("OMPI_COMM_WORLD_LOCAL_SIZE", "4");
  const Ranks ranks = Ranks::from_environment();
  EXPECT_EQ(ranks.name(), "rank 6 of 8");
  EXPECT_EQ(ranks.local_rank, 2);
  EXPECT_EQ(ranks.local_world, 4);
}

TEST_F(RanksTest, NamesTheVariableThatIsWrong) {
  const auto message = [] { return test::error_of<UsageError>([] { Ranks::from_environment(); }); };
  set("WORLD_SIZE", "2");
  EXPECT_THAT(message(), HasSubstr("MASTER_ADDR: is not set"));
  set("MASTER_ADDR", "node1");
  EXPECT_THAT(message(), HasSubstr("RANK: is not set"));
  set("RANK", "one");
  EXPECT_THAT(message(), HasSubstr("RANK: is 'one'"));
  set("RANK", "2");
  EXPECT_THAT(message(), HasSubstr("2 of 2 processes"));
  set("RANK", "1");
  set("MASTER_PORT", "70000");
  EXPECT_THAT(message(), HasSubstr("MASTER_PORT: is '70000'"));
}

}  // namespace
}  // namespace assemble
