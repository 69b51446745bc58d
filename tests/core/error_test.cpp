// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

TEST(Error, ReadsWhereWhatHint) {
  EXPECT_STREQ(InputError("a.jpg", "is empty", "copy it again").what(), "a.jpg: is empty (copy it again)");
  EXPECT_STREQ(InputError("a.jpg", "is empty").what(), "a.jpg: is empty");
  EXPECT_STREQ(RunError("", "diverged", "lower the rate").what(), "diverged (lower the rate)");
  const UsageError error("`arch`", "unknown tweak", "did you mean 'se'?");
  EXPECT_EQ(error.where(), "`arch`");
  EXPECT_EQ(error.hint(), "did you mean 'se'?");
}

TEST(Error, KindsHaveTheirExitStatus) {
  EXPECT_EQ(static_cast<int>(UsageError("", "").code()), 2);
  EXPECT_EQ(static_cast<int>(NeedsTorch("").code()), 2);
  EXPECT_EQ(static_cast<int>(InputError("", "").code()), 3);
  EXPECT_EQ(static_cast<int>(RunError("", "").code()), 4);
}

}  // namespace
}  // namespace assemble
