// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/deploy/engine.h"
#include "assemble/image/preprocess.h"

namespace assemble {

struct OnlineTeacherOptions {
  fs::path model;                         ///< as open_engine() takes it; a model file on LibTorch
  std::optional<EngineKind> engine = {};  ///< nothing: LibTorch for a model file on a GPU, else OpenVINO
  Precision precision = Precision::kF32;
  torch::Device device = torch::kCPU;  ///< of the student; the engine openvino computes on the CPU for any
  int64_t batch = 32;                  ///< images of a call
};

/// A teacher that looks at the very images that its student is trained on: after augmentation and mixup. Where it wants
/// other pixels, the student's are turned into them: the student's mean and deviation are undone and the teacher's
/// applied, and another size is resized to with antialiasing (PIL's bilinear). It has no state, so that a run that goes
/// on from a checkpoint sees the same answers.
class OnlineTeacher {
 public:
  /// Says in the log what computes it, and what is done to the images.
  /// @param student how the student's images are made
  /// @param class_names the student's, and `where` they are from, for errors
  /// @throws InputError when its classes do not meet the student's (see ClassPairing); what open_engine() and
  ///         load_model() throw
  OnlineTeacher(const OnlineTeacherOptions& options, const Preprocessing& student,
                const std::vector<std::string>& class_names, const std::string& where);

  /// @param images [N, 3, S, S] as the student takes them, on any device
  /// @return logits [N, classes] in f32, on the same device, without a gradient
  /// @throws RunError when they are not finite
  torch::Tensor operator()(const torch::Tensor& images);

 private:
  void open();
  torch::Tensor own_pixels(const torch::Tensor& images) const;
  std::string changes(const Preprocessing& student) const;

  OnlineTeacherOptions options_;
  ModelCard card_;
  std::string description_;
  std::function<torch::Tensor(const torch::Tensor& images)> forward_;
  torch::Tensor scale_, shift_;  ///< [1, 3, 1, 1], from the student's values to the teacher's; none: they are equal
  torch::Tensor order_;          ///< output of each of the student's classes, -1: none; none: they are equal
  bool has_looked_ = false;
};

}  // namespace assemble
