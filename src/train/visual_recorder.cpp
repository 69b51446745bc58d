// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/visual_recorder.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

/// The pixels before mean and deviation were taken off.
Image visible(const Batch& batch, int64_t index, const Preprocessing& preprocessing) {
  Image image = Image::create(static_cast<int>(batch.side), static_cast<int>(batch.side));
  const size_t size = image.pixels.size();
  const float* pixels = batch.images.data() + static_cast<size_t>(index * batch.views) * size;
  for (size_t i = 0; i < size; ++i) {
    const size_t channel = i % Image::kChannels;
    const float value = pixels[i] * preprocessing.deviation[channel] + preprocessing.mean[channel];
    image.pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.f, 255.f)));
  }
  return image;
}

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
    const Image image = visible(batch, i, options.preprocessing);
    folder_.events().add_image(step, concat("train/image/", i), encode_png(image), image.width, image.height);
  }
  if (!options.log_histograms) return;
  for (const auto& parameter : trainer.model().named_parameters()) {
    folder_.events().add_histogram(step, "weights/" + parameter.key(), values_of(parameter.value()));
  }
}

}  // namespace assemble
