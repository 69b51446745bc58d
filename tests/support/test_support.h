// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace assemble::test {

namespace fs = std::filesystem;

/// The build that the test program is of: it lies in BUILD/tests.
inline fs::path build_folder() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path(); }
/// Whether the program runs under a sanitizer, also where this source was compiled without.
inline bool is_sanitized() {
  return dlsym(RTLD_DEFAULT, "__asan_init") != nullptr || dlsym(RTLD_DEFAULT, "__tsan_init") != nullptr;
}
/// The `assemble` command of this build.
inline std::string command_program() { return (build_folder() / "assemble").string(); }

/// A new empty folder, removed with all it holds at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "assemble-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// The folder that the environment variable names, else `fallback` beside the sources; nothing when it does not exist.
inline std::optional<fs::path> optional_directory(const char* variable, const char* fallback) {
  const char* given = std::getenv(variable);
  const fs::path path = given != nullptr ? fs::path(given) : fs::path(ASSEMBLE_SOURCE_DIR) / ".." / fallback;
  return fs::is_directory(path) ? std::optional(path.lexically_normal()) : std::nullopt;
}

/// Reference outputs of the original implementation (ASSEMBLE_GOLDEN).
inline std::optional<fs::path> golden_directory() { return optional_directory("ASSEMBLE_GOLDEN", "shared/golden"); }

/// Photos for tests (ASSEMBLE_DATA).
inline std::optional<fs::path> photo_directory() { return optional_directory("ASSEMBLE_DATA", "shared/data"); }

/// Files of tests/golden, which are always there.
inline fs::path stored_golden(const std::string& name) { return fs::path(ASSEMBLE_SOURCE_DIR) / "tests/golden" / name; }

/// Names of the files in a folder, sorted.
inline std::vector<std::string> list_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string read_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Writes a file at once, without the flush to disk that makes write_file() slow in loops.
inline void write_bytes(const fs::path& path, std::span<const uint8_t> bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path.string());
}

struct CommandResult {
  int exit_code = -1;  ///< 128 + signal when killed by one
  std::string standard_output;
  std::string standard_error;
};

/// Runs a program (argument 0, an absolute path) without input, and waits.
inline CommandResult run_program(std::vector<std::string> arguments) {
  const TemporaryFolder folder;
  const fs::path output = folder / "stdout", error = folder / "stderr";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error.c_str(), flags, 0600);

  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawn(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot run " + arguments[0]);

  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.standard_output = read_text(output);
  result.standard_error = read_text(error);
  return result;
}

/// Runs the `assemble` command of this build.
inline CommandResult run_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), command_program());
  return run_program(std::move(arguments));
}

/// Lets no file of this process grow beyond `bytes` while it lives: writing then fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

/// Message of the `Expected` error that `call` throws; a failed test and an empty text when it throws none.
template <typename Expected, typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an error, but none was thrown";
  return "";
}

}  // namespace assemble::test

/// Defines `name` as the folder of reference outputs, or skips the test when it is absent.
#define ASSEMBLE_REQUIRE_GOLDEN(name)                                                             \
  const auto name##_found = ::assemble::test::golden_directory();                                 \
  if (!name##_found) GTEST_SKIP() << "no reference outputs: set ASSEMBLE_GOLDEN to their folder"; \
  const ::std::filesystem::path name = *name##_found

/// Defines `name` as the folder of photos, or skips the test when it is absent.
#define ASSEMBLE_REQUIRE_PHOTOS(name)                                                \
  const auto name##_found = ::assemble::test::photo_directory();                     \
  if (!name##_found) GTEST_SKIP() << "no photos: set ASSEMBLE_DATA to their folder"; \
  const ::std::filesystem::path name = *name##_found
