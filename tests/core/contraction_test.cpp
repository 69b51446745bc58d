// SPDX-License-Identifier: Apache-2.0
// Random numbers and pixels are promised to be the same on every processor, so no compiler may fuse a multiplication
// with an addition in what makes them. (x86-64's base has no such instruction: only the commands of the build tell.)
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "test_support.h"

namespace assemble {
namespace {

TEST(Contraction, IsOffInEverySourceOfNumbersAndPixels) {
  const test::fs::path commands = test::fs::path(ASSEMBLE_BUILD_DIR) / "compile_commands.json";
  if (!test::fs::exists(commands)) GTEST_SKIP() << "this generator writes no " << commands;
  int sources = 0;
  for (const auto& entry : nlohmann::json::parse(test::read_text(commands))) {
    const std::string file = entry.at("file");
    const std::string room = test::fs::path(file).lexically_relative(ASSEMBLE_SOURCE_DIR).string();
    if (!room.starts_with("src/core/") && !room.starts_with("src/image/")) continue;
    ++sources;
    EXPECT_NE(entry.at("command").get<std::string>().find("-ffp-contract=off"), std::string::npos) << room;
  }
  EXPECT_GT(sources, 40);
}

}  // namespace
}  // namespace assemble
