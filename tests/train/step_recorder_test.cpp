// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/step_recorder.h"

#include <gmock/gmock.h>

#include <stdexcept>

namespace assemble {
namespace {

/// Stands for a device's recording: notes the work, and does it when it is replayed.
class Noted : public RecordedWork {
 public:
  Noted(std::function<void()> work, int& replays) : work_(std::move(work)), replays_(replays) {}
  void replay() override {
    ++replays_;
    work_();
  }

 private:
  std::function<void()> work_;
  int& replays_;
};

LabelledBatch batch_of(float value, int64_t side = 4) {
  return {torch::full({2, 3, side, side}, value), torch::full({2, 5}, value), {}};
}

/// Sums what it is given, and counts how often it is called.
struct Counted {
  int calls = 0;
  std::vector<const void*> seen = {};

  torch::Tensor operator()(const LabelledBatch& batch) {
    ++calls;
    seen.push_back(batch.images.data_ptr());
    return batch.images.mean() + 100 * batch.labels.mean();
  }
};

TEST(StepRecorder, ReplaysFromTheFourthStepOfASizeOnWithTheStepsOwnBatch) {
  Counted step;
  int recordings = 0, replays = 0;
  StepRecorder recorder([&](const LabelledBatch& batch) { return step(batch); },
                        [&](const std::function<void()>& work) {
                          ++recordings;
                          return std::make_unique<Noted>(work, replays);
                        });
  for (int i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(recorder(batch_of(static_cast<float>(i))).item<float>(), 101 * static_cast<float>(i)) << i;
    EXPECT_EQ(recorder.has_recorded(), i >= 3) << i;
  }
  EXPECT_EQ(recordings, 1);
  EXPECT_EQ(replays, 5);
  for (size_t i = 4; i < 8; ++i) EXPECT_EQ(step.seen[i], step.seen[3]) << "the memory that was recorded";
  EXPECT_FLOAT_EQ(recorder(batch_of(7, 8)).item<float>(), 707) << "another size";
  EXPECT_FALSE(recorder.has_recorded());
  for (int i = 0; i < 4; ++i) recorder(batch_of(1, 8));
  EXPECT_EQ(recordings, 2);
}

TEST(StepRecorder, CallsAsManyStepsFirstAsItIsTold) {
  Counted step;
  int replays = 0;
  StepRecorder recorder([&](const LabelledBatch& batch) { return step(batch); },
                        [&](const std::function<void()>& work) { return std::make_unique<Noted>(work, replays); }, 11);
  for (int i = 0; i < 13; ++i) {
    recorder(batch_of(1));
    EXPECT_EQ(recorder.has_recorded(), i >= 11) << i;
  }
}

TEST(StepRecorder, GoesOnWhereStepsCannotBeRecorded) {
  Counted step;
  int attempts = 0;
  StepRecorder recorder([&](const LabelledBatch& batch) { return step(batch); },
                        [&](const std::function<void()>&) -> std::unique_ptr<RecordedWork> {
                          ++attempts;
                          throw std::runtime_error("operation not permitted when stream is capturing");
                        });
  testing::internal::CaptureStderr();
  for (int i = 0; i < 6; ++i) {
    EXPECT_FLOAT_EQ(recorder(batch_of(static_cast<float>(i))).item<float>(), 101 * static_cast<float>(i));
  }
  EXPECT_EQ(step.calls, 6);
  EXPECT_EQ(attempts, 1) << "once is enough";
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("stream is capturing"));
}

}  // namespace
}  // namespace assemble
