// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/thread_pool.h"
#include "assemble/deploy/model_file.h"
#include "assemble/eval/ensemble.h"
#include "assemble/eval/network.h"

namespace assemble {

/// The most probable classes of one image, best first; or why it could not be classified.
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
  TestViews views = TestViews::kOne;  ///< whose probabilities are averaged
};

/// Writes what the network sees of one image, eval_size² · 3 floats, HWC, for each view one after the other.
/// @throws InputError when it cannot be read
using PrepareImage = std::function<void(int64_t image, std::span<float> input)>;

/// A network's outputs for some images.
struct BatchOutputs {
  Matrix values;                    ///< a row an image and view; nothing when no image can be read
  std::vector<std::string> errors;  ///< for each image: why its rows mean nothing; empty when they do
};

/// Reads and prepares images, and runs a network on them. Outputs that are not finite are an error of their image.
/// @param network not called when no image can be read
/// @param prepare called for images 0 … count - 1, several at a time
BatchOutputs run_batch(const Network& network, const Preprocessing& preprocessing, int64_t count,
                       const PrepareImage& prepare, ThreadPool& pool, int64_t views = 1);

/// Classifies images from anywhere; predict() does it for files. Prediction::image stays empty.
/// @param network,prepare as run_batch()'s
std::vector<Prediction> classify_batch(const Network& network, const ModelCard& card, int64_t count,
                                       const PrepareImage& prepare, int64_t top, ThreadPool& pool);

/// Classifies files in order. An image that cannot be read, or whose logits are not finite, gets an error instead of
/// classes. Probabilities are to_probabilities() of the logits.
std::vector<Prediction> predict(const Network& network, const ModelCard& card, const std::vector<fs::path>& files,
                                const PredictOptions& options);

/// The same for images from elsewhere.
/// @param names what Prediction::image becomes, and images are called in errors
/// @param read  gives an image, encoded; called from several threads
std::vector<Prediction> predict(const Network& network, const ModelCard& card, const std::vector<std::string>& names,
                                const std::function<Bytes(int64_t)>& read, const PredictOptions& options);

/// The same by networks whose probabilities are averaged.
/// @param members     one or more
/// @param class_names of all of them
std::vector<Prediction> predict(const std::vector<EnsembleMember>& members, const std::vector<std::string>& class_names,
                                const std::vector<std::string>& names, const std::function<Bytes(int64_t)>& read,
                                const PredictOptions& options);

nlohmann::ordered_json predictions_to_json(const std::vector<Prediction>& predictions);
/// A line a class: image,rank,label,class,probability,error (RFC 4180).
std::string predictions_to_csv(const std::vector<Prediction>& predictions);
std::string predictions_to_table(const std::vector<Prediction>& predictions);

}  // namespace assemble
