// SPDX-License-Identifier: Apache-2.0
#include "common/flags.h"

#include <gtest/gtest.h>

namespace assemble::cli {
namespace {

TEST(WithFlags, PutsFlagsInThePlaceOfOptions) {
  CLI::App app;
  CLI::App* child = app.add_subcommand("child");
  int value = 0;
  bool strict = true;
  app.add_option("--batch-size,-b", value);
  app.add_flag("--strict,!--no-strict", strict);
  app.add_option("--ema", value);
  child->add_option("--recall-at", value);
  EXPECT_EQ(with_flags(app, "`batch_size`: is 0 (raise `batch_size`)"), "--batch-size: is 0 (raise --batch-size)");
  EXPECT_EQ(with_flags(app, "`recall_at` 4: too many"), "--recall-at 4: too many") << "of a subcommand";
  EXPECT_EQ(with_flags(app, "`loader.batch_size` 0"), "--batch-size 0") << "of options within options";
  EXPECT_EQ(with_flags(app, "leave out `averages`, or `!strict`"), "leave out --ema, or --no-strict");
}

TEST(WithFlags, LeavesEverythingElseAsItIs) {
  CLI::App app;
  int value = 0;
  app.add_option("--arch", value);
  for (const char* text : {"", "arch: batch_size", "`flatten` and `assemble model list`", "`", "an open `arch", "``",
                           "--arch: unknown tweak"}) {
    EXPECT_EQ(with_flags(app, text), text);
  }
  EXPECT_EQ(with_flags(app, "`flatten``arch``"), "`flatten`--arch`");
}

}  // namespace
}  // namespace assemble::cli
