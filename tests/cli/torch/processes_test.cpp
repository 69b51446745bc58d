// SPDX-License-Identifier: Apache-2.0
// `assemble train` as several processes, and what becomes of them when one is lost.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/io/safetensors.h"
#include "assemble/models/tensor_file.h"
#include "background_program.h"
#include "drawn_data.h"
#include "in_ranks.h"

namespace assemble {
namespace {

using test::CommandResult;
using test::run_command;
using ::testing::HasSubstr;

class ProcessesTest : public testing::Test {
 protected:
  std::vector<std::string> arguments(const std::string& name, int batch, const std::vector<std::string>& more) const {
    std::vector<std::string> all{"train",
                                 "--data",
                                 test::drawn_data().string(),
                                 "--out",
                                 path(name),
                                 "--arch",
                                 "resnet50+w8",
                                 "--batch-size",
                                 std::to_string(batch),
                                 "--lr",
                                 "0.01",
                                 "--preprocessing",
                                 "imagenet_32a",
                                 "--log-every",
                                 "1",
                                 "--seed",
                                 "7",
                                 "--checkpoint-every",
                                 "1",
                                 "--loader-threads",
                                 "1",
                                 "--sync-bn",
                                 "--zero-gamma",
                                 "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// The process of a rank that trains into this folder.
  std::optional<pid_t> process_of(const std::string& name, int rank) const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
      const pid_t process = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
      if (process <= 0) continue;
      const auto holds = [&](const char* file, const std::string& text) {
        try {
          // Each variable between two ends, also the first.
          return ('\0' + test::read_text(entry.path() / file)).find(text) != std::string::npos;
        } catch (const std::exception&) {
          return false;  // it has ended meanwhile
        }
      };
      if (holds("cmdline", path(name)) && holds("environ", concat('\0', "RANK=", rank, '\0'))) return process;
    }
    return std::nullopt;
  }

  /// Trains until there is a checkpoint, then does this to a rank. @return how the command ended, within a minute
  CommandResult after_signal(const std::string& name, int rank, int signal, const std::vector<std::string>& more) {
    std::vector<std::string> endless =
        arguments(name, 4, {"--epochs", "100000", "--processes", "2", "--max-minutes", "3"});
    endless.insert(endless.end(), more.begin(), more.end());
    auto ended = std::async(std::launch::async, [&] { return run_command(endless); });
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!fs::exists(folder_ / name / "checkpoint.safetensors") && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const std::optional<pid_t> process = process_of(name, rank);
    if (!process) throw std::runtime_error("there is no such process");
    const auto begin = std::chrono::steady_clock::now();
    kill(*process, signal);
    const CommandResult result = ended.get();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(1));
    EXPECT_FALSE(process_of(name, 0) || process_of(name, 1)) << "no process is left";
    EXPECT_NO_THROW(SafetensorsFile(folder_ / name / "checkpoint.safetensors"));
    return result;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ProcessesTest, TwoEndWhereOneWithTheWholeBatchDoes) {
  const CommandResult one = run_command(arguments("one", 16, {"--epochs", "2"}));
  ASSERT_EQ(one.exit_code, 0) << one.standard_error;
  const CommandResult two = run_command(arguments("two", 8, {"--epochs", "2", "--processes", "2"}));
  ASSERT_EQ(two.exit_code, 0) << two.standard_error;
  EXPECT_EQ(nlohmann::json::parse(two.standard_output)["steps"], 6) << "one result alone is printed";
  const SafetensorsFile expected(folder_ / "one/last.safetensors"), actual(folder_ / "two/last.safetensors");
  double largest = 0;
  for (const auto& [name, entry] : expected.tensors()) {
    const torch::Tensor difference = read_tensor(expected, name) - read_tensor(actual, name);
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  std::cout << "largest difference of a weight " << largest << std::endl;
  EXPECT_LT(largest, 1e-3);
}

TEST_F(ProcessesTest, AKilledRankEndsAllAndIsNamed) {
  const CommandResult result = after_signal("killed", 1, SIGKILL, {"--rank-timeout", "5"});
  EXPECT_EQ(result.exit_code, 4) << result.standard_error;
  EXPECT_THAT(result.standard_error, HasSubstr("rank 1 (process"));
  EXPECT_THAT(result.standard_error, HasSubstr("was ended by signal 9"));
  EXPECT_THAT(result.standard_error, HasSubstr("rank 1 has ended, hangs or cannot be reached"));
  const CommandResult resumed = run_command(
      arguments("killed", 4, {"--epochs", "100000", "--processes", "2", "--resume", "--max-minutes", "0.02"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.standard_error;
}

TEST_F(ProcessesTest, ARankThatHangsEndsAllAndIsNamed) {
  const CommandResult result = after_signal("hangs", 0, SIGSTOP, {"--rank-timeout", "5"});
  EXPECT_EQ(result.exit_code, 4) << result.standard_error;
  EXPECT_THAT(result.standard_error,
              HasSubstr("rank 0 has ended, hangs or cannot be reached: no sign of life for 5.0 s"));
}

TEST_F(ProcessesTest, OtherOptionsOfARankAreNamed) {
  // What a launcher of one's own might do.
  const std::string port = std::to_string(test::free_port());
  const auto start = [&](int rank, int batch) {
    std::vector<std::string> words = arguments("differs", batch, {"--epochs", "1"});
    words.insert(words.begin(), {"/usr/bin/env", concat("RANK=", rank), "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1",
                                 "MASTER_PORT=" + port, test::command_program()});
    return std::async(std::launch::async, [words] { return test::run_program(words); });
  };
  auto first = start(0, 8), second = start(1, 4);
  for (const CommandResult& result : {first.get(), second.get()}) {
    EXPECT_EQ(result.exit_code, 2) << result.standard_error;
    EXPECT_THAT(result.standard_error, HasSubstr("--batch-size: is 4 for rank 1, and 8 for rank 0"));
  }
}

TEST_F(ProcessesTest, MoreProcessesThanCoresAreWarnedOf) {
  const int processes = available_cores() + 1;
  std::vector<std::string> words = arguments("many", 8, {"--processes", std::to_string(processes)});
  words[2] = path("no data");
  const CommandResult result = run_command(words);
  EXPECT_EQ(result.exit_code, 3) << result.standard_error;
  EXPECT_THAT(result.standard_error,
              HasSubstr(concat("--processes ", processes, " are more than the ", available_cores(), " cores here")));
}

TEST_F(ProcessesTest, AnAddressThatDoesNotAnswerIsNamed) {
  const std::string port = std::to_string(test::free_port());
  std::vector<std::string> words = arguments("alone", 8, {"--start-timeout", "1"});
  words.insert(words.begin(), {"/usr/bin/env", "RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port,
                               test::command_program()});
  const CommandResult result = test::run_program(words);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.standard_error, HasSubstr("127.0.0.1:" + port));
  words[1] = "RANK=0";
  EXPECT_THAT(test::run_program(words).standard_error, HasSubstr("rank 1 did not come within 1.0 s"));
}

}  // namespace
}  // namespace assemble
