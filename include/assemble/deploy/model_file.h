// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/data/dataset.h"
#include "assemble/deploy/graph.h"
#include "assemble/deploy/loss_type.h"
#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"

namespace assemble {

/// What a model file says of itself beside the weights and the graph.
struct ModelCard {
  std::string arch;  ///< the network's, as Arch::str() writes it
  std::vector<std::string> class_names;
  Preprocessing preprocessing;
  LossType loss = LossType::kSoftmax;           ///< how logits become probabilities
  double cosine_scale = 0;                      ///< s of logits s · cos θ; 0 where the loss is not is_cosine()
  std::map<std::string, std::string> training;  ///< how it was trained: free keys, for people

  int64_t classes() const { return static_cast<int64_t>(class_names.size()); }
};

/// What the initial values of batch norms (mean 0, variance 1) still weigh in their running statistics, in [0, 1): as
/// training noted it in the card, else 0.
double initial_statistics(const ModelCard& card);
/// Notes it in the card, key "initial_statistics"; a share that is next to nothing is left out.
void note_initial_statistics(ModelCard& card, double share);

/// Metadata of a file that holds a network: a model file's, or an exported ONNX file's.
using Metadata = std::map<std::string, std::string>;
/// The card as metadata: arch, class_names, preprocessing, loss, cosine_scale where it is above 0, training. @throws
/// InputError for names not in UTF-8
Metadata to_metadata(const ModelCard& card);
/// And back. @param where the file, `hint` what to give instead, both for errors
/// @throws InputError for a key that is missing or cannot be read
ModelCard card_from_metadata(const Metadata& metadata, const std::string& where, const std::string& hint);
/// The value of a key. @throws InputError when it is missing; arguments as above
const std::string& require_metadata(const Metadata& metadata, const std::string& key, const std::string& where,
                                    const std::string& hint);
/// @param outputs of the network whose card it is, `where` the file
/// @throws InputError when the card names more or fewer classes
void require_class_names(const ModelCard& card, int64_t outputs, const std::string& where);
/// What marks a model file.
Metadata model_file_format();

/// The card of an open file. @throws InputError when the file is no model file of this library
ModelCard read_model_card(const SafetensorsFile& file);
ModelCard read_model_card(const fs::path& path);

/// The traced graph that a model file carries beside its weights, for images of a size.
/// @param image_size side, pixels
/// @throws InputError when the file is damaged or its class names are not as many as the outputs, UsageError for a size
/// that the network does not take. NeedsTorch for a
///         file of an earlier version, which has no graph, and for a size that this network's graph is not for; where
///         the half with LibTorch is linked, it traces the network itself
Graph read_graph(const SafetensorsFile& file, int64_t image_size);
Graph read_graph(const fs::path& path, int64_t image_size);
/// Multiply-adds of that graph for one image. The weights are not read. @throws as read_graph()
int64_t read_multiply_adds(const fs::path& path, int64_t image_size);

}  // namespace assemble
