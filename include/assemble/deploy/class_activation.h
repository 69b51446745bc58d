// SPDX-License-Identifier: Apache-2.0
// Where in an image a network sees what speaks for a class.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/core/file.h"
#include "assemble/deploy/array.h"
#include "assemble/deploy/foreign_options.h"
#include "assemble/deploy/graph.h"
#include "assemble/deploy/model_file.h"

namespace assemble {

/// How gradients become weights of the last feature map A [C, H, W]; y is the logit of the class.
enum class ActivationMethod {
  /// relu(Σ_c mean_ij(∂y/∂A_cij) · A_cij): Selvaraju et al., arXiv 1610.02391. For networks that pool all places alike.
  kGradCam,
  /// relu(Σ_c ∂y/∂A_cij · A_cij): Draelos & Carin, arXiv 2011.08891. For flattened maps, where each place has weights
  /// of its own, whose mean would say nothing about any. After average pooling it is the same as kGradCam.
  kHiResCam,
};
inline constexpr auto kActivationMethods = choices<ActivationMethod>(
    "method", {{ActivationMethod::kGradCam, "Grad-CAM"}, {ActivationMethod::kHiResCam, "HiResCAM"}});

/// How strongly each place of the last feature map speaks for a class, row by row: at least 0, in units of the logit.
struct ClassActivation {
  int64_t height = 0, width = 0;
  std::vector<float> values;

  /// The place that speaks for it most; nothing when none does.
  std::optional<int64_t> peak() const;
};

/// What a network computed from one image.
struct Activations {
  std::vector<float> map;            ///< the last feature map, [C, H, W]
  std::vector<double> logits;        ///< a value an output
  std::vector<double> first_halves;  ///< of each selective kernel, the mean weight of its first half, in [0, 1]
};

struct MappedModel;

/// Computes networks as far as their last feature map, and the gradients of what follows it: pooling (mean or
/// generalised mean) or flattening, embedding, classifier. They are known in closed form there, so that the network
/// itself is not differentiated. The map is computed by OpenVINO, the gradients in double precision.
class ActivationMapper {
 public:
  /// @param graph as it is traced or stored
  /// @param where it is from, for errors
  /// @throws InputError for a network that ends otherwise, naming what does not fit; UsageError when this build has no
  ///         OpenVINO
  ActivationMapper(const Graph& graph, const std::string& where);
  ~ActivationMapper();
  ActivationMapper(ActivationMapper&&) noexcept;
  ActivationMapper& operator=(ActivationMapper&&) noexcept;

  /// @param image one, as the network takes it
  /// @throws UsageError when it is of another size
  Activations run(const Images& image);
  /// What speaks for an output. @throws UsageError when there is none of that number
  ClassActivation of_class(const Activations& activations, int64_t output) const;

  ActivationMethod method() const;
  /// Names of the selective kernels, in the order of Activations::first_halves: "layer1.0.conv2".
  const std::vector<std::string>& blocks() const;
  int64_t image_size() const;

 private:
  struct Parts;
  explicit ActivationMapper(std::unique_ptr<Parts> parts);
  friend MappedModel open_activation_mapper(const fs::path& model, int64_t image_size,
                                            const ForeignModelOptions& foreign);
  static MappedModel of_onnx(const fs::path& model, int64_t image_size, const ForeignModelOptions& options);

  std::unique_ptr<Parts> parts_;
};

/// A model on disk whose classes can be looked for.
struct MappedModel {
  ModelCard card;
  ActivationMapper mapper;
};

/// Opens a model file, or an .onnx or .xml file as open_engine() does: of this library, in f32 or 8 bits, or of another
/// program. The gradient of what is rounded to 8 bits is that of what is not.
/// @param image_size side of the input, pixels; 0: the model's own
/// @param foreign as EngineOptions has it
/// @throws InputError as ActivationMapper and as read_graph(); UsageError for an .onnx file at another size
MappedModel open_activation_mapper(const fs::path& model, int64_t image_size = 0,
                                   const ForeignModelOptions& foreign = {});

}  // namespace assemble
