// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/network.h"

#include <algorithm>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"

namespace assemble {

Network make_network(std::shared_ptr<Engine> engine) {
  return [engine = std::move(engine)](const Images& images) { return engine->run(images); };
}

Outputs outputs_of(const ModelCard& card, const std::string& file) { return {card.classes(), card.loss, file}; }

void require_finite(const Matrix& values, const std::string& network,
                    const std::function<std::string(int64_t)>& name_of) {
  for (int64_t row = 0; row < values.rows; ++row) {
    if (all_finite(values.row(row))) continue;
    throw RunError(network, concat("its outputs for ", name_of(row), " are not finite"),
                   "the training diverged or was too short for its batch norms, or the file is damaged");
  }
}

Images images_of(const Batch& batch) { return {batch.size * batch.views, batch.side, batch.side, batch.images.data()}; }

Images images_of(const FrameGroup& group) { return {group.frames, group.side, group.side, group.images.data()}; }

const std::string& name_of(const Batch& batch, int64_t row) {
  return batch.names[static_cast<size_t>(row / batch.views)];
}

std::vector<int64_t> best_classes(std::span<const float> logits, int64_t count) {
  std::vector<int64_t> classes(logits.size());
  std::iota(classes.begin(), classes.end(), 0);
  const auto end = classes.begin() + std::min<int64_t>(count, static_cast<int64_t>(classes.size()));
  std::partial_sort(classes.begin(), end, classes.end(), [&](int64_t a, int64_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  classes.erase(end, classes.end());
  return classes;
}

}  // namespace assemble
