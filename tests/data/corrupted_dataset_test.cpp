// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupted_dataset.h"

#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"
#include "drawn_data.h"

namespace assemble {
namespace {

TEST(CorruptedDataset, SamplesAreTheStoredFiles) {
  const test::TemporaryFolder folder;
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  CorruptSetOptions options;
  options.corruptions = {"shot_noise"};
  options.severities = {2, 5};
  options.resize = 28;
  options.crop = 24;
  corrupt_dataset(*dataset, folder / "c", options);
  const CorruptedDataset made(*dataset, "shot_noise", options);
  ASSERT_EQ(made.size(), 2 * dataset->size());
  for (size_t s = 0; s < 2; ++s) {
    const ImageFolder stored(folder / "c/shot_noise" / std::to_string(options.severities[s]));
    for (int64_t i = 0; i < stored.size(); ++i) {
      const int64_t sample = 2 * i + static_cast<int64_t>(s);
      ASSERT_EQ(made.read(sample).encoded, stored.read(i).encoded) << i;
      ASSERT_EQ(made.read(sample).label, stored.read(i).label);
      ASSERT_EQ(made.label(sample), stored.label(i));
    }
  }
}

TEST(CorruptedDataset, RefusesUnknownNames) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  EXPECT_THROW(CorruptedDataset(*dataset, "rain", {}), UsageError);
  CorruptSetOptions options;
  options.severities = {6};
  EXPECT_THROW(CorruptedDataset(*dataset, "fog", options), UsageError);
  options.severities = {};
  EXPECT_THROW(CorruptedDataset(*dataset, "fog", options), UsageError);
}

}  // namespace
}  // namespace assemble
