// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/deploy/class_activation.h"
#include "assemble/eval/mistakes.h"
#include "assemble/eval/predict.h"
#include "assemble/image/evaluation_view.h"

namespace assemble {

/// Where in one image a network sees what speaks for a class; or why that is not known.
struct Explanation {
  struct Point {
    double y, x;
  };

  std::string image;
  std::string error = {};            ///< empty when the image was explained
  Prediction::Class predicted = {};  ///< the most probable class
  Prediction::Class shown = {};      ///< the class that was looked for
  ClassActivation activation = {};
  std::vector<double> first_halves = {};  ///< as Activations'
  ImageSize size = {};                    ///< of the decoded image, which `view` and peak() are pixels of
  EvaluationView view = {};               ///< what the map lies over

  /// The middle of the place that speaks for the class most; nothing when none does.
  std::optional<Point> peak() const;
};

/// An image of at most kPictureSide pixels a side, without and with the map over it.
struct ExplainedPicture {
  static constexpr int kPictureSide = 1024;
  Image image, overlay;
};

struct ExplainOptions {
  /// Output to look for in an image; nothing: its most probable class.
  std::function<std::optional<int64_t>(int64_t image)> class_of = [](int64_t) { return std::optional<int64_t>(); };
  /// Gets each image that was explained, in order. Empty: no pictures are made.
  std::function<void(int64_t image, const ExplainedPicture& picture)> see = {};
};

/// Explains images in order. One that cannot be read, or whose logits are not finite, gets an error.
/// @param names what Explanation::image becomes, and images are called in errors
/// @param read  gives an image, encoded; called from several threads
/// @throws UsageError when ExplainOptions::class_of names an output that there is none of
std::vector<Explanation> explain(MappedModel& model, const std::vector<std::string>& names,
                                 const std::function<Bytes(int64_t)>& read, const ExplainOptions& options);

/// Each mistake as the network saw it, and over it what spoke for the class that it was taken for.
/// @param preprocessing of the images
/// @param output_of     the network's output of a class that mistakes name
std::vector<Image> mistake_overlays(ActivationMapper& mapper, const std::vector<Mistake>& mistakes,
                                    const Preprocessing& preprocessing,
                                    const std::function<int64_t(int64_t label)>& output_of);

/// A selective kernel, and the mean weight of its first half over the images that were explained.
struct HalfWeight {
  std::string block;
  double first = 0;  ///< that of the second half is what is missing to 1
};
std::vector<HalfWeight> half_weights(const std::vector<std::string>& blocks,
                                     const std::vector<Explanation>& explanations);

/// @param mapper that the explanations are of
nlohmann::ordered_json explanations_to_json(const std::vector<Explanation>& explanations,
                                            const ActivationMapper& mapper);
std::string explanations_to_table(const std::vector<Explanation>& explanations, const ActivationMapper& mapper);

}  // namespace assemble
