// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/visual_recorder.h"

#include <algorithm>

#include "assemble/core/text.h"
#include "assemble/data/seen_image.h"
#include "assemble/image/encode.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

std::vector<float> values_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

}  // namespace

void VisualRecorder::on_evaluation(Trainer& trainer, const EvaluationReport&) {
  const TrainOptions& options = trainer.options();
  const int64_t step = trainer.state().step;
  const Batch& batch = trainer.batch();
  for (int64_t i = 0; i < std::min(options.log_images, batch.size); ++i) {
    const Image image = seen_image(batch, i, options.preprocessing);
    folder_.events().add_image(step, concat("train/image/", i), encode_png(image), image.width, image.height);
  }
  if (!options.log_histograms) return;
  for (const auto& parameter : trainer.model().named_parameters()) {
    folder_.events().add_histogram(step, "weights/" + parameter.key(), values_of(parameter.value()));
  }
}

}  // namespace assemble
