// SPDX-License-Identifier: Apache-2.0
// Random numbers and pixels are promised to be the same on every processor, so no compiler may fuse a multiplication
// with an addition in what makes them. (x86-64's base has no such instruction: only the commands of the build tell.)
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "test_support.h"

namespace assemble {
namespace {

TEST(Contraction, IsOffInEverySourceOfNumbersAndPixels) {
  const test::fs::path commands = test::build_folder() / "compile_commands.json";
  if (!test::fs::exists(commands)) GTEST_SKIP() << "this generator writes no " << commands;
  std::map<std::string, int> objects;  // a room; several sources may be compiled to one
  for (const auto& entry : nlohmann::json::parse(test::read_text(commands))) {
    const auto command = entry.at("command").get<std::string>();
    for (const std::string room : {"core", "io", "image", "data"}) {
      if (command.find("CMakeFiles/assemble_" + room + ".dir/") == std::string::npos) continue;
      ++objects[room];
      EXPECT_NE(command.find("-ffp-contract=off"), std::string::npos) << command;
    }
  }
  EXPECT_EQ(objects.size(), 4u);
}

}  // namespace
}  // namespace assemble
