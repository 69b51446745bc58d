// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/step_recorder.h"

#include <array>

#include "assemble/core/log.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

std::array<torch::Tensor*, 3> parts_of(LabelledBatch& batch) {
  return {&batch.images, &batch.labels, &batch.teacher_labels};
}

}  // namespace

torch::Tensor StepRecorder::operator()(const LabelledBatch& batch) {
  if (!record_) return step_(batch);
  if (!kept_.images.defined() || kept_.images.sizes() != batch.images.sizes()) {
    recorded_.reset();
    kept_ = batch;
    called_ = 0;
  }
  if (called_ < called_first_) {
    ++called_;
    return step_(batch);
  }
  if (!recorded_ && !record(batch)) return step_(batch);
  LabelledBatch given = batch;
  const auto from = parts_of(given), into = parts_of(kept_);
  for (size_t i = 0; i < into.size(); ++i) {
    if (into[i]->defined()) into[i]->copy_(*from[i], /*non_blocking=*/true);
  }
  recorded_->replay();
  return result_;
}

bool StepRecorder::record(const LabelledBatch& batch) {
  kept_ = batch;
  for (torch::Tensor* part : parts_of(kept_)) {
    if (part->defined()) *part = part->clone();
  }
  try {
    recorded_ = record_([this] { result_ = step_(kept_); });
    return true;
  } catch (const std::exception& error) {
    log_warning(concat("training steps are not recorded as a CUDA graph, and are slower: ", error.what()));
    record_ = nullptr;
    return false;
  }
}

}  // namespace assemble
