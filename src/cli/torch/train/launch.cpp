// SPDX-License-Identifier: Apache-2.0
#include "torch/train/launch.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/core/log.h"
#include "assemble/core/thread_pool.h"
#include "assemble/train/communicator.h"
#include "common/interrupt.h"

namespace assemble::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{50};
/// For the others to find out that one has failed, and to say so.
constexpr std::chrono::seconds kPatience{20};

/// The words that this program was started with.
std::vector<std::string> own_command() {
  const Bytes bytes = read_file("/proc/self/cmdline", uint64_t{1} << 24);
  std::vector<std::string> words = split(std::string(bytes.begin(), bytes.end()), '\0');
  words.pop_back();  // after the last end
  return words;
}

/// This environment, with that of a rank.
std::vector<std::string> environment_of(int rank, int processes, uint16_t port) {
  const std::vector<std::string> own{concat("RANK=", rank),
                                     concat("WORLD_SIZE=", processes),
                                     concat("LOCAL_RANK=", rank),
                                     concat("LOCAL_WORLD_SIZE=", processes),
                                     "MASTER_ADDR=127.0.0.1",
                                     concat("MASTER_PORT=", port),
                                     "TORCHELASTIC_USE_AGENT_STORE=True",
                                     "TORCHELASTIC_RESTART_COUNT=0"};
  std::vector<std::string> all = own;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('=') + 1);
    if (std::none_of(own.begin(), own.end(), [&](const std::string& o) { return o.starts_with(name); })) {
      all.push_back(text);
    }
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class Processes {
 public:
  Processes(int count, uint16_t port) {
    std::vector<std::string> words = own_command();
    for (int rank = 0; rank < count; ++rank) start(words, environment_of(rank, count, port));
  }
  ~Processes() { kill_all(SIGKILL); }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void signal_all(int signal) const {
    for (const pid_t process : running_) {
      if (process > 0) kill(process, signal);
    }
  }

  void kill_all(int signal) {
    signal_all(signal);
    for (pid_t& process : running_) {
      if (process > 0) waitpid(process, nullptr, 0);
      process = 0;
    }
  }

  /// Looks who has ended. @return whether some still run
  bool look() {
    bool some_run = false;
    for (size_t rank = 0; rank < running_.size(); ++rank) {
      int status = 0;
      const pid_t process = running_[rank];
      if (process == 0) continue;
      if (waitpid(process, &status, WNOHANG) == 0) {
        some_run = true;
        continue;
      }
      running_[rank] = 0;
      const bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == kStoppedStatus;
      has_stopped_ |= stopped;
      if (status != 0 && !stopped && !first_failure_) note(rank, process, status);
    }
    return some_run;
  }

  bool has_stopped() const { return has_stopped_; }
  bool has_failed() const { return first_failure_.has_value(); }
  void throw_failure() const {
    if (first_failure_) throw Error(*first_failure_);
  }

 private:
  void start(std::vector<std::string>& words, std::vector<std::string> environment) {
    const std::vector<char*> arguments = pointers_to(words), variables = pointers_to(environment);
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process < 0) throw RunError("`processes`", concat("cannot be started: ", std::strerror(errno)));
    if (process == 0) {
      // Ctrl-C is for the launcher, which passes it on; its end, however it ends, is theirs.
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() == parent) execve("/proc/self/exe", arguments.data(), variables.data());
      _exit(static_cast<int>(ExitCode::kFailedRun));
    }
    running_.push_back(process);
  }

  void note(size_t rank, pid_t process, int status) {
    const std::string where = concat("rank ", rank, " (process ", process, ")");
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      first_failure_.emplace(ExitCode::kFailedRun, where,
                             concat("was ended by signal ", signal, ", ", strsignal(signal)),
                             "--resume goes on from the last checkpoint");
      log_warning(first_failure_->what());
    } else {
      first_failure_.emplace(static_cast<ExitCode>(WEXITSTATUS(status)), where,
                             concat("ended with status ", WEXITSTATUS(status)), "see above");
    }
  }

  std::vector<pid_t> running_;  // 0: has ended
  std::optional<Error> first_failure_;
  bool has_stopped_ = false;
};

}  // namespace

void launch_processes(int processes, const std::stop_token& stop) {
  if (processes > available_cores()) {
    log_warning(concat("--processes ", processes, " are more than the ", available_cores(), " cores here"));
  }
  const JobStore store;
  Processes all(processes, store.port());
  bool was_told = false;
  std::optional<Clock::time_point> end;
  while (all.look()) {
    if (stop.stop_requested() && !was_told) {
      all.signal_all(SIGTERM);
      was_told = true;
    }
    if (all.has_failed() && !end) end = Clock::now() + kPatience;
    if (end && Clock::now() > *end) all.kill_all(SIGKILL);
    std::this_thread::sleep_for(kLook);
  }
  all.throw_failure();
  if (all.has_stopped() && !InterruptGuard::was_keyboard()) throw_stopped();
}

}  // namespace assemble::cli
