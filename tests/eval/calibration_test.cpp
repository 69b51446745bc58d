// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/calibration.h"

#include <gtest/gtest.h>

#include <limits>

#include "assemble/core/error.h"

namespace assemble {
namespace {

TEST(Calibration, RefusesWhatIsNoProbability) {
  CalibrationMeter meter;
  EXPECT_THROW(meter.add(std::numeric_limits<double>::quiet_NaN(), true), UsageError);
  EXPECT_EQ(meter.error(), 0);
}

TEST(Calibration, NothingAddedIsNoError) { EXPECT_DOUBLE_EQ(CalibrationMeter().error(), 0); }

TEST(Calibration, IsTheWeightedGapOfConfidenceAndAccuracy) {
  CalibrationMeter meter;
  meter.add(0.95, true);
  meter.add(0.91, false);
  meter.add(0.55, true);
  // Bin 0.9 … 1: |1 - 1.86| = 0.86; bin 0.5 … 0.6: |1 - 0.55| = 0.45; over three images.
  EXPECT_NEAR(meter.error(), (0.86 + 0.45) / 3, 1e-12);
}

TEST(Calibration, ABorderBelongsToTheBinBelow) {
  CalibrationMeter meter;
  meter.add(0.5, true);
  meter.add(0.0, false);
  meter.add(1.0, true);
  EXPECT_EQ(meter.bins()[4].count, 1);
  EXPECT_EQ(meter.bins()[0].count, 1);
  EXPECT_EQ(meter.bins()[9].count, 1);
}

}  // namespace
}  // namespace assemble
