// SPDX-License-Identifier: Apache-2.0
#include "common/handover.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "assemble/core/system.h"
#include "assemble/core/text.h"

namespace assemble::cli {

namespace {

/// Where the other program may lie, the first that has it.
std::vector<fs::path> torch_folders(const fs::path& program) {
  std::vector<fs::path> folders{program.parent_path(), program.parent_path().parent_path() / "libexec/assemble"};
  const char* given = std::getenv("ASSEMBLE_EXEC_PATH");
  if (given != nullptr && *given != '\0') folders.insert(folders.begin(), given);
  return folders;
}

/// Rounds that a thread of GNU OpenMP waits for another one before it sleeps. By itself it is 300,000, longer than a
/// slice of the processor's time: beside other busy processes threads spin for one that does not run. With as few as
/// 3,000, threads sleep between the short loops of a small network, and wake late. See docs/results/busy.md.
constexpr const char* kSpins = "30000";

/// The library reads its variables when it is loaded, before main().
void limit_spinning() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", kSpins, /*overwrite=*/0);
}

}  // namespace

UsageError torch_program_missing(const NeedsTorch& need, const fs::path& program) {
  std::vector<std::string> looked;
  for (const fs::path& folder : torch_folders(program)) looked.push_back(folder.string());
  const bool of_package = program.parent_path() == "/usr/bin";  // a program that was built goes to /usr/local
  return {
      need.where(),
      concat("needs LibTorch and with it the program ", kTorchProgram, ", which is in none of ", join(looked, ", ")),
      concat(of_package ? "install the Debian package assemble-training" : "build it with `make build`",
             ", or name its folder in the variable ASSEMBLE_EXEC_PATH")};
}

fs::path find_torch_program(const fs::path& program) {
  for (const fs::path& folder : torch_folders(program)) {
    const fs::path candidate = folder / kTorchProgram;
    std::error_code ignored;
    // A link to the running program would hand over to itself for ever.
    if (fs::is_regular_file(candidate, ignored) && !fs::equivalent(candidate, program, ignored)) return candidate;
  }
  return {};
}

int hand_over(const NeedsTorch& need, const std::vector<std::string>& arguments) {
  const std::string torch_program = find_torch_program(own_program()).string();
  if (torch_program.empty()) throw torch_program_missing(need, own_program());
  std::vector<char*> pointers{const_cast<char*>(torch_program.c_str())};
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  std::cout.flush();
  limit_spinning();
  execv(torch_program.c_str(), pointers.data());
  throw RunError(torch_program, std::string("cannot be started: ") + std::strerror(errno), "install it again");
}

}  // namespace assemble::cli
