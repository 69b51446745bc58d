// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "assemble/data/frame_loader.h"
#include "assemble/data/loader.h"
#include "assemble/deploy/array.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/loss_type.h"
#include "assemble/deploy/model_file.h"

namespace assemble {

/// Whatever computes logits [N, classes], or embeddings, from images: a deployed network or one of LibTorch.
using Network = std::function<Matrix(const Images& images)>;

/// @param engine lives as long as the network
Network make_network(std::shared_ptr<Engine> engine);

/// What a network's logits mean, and what the network is called in errors.
struct Outputs {
  int64_t classes = 0;
  LossType loss = LossType::kSoftmax;
  std::string network = "the network";
};

/// @param file the model's
Outputs outputs_of(const ModelCard& card, const std::string& file);

/// A class picked from logits that are not finite would mean nothing.
/// @param values logits or embeddings
/// @param network its name, and `name_of` gives that of the image a row belongs to, both for the error
/// @throws RunError naming the first image whose values are not finite
void require_finite(const Matrix& values, const std::string& network,
                    const std::function<std::string(int64_t)>& name_of);

/// The images of a batch, all views of each. Borrows the batch's memory.
Images images_of(const Batch& batch);
/// The frames of a group. Borrows its memory.
Images images_of(const FrameGroup& group);

/// The file or record that row `row` of a network's outputs for a batch was computed from.
const std::string& name_of(const Batch& batch, int64_t row);

/// Classes by their logits, best first; of equal ones the first comes first.
/// @param count of them; fewer when there are not as many
std::vector<int64_t> best_classes(std::span<const float> logits, int64_t count);

}  // namespace assemble
