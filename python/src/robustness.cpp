// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cmath>

#include "arrays.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/image/corruptions.h"
#include "assemble/image/perturbations.h"
#include "binding.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace assemble::python {

namespace {

using CorruptionErrors = std::map<std::string, std::vector<double>>;

double require_share(double value, const std::string& where) {
  if (value >= 0 && value <= 1) return value;
  throw UsageError(where, concat("is ", value, ", expected a share in [0, 1]"));
}

CorruptionResults to_results(const CorruptionErrors& errors, std::optional<double> clean) {
  CorruptionResults results;
  if (clean) results.clean = CorruptionResult{1, require_share(*clean, "`clean_error`"), 0};
  for (const auto& [name, severities] : errors) {
    check_corruption(name);
    if (severities.size() != kCorruptionSeverities) {
      throw UsageError(
          name, concat(severities.size(), " errors, expected one for each of ", kCorruptionSeverities, " severities"));
    }
    for (size_t i = 0; i < severities.size(); ++i) {
      results.corruptions[name][static_cast<int>(i) + 1] = {1, require_share(severities[i], "error under " + name), 0};
    }
  }
  return results;
}

CorruptionScores corruption_scores(const CorruptionErrors& errors, std::optional<double> clean_error,
                                   const std::optional<CorruptionErrors>& baseline,
                                   std::optional<double> baseline_clean_error) {
  const CorruptionResults results = to_results(errors, clean_error);
  if (!baseline) return score_corruptions(results, alexnet_corruption_baseline());
  return score_corruptions(results, baseline_of(to_results(*baseline, baseline_clean_error), "baseline"));
}

PerturbationResults to_results(const std::map<std::string, double>& flips, const std::map<std::string, double>& t5d) {
  PerturbationResults results;
  for (const auto& [kind, share] : flips) {
    check_perturbation(kind);
    results[kind].flip_probability = require_share(share, "flip probability of " + kind);
  }
  for (const auto& [kind, distance] : t5d) {
    if (!results.contains(kind)) throw UsageError(kind, "has a top-5 distance but no flip probability");
    if (!(distance >= 0 && std::isfinite(distance))) {
      throw UsageError("top-5 distance of " + kind, concat("is ", distance, ", expected 0 or more"));
    }
    results[kind].top5_distance = distance;
  }
  return results;
}

Matrix to_frames(nb::handle logits) {
  Matrix frames = to_matrix(logits, "logits");
  if (frames.rows < 2) throw UsageError("`logits`", concat(frames.rows, " frames, expected at least two"));
  return frames;
}

void bind_corruption_scores(nb::module_& module) {
  using Scores = CorruptionScores;
  nb::class_<Scores>(
      module, "CorruptionScores",
      "What score_corruptions() gives, in percent; None where a corruption that a mean is over is missing.")
      .def_ro("ce", &Scores::ce)
      .def_ro("relative_ce", &Scores::relative_ce)
      .def_ro("mce_15", &Scores::mce_15, "Over the official corruptions.")
      .def_ro("mce_19", &Scores::mce_19)
      .def_ro("relative_15", &Scores::relative_15)
      .def_ro("relative_19", &Scores::relative_19)
      .def_ro("unnormalised_15", &Scores::unnormalised_15, "Mean error.")
      .def_ro("unnormalised_19", &Scores::unnormalised_19)
      .def_ro("unnormalised_c_bar", &Scores::unnormalised_c_bar)
      .def("__repr__", [](const Scores& self) {
        return nb::str("<assemble.CorruptionScores mce_15={} mce_19={}>").format(self.mce_15, self.mce_19);
      });
  module.def("score_corruptions", &corruption_scores, "errors"_a, "clean_error"_a = nb::none(), nb::kw_only(),
             "baseline"_a = nb::none(), "baseline_clean_error"_a = nb::none(),
             "mCE and its relatives from top-1 errors.\n\n"
             "errors: of each corruption those at severities 1 … 5, shares in [0, 1].\n"
             "clean_error: without corruption, which relative CE needs.\n"
             "baseline: errors of a network to divide by; None: AlexNet's published ones.");
}

}  // namespace

void bind_robustness(nb::module_& module) {
  bind_corruption_scores(module);
  using Scores = PerturbationScores;
  nb::class_<Scores>(module, "PerturbationScores", "What score_perturbations() gives, in percent.")
      .def_ro("flip_rates", &Scores::flip_rates)
      .def_ro("mfr", &Scores::mfr)
      .def_ro("unnormalised_fr", &Scores::unnormalised_fr)
      .def_ro("unnormalised_t5d", &Scores::unnormalised_t5d)
      .def("__repr__",
           [](const Scores& self) { return nb::str("<assemble.PerturbationScores mfr={}>").format(self.mfr); });
  module.def(
      "score_perturbations",
      [](const std::map<std::string, double>& flips, const std::map<std::string, double>& distances) {
        return score_perturbations(to_results(flips, distances), alexnet_perturbation_baseline());
      },
      "flip_probabilities"_a, "top5_distances"_a = std::map<std::string, double>{},
      "mFR over AlexNet's published flip probabilities, from those of each kind: means of flip_share().");
  module.def(
      "flip_share", [](nb::handle logits, bool to_first) { return flip_share(to_frames(logits), to_first); },
      "logits"_a.none(), "to_first"_a = false,
      nb::sig("def flip_share(logits: numpy.typing.ArrayLike, to_first: bool = False) -> float"),
      "Share of a sequence's frames whose class differs from that of the frame before (of the first one for "
      "noises).\n\nlogits: [frames, classes].");
  module.def(
      "top5_distance", [](nb::handle logits, bool to_first) { return top5_distance(to_frames(logits), to_first); },
      "logits"_a.none(), "to_first"_a = false,
      nb::sig("def top5_distance(logits: numpy.typing.ArrayLike, to_first: bool = False) -> float"),
      "Mean distance between the first five classes of frames.");
  module.def(
      "compares_to_first_frame",
      [](const std::string& name) {
        check_perturbation(name);
        return compares_to_first_frame(name);
      },
      "name"_a, "Whether flip_share() of such sequences takes to_first=True.");
}

}  // namespace assemble::python
