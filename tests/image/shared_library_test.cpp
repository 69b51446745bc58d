// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/codec/shared_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"

namespace assemble::codecs {
namespace {

using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SharedLibrary, FindsFunctions) {
  double (*cosine)(double) = nullptr;
  SharedLibrary("a sum", "libm.so.6", "libc6").look_up("cos", cosine);
  ASSERT_NE(cosine, nullptr);
  EXPECT_EQ(cosine(0), 1);
}

TEST(SharedLibrary, AbsentOnesAreNamedWithTheirPackage) {
  EXPECT_THAT(error_of<RunError>([] { SharedLibrary("HEIC", "libabsent.so.9", "libabsent9"); }),
              AllOf(HasSubstr("HEIC: cannot be used without libabsent.so.9"), HasSubstr("package libabsent9")));
  void (*function)() = nullptr;
  EXPECT_THAT(error_of<RunError>([&] { SharedLibrary("a sum", "libm.so.6", "libc6").look_up("absent", function); }),
              AllOf(HasSubstr("a sum: cannot be used"), HasSubstr("newer version of libc6")));
}

struct Absent {
  Absent() { SharedLibrary("HEIC", "libabsent.so.9", "libabsent9"); }
};

TEST(SharedLibrary, AnImageThatNeedsAnAbsentOneCannotBeRead) {
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(error_of<InputError>([] { functions_for<Absent>("photo.heic"); }),
                AllOf(HasSubstr("photo.heic: HEIC: cannot be used without libabsent.so.9"), HasSubstr("libabsent9")));
  }
}

}  // namespace
}  // namespace assemble::codecs
