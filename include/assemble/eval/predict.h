// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/eval/network.h"
#include "assemble/models/model_file.h"

namespace assemble {

/// The most probable classes of one image, best first; or why it could not be read.
struct Prediction {
  struct Class {
    int64_t label;
    std::string name;
    double probability;  ///< in [0, 1]
  };
  std::string image;
  std::vector<Class> classes;
  std::string error;  ///< empty when the image was classified
};

struct PredictOptions {
  int64_t top = 5;
  int64_t batch_size = 16;
};

/// Classifies files in order. An unreadable image gets an error instead of classes. Probabilities are the softmax of
/// the logits, or their sigmoid when the model was trained with the sigmoid loss.
std::vector<Prediction> predict(const Network& network, const ModelCard& card, const std::vector<fs::path>& files,
                                const PredictOptions& options);

nlohmann::ordered_json predictions_to_json(const std::vector<Prediction>& predictions);
/// A line a class: image,rank,label,class,probability,error (RFC 4180).
std::string predictions_to_csv(const std::vector<Prediction>& predictions);
std::string predictions_to_table(const std::vector<Prediction>& predictions);

}  // namespace assemble
