// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/mixup.h"

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {
namespace {

torch::Tensor blend(const torch::Tensor& first, const torch::Tensor& second, const torch::Tensor& lambdas) {
  std::vector<int64_t> shape(static_cast<size_t>(first.dim()), 1);
  shape[0] = lambdas.size(0);
  return second.lerp(first, lambdas.view(shape).to(first.device()));
}

torch::Tensor mix_tensor(const torch::Tensor& whole, MixupType type, const torch::Tensor& lambdas) {
  if (!whole.defined()) return whole;
  if (type == MixupType::kReversed) return blend(whole, whole.flip(0), lambdas);
  const int64_t half = whole.size(0) / 2;
  const torch::Tensor first = whole.narrow(0, 0, half);
  const torch::Tensor second = whole.narrow(0, half, half);
  const torch::Tensor mixed = blend(first, second, lambdas.narrow(0, 0, half));
  if (type == MixupType::kHalves) return mixed;
  return torch::cat({mixed, blend(first, second.flip(0), lambdas.narrow(0, half, half))});
}

}  // namespace

void require_pairs(MixupType type, int64_t images) {
  const bool by_halves = type == MixupType::kHalves || type == MixupType::kKeepBatch;
  if (!by_halves || images % 2 == 0) return;
  throw UsageError("mixup", concat("needs an even number of images, the batch has ", images),
                   "use an even `batch_size`");
}

LabelledBatch mix(const LabelledBatch& batch, MixupType type, const torch::Tensor& lambdas) {
  if (type == MixupType::kOff) return batch;
  require_pairs(type, batch.images.size(0));
  return {mix_tensor(batch.images, type, lambdas), mix_tensor(batch.labels, type, lambdas),
          mix_tensor(batch.teacher_labels, type, lambdas)};
}

torch::Tensor draw_lambdas(MixupType type, int64_t images, double alpha, Random& random) {
  const int64_t count = type == MixupType::kHalves ? images / 2 : images;
  torch::Tensor lambdas = torch::empty({count});
  float* values = lambdas.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    const double lambda = random.beta(alpha, alpha);
    values[i] = static_cast<float>(type == MixupType::kReversed ? std::max(lambda, 1 - lambda) : lambda);
  }
  return lambdas;
}

}  // namespace assemble
