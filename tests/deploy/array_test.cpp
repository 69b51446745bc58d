// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Array, HoldsAsManyValuesAsItsShapeSays) {
  const Array array({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(array.defined());
  EXPECT_EQ(array.count(), 6);
  EXPECT_EQ(array.size(1), 3);
  EXPECT_THAT(array.row(1), ElementsAre(4, 5, 6));
  EXPECT_THAT(test::error_of<UsageError>([] { Array({2, 3}, {1, 2}); }), HasSubstr("[2, 3] cannot hold 2 values"));
  EXPECT_EQ(Array({}, {7}).count(), 1) << "no dimensions are one value";
  EXPECT_EQ(Array({0, 3}, {}).rows(0, 0).count(), 0);
}

TEST(Array, OfNothingIsNotDefined) {
  const Array none;
  EXPECT_FALSE(none.defined());
  EXPECT_EQ(none.count(), 0);
  EXPECT_TRUE(none.values().empty());
  EXPECT_TRUE(Array({0}, {}).defined()) << "no values are not no array";
}

TEST(Array, PartsAndOtherShapesShareTheMemory) {
  Array part;
  {
    const Array array({4, 1, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
    part = array.rows(1, 3);
    EXPECT_EQ(part.data(), array.data() + 2);
    EXPECT_EQ(array.reshaped({2, 4}).data(), array.data());
    EXPECT_THROW(array.reshaped({3, 3}), UsageError);
  }
  EXPECT_EQ(part.shape(), (std::vector<int64_t>{2, 1, 2}));
  EXPECT_THAT(part.values(), ElementsAre(2, 3, 4, 5)) << "also when the whole is gone";
  EXPECT_THAT(part.reshaped({4}).row(3), ElementsAre(5));
}

TEST(Array, KeepsTheOwnerOfBorrowedValues) {
  const auto owner = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2, 3});
  {
    const Array borrowed({3}, owner->data(), owner);
    const Array copy = borrowed.rows(1, 2);
    EXPECT_EQ(owner.use_count(), 3);
    EXPECT_THAT(copy.values(), ElementsAre(2));
  }
  EXPECT_EQ(owner.use_count(), 1);
}

TEST(Matrix, AppendsRowsOfAsManyColumns) {
  Matrix sum;
  sum.append(test::matrix({{1, 2}}));
  sum.append(Matrix(0, 2));
  sum.append(test::matrix({{3, 4}, {5, 6}}));
  EXPECT_TRUE(test::same(sum, test::matrix({{1, 2}, {3, 4}, {5, 6}})));
  EXPECT_THAT(sum.row(2), ElementsAre(5, 6));
  EXPECT_THAT(test::error_of<UsageError>([&] { sum.append(Matrix(1, 3)); }), HasSubstr("has 2 columns"));
}

TEST(Images, PartsBeginAtTheirImage) {
  const std::vector<uint8_t> bytes(3 * 2 * 4 * 3);
  const Images images{3, 2, 4, bytes.data()};
  EXPECT_TRUE(images.bytes());
  EXPECT_EQ(images.values_per_image(), 24);
  const Images part = images.part(1, 3);
  EXPECT_EQ(part.count, 2);
  EXPECT_EQ(std::get<const uint8_t*>(part.pixels), bytes.data() + 24);
  const std::vector<float> floats(24);
  EXPECT_FALSE((Images{1, 2, 4, floats.data()}.bytes()));
}

}  // namespace
}  // namespace assemble
