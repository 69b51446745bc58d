// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

using Shapes = std::map<std::string, std::vector<int64_t>>;

/// Formats that weights come in.
enum class WeightFormat { kTensorFlow, kSafetensors, kTorch };

/// "TensorFlow checkpoint", "safetensors file", "PyTorch file"
const char* weight_format_name(WeightFormat format);

/// Tensors of a file by the names they have there, read on demand.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual WeightFormat format() const = 0;
  /// The file, for messages.
  const std::string& where() const { return where_; }
  /// Every tensor's shape, as it lies in the file (convolutions of TensorFlow: HWIO).
  const Shapes& shapes() const { return shapes_; }
  /// A floating tensor of any width as f32, an integer one as it is. @throws InputError for other types, or when it is
  /// damaged
  virtual torch::Tensor read(const std::string& name) const = 0;
  /// What was set aside on opening, for the report.
  const std::vector<std::string>& notes() const { return notes_; }

 protected:
  std::string where_;
  Shapes shapes_;
  std::vector<std::string> notes_;
};

/// Opens what a path means, told from the content: a TensorFlow V2 checkpoint (prefix, one of its files or a folder), a
/// safetensors file or the index of several, or a file of torch.save.
///
/// In a PyTorch training checkpoint the state dictionary stands under "state_dict", "model" and the like, the averaged
/// one under "state_dict_ema", "model_ema" …; parts of names that wrappers add ("module.", "_orig_mod.", "model.") are
/// taken off where all names have them, in safetensors as well. Variables of an object checkpoint (tf.train.Checkpoint,
/// Keras) are called by the names in its object graph, see tf_object_names(); what is not the network's is left out.
/// @param averages the averaged weights, where they are stored apart (PyTorch, safetensors)
/// @throws InputError when there is no such file, it is malformed, or is something else, which it says
std::unique_ptr<WeightSource> open_weights(const fs::path& path, bool averages = false);

}  // namespace assemble
