// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/data/dataset.h"
#include "assemble/image/preprocess.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// What a model file says of itself beside the weights.
struct ModelCard {
  Arch arch;
  std::vector<std::string> class_names;
  Preprocessing preprocessing;
  std::string loss = "softmax";                 ///< "softmax" or "sigmoid": how logits become probabilities
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
/// The card as metadata: arch, class_names, preprocessing, loss, training. @throws InputError for names not in UTF-8
Metadata to_metadata(const ModelCard& card);
/// And back. @param where the file, `hint` what to give instead, both for errors
/// @throws InputError for a key that is missing or cannot be read
ModelCard card_from_metadata(const Metadata& metadata, const std::string& where, const std::string& hint);
/// The value of a key. @throws InputError when it is missing; arguments as above
const std::string& require_metadata(const Metadata& metadata, const std::string& key, const std::string& where,
                                    const std::string& hint);

/// Writes weights and card as one safetensors file (f32, OIHW; names of ClassifierImpl::named_state).
/// @throws RunError when it cannot be written, and when a weight is not finite: what is there stays
void save_model(const fs::path& path, const ClassifierImpl& model, const ModelCard& card);

/// Reads the card alone. @throws InputError when the file is no model file of this library
ModelCard read_model_card(const fs::path& path);

/// Builds the network that the file describes and loads its weights; it is in evaluation mode.
/// @throws InputError for missing, unexpected or mis-shaped names (all listed), and for values that are not finite
Classifier load_model(const fs::path& path, ModelCard* card = nullptr);

/// Checks that a data set has the classes of a model, in their order.
/// @param model the model's file and `where` the data set's place, named in errors
/// @throws InputError saying which class differs
void require_classes(const ModelCard& card, const std::string& model, const Dataset& dataset, const std::string& where);

/// Copies weights of a model file into a network of another class count: everything but the classifier.
/// @return names left at their initial values
/// @throws InputError when the arch differs, with both arch strings
std::vector<std::string> load_backbone(const fs::path& path, ClassifierImpl& model);

}  // namespace assemble
