// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/system.h"

#include <gtest/gtest.h>

#include "test_support.h"

namespace assemble {
namespace {

std::string name_in(const std::string& cpuinfo) {
  const test::TemporaryFolder folder;
  write_file(folder / "cpuinfo", cpuinfo);
  return cpu_name(folder / "cpuinfo");
}

TEST(System, NamesTheProcessor) {
  EXPECT_EQ(name_in("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 106\nmodel name\t: Intel(R) Xeon(R) Gold\n"),
            "Intel(R) Xeon(R) Gold");
  EXPECT_EQ(name_in("processor\t: 0\n"), "unknown");
  EXPECT_EQ(cpu_name("/none/cpuinfo"), "unknown");
}

// 64-bit ARM has no model name: each core has a block like these.
TEST(System, NamesTheCoresOfArm) {
  const auto core = [](const std::string& implementer, const std::string& part) {
    return "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: " + implementer +
           "\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: " + part + "\nCPU revision\t: 1\n\n";
  };
  const std::string neoverse = core("0x41", "0xd0c");
  EXPECT_EQ(name_in(neoverse + neoverse), "ARM Neoverse-N1");
  EXPECT_EQ(name_in(core("0x41", "0xd03") + core("0x41", "0xd08") + core("0x41", "0xd08")),
            "ARM Cortex-A53 and ARM Cortex-A72");
  EXPECT_EQ(name_in(core("0x61", "0xd0c")), "CPU implementer 0x61 part 0xd0c");
}

}  // namespace
}  // namespace assemble
