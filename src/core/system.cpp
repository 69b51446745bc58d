// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/system.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "assemble/core/text.h"

namespace assemble {

namespace {

/// Arm's own designs of servers and single-board computers, as lscpu calls them; others by their numbers.
std::string arm_name(std::string_view implementer, std::string_view part) {
  constexpr std::pair<std::string_view, std::string_view> kParts[] = {
      {"0xd03", "Cortex-A53"},  {"0xd08", "Cortex-A72"},  {"0xd0b", "Cortex-A76"},  {"0xd0c", "Neoverse-N1"},
      {"0xd40", "Neoverse-V1"}, {"0xd49", "Neoverse-N2"}, {"0xd4f", "Neoverse-V2"}, {"0xd84", "Neoverse-V3"}};
  for (const auto& [number, name] : kParts) {
    if (implementer == "0x41" && part == number) return concat("ARM ", name);
  }
  return concat("CPU implementer ", implementer, " part ", part);
}

}  // namespace

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

fs::path own_program() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored);
}

std::string cpu_name(const fs::path& info) {
  std::ifstream file(info);
  std::string implementer;
  std::vector<std::string> kinds;
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(colon + 2);
    if (line.starts_with("model name")) return value;
    if (line.starts_with("CPU implementer")) implementer = value;
    if (!line.starts_with("CPU part")) continue;
    const std::string kind = arm_name(implementer, value);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  return kinds.empty() ? "unknown" : join(kinds, " and ");
}

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &local);
  std::string result = text;
  return result.size() > 2 ? result.insert(result.size() - 2, ":") : result;
}

void keep_freed_memory() {
  constexpr int kLargest = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, kLargest);
  mallopt(M_TOP_PAD, 64 << 20);
}

void release_freed_memory() { malloc_trim(0); }

}  // namespace assemble
