// SPDX-License-Identifier: Apache-2.0
#include "common/handover.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace assemble::cli {

fs::path find_torch_program(const fs::path& program) {
  std::vector<fs::path> folders{program.parent_path(), program.parent_path().parent_path() / "libexec/assemble"};
  const char* given = std::getenv("ASSEMBLE_EXEC_PATH");
  if (given != nullptr && *given != '\0') folders.insert(folders.begin(), given);
  for (const fs::path& folder : folders) {
    const fs::path candidate = folder / kTorchProgram;
    std::error_code ignored;
    // A link to the running program would hand over to itself for ever.
    if (fs::is_regular_file(candidate, ignored) && !fs::equivalent(candidate, program, ignored)) return candidate;
  }
  return {};
}

fs::path own_program() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

int hand_over(const NeedsTorch& need, const std::vector<std::string>& arguments) {
  const std::string torch_program = find_torch_program(own_program()).string();
  if (torch_program.empty()) throw need;
  std::vector<char*> pointers{const_cast<char*>(torch_program.c_str())};
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  std::cout.flush();
  execv(torch_program.c_str(), pointers.data());
  throw RunError(torch_program, std::string("cannot be started: ") + std::strerror(errno), "install it again");
}

}  // namespace assemble::cli
