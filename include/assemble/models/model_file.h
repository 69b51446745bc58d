// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/deploy/model_file.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// The graph of a network in evaluation mode. @throws UsageError as assemble/trace/trace.h says
Graph trace(ClassifierImpl& model, int64_t image_size);

/// Writes weights, card and traced graph as one safetensors file (f32, OIHW; names of ClassifierImpl::named_state). A
/// network that cannot be traced is written without a graph, which is a warning: only the half with LibTorch runs it.
/// @param card its arch and cosine_scale are replaced by the model's, whose classifier must be that of its loss
/// @throws RunError when it cannot be written, and when a weight is not finite: what is there stays
void save_model(const fs::path& path, ClassifierImpl& model, const ModelCard& card);

/// Whether a path is that of a model file, told from its content.
bool is_model_file(const fs::path& path);

/// Builds the network that the file describes and loads its weights; it is in evaluation mode.
/// @throws InputError for missing, unexpected or mis-shaped names (all listed), and for values that are not finite
Classifier load_model(const fs::path& path, ModelCard* card = nullptr);

/// The arch in the card of a file. @throws InputError when it is none, or its classifier, width or embedding are not
/// those of the file's weights
Arch arch_of(const SafetensorsFile& file, const ModelCard& card);

}  // namespace assemble
