// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "test_support.h"

namespace assemble::test {

/// The `assemble` command running beside the test, without output; killed at the end of the scope.
class BackgroundCommand {
 public:
  explicit BackgroundCommand(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), command_program());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
    }
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const int failed = posix_spawn(&child_, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot run " + arguments[0]);
  }
  ~BackgroundCommand() { kill(); }
  BackgroundCommand(const BackgroundCommand&) = delete;
  BackgroundCommand& operator=(const BackgroundCommand&) = delete;

  /// Looks at `condition` until it holds, the program ends or a minute has passed. @return whether it held
  bool wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (ended() || std::chrono::steady_clock::now() > end) return condition();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  /// SIGKILL: no handler, no destructor. @return whether the program was still running
  bool kill() {
    if (ended()) return false;
    ::kill(child_, SIGKILL);
    int status = 0;
    while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return WIFSIGNALED(status);
  }

 private:
  bool ended() {
    if (child_ < 0) return true;
    int status = 0;
    if (waitpid(child_, &status, WNOHANG) == child_) child_ = -1;
    return child_ < 0;
  }

  pid_t child_ = -1;
};

}  // namespace assemble::test
