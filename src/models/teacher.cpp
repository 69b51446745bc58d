// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/teacher.h"

#include <algorithm>

#include "assemble/core/thread_pool.h"
#include "assemble/nn/keep_threads.h"

namespace assemble {
namespace {

constexpr int64_t kImagesPerThread = 4;

}  // namespace

Network make_teacher(const Classifier& model, torch::Device device, Precision precision, int threads) {
  model->eval();  // for good: several threads run it at once
  const Network forward = make_network(model, device, precision);
  if (!device.is_cpu()) return forward;
  const auto pool = std::make_shared<ThreadPool>(threads > 0 ? threads : available_cores());
  return [forward, pool](const Images& images) {
    const KeepThreads keep;
    std::vector<Matrix> parts(static_cast<size_t>((images.count + kImagesPerThread - 1) / kImagesPerThread));
    pool->parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t i) {
      at::set_num_threads(1);  // of the thread that calls it
      const int64_t begin = i * kImagesPerThread;
      parts[static_cast<size_t>(i)] = forward(images.part(begin, std::min(begin + kImagesPerThread, images.count)));
    });
    Matrix logits;
    for (const Matrix& part : parts) logits.append(part);
    return logits;
  };
}

}  // namespace assemble
