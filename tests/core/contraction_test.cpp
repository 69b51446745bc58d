// SPDX-License-Identifier: Apache-2.0
// Random numbers and pixels are promised to be the same on every processor, so no compiler may fuse a multiplication
// with an addition in what makes them. (x86-64's base has no such instruction: only the commands of the build tell.)
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>

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

// Nor may the C library have a say: its functions differ in their last bit from one to the next.
TEST(Contraction, NumbersAndPixelsCallNoElementaryFunctionOfTheCLibrary) {
  const std::regex call(R"(std::(sin|cos|tan|asin|acos|atan|atan2|exp|exp2|expm1|log|log2|log10|log1p|pow|cbrt|hypot|)"
                        R"(sinh|cosh|tanh|erf|lgamma|tgamma)\()");
  int sources = 0;
  for (const std::string folder : {"src/core", "src/image", "src/data/builders", "src/data/check"}) {
    for (const auto& entry : test::fs::recursive_directory_iterator(test::fs::path(ASSEMBLE_SOURCE_DIR) / folder)) {
      if (!entry.is_regular_file()) continue;
      ++sources;
      const std::string text = test::read_text(entry.path());
      std::smatch found;
      EXPECT_FALSE(std::regex_search(text, found, call)) << entry.path() << ": " << found.str() << " of math:: instead";
    }
  }
  EXPECT_GT(sources, 50);
}

}  // namespace
}  // namespace assemble
