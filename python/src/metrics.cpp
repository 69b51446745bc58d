// SPDX-License-Identifier: Apache-2.0
// Measures of plain arrays: whose network made them does not matter.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"
#include "assemble/core/finite.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/paired_answers.h"
#include "assemble/eval/retrieval.h"
#include "assemble/eval/temperature.h"
#include "binding.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace assemble::python {

namespace {

void require_images(const Matrix& matrix, const char* argument) {
  if (matrix.rows == 0) throw UsageError(concat("`", argument, "`"), "holds no images");
}

void require_finite_values(const Matrix& matrix, const char* argument) {
  if (!all_finite(matrix.values)) throw UsageError(concat("`", argument, "`"), "holds NaN or infinity");
}

struct Labelled {
  Matrix logits;
  std::vector<int64_t> labels;
  LossType loss;
};

Labelled to_labelled(nb::handle logits, nb::handle labels, const std::string& loss) {
  Labelled images{to_matrix(logits, "logits"), {}, parse_loss_type(loss)};
  require_images(images.logits, "logits");
  images.labels = to_labels(labels, "labels", images.logits.columns);
  require_as_many(images.logits, images.labels.size());
  return images;
}

NumpyArray<int64_t> to_table(const std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> values;
  for (const std::vector<int64_t>& row : rows) values.insert(values.end(), row.begin(), row.end());
  return to_numpy<int64_t>(std::move(values), {rows.size(), rows.size()});
}

ClassificationResult measure_classification(nb::handle logits, nb::handle labels, const std::string& loss) {
  const Labelled images = to_labelled(logits, labels, loss);
  const nb::gil_scoped_release release;
  ClassificationMeter meter(images.logits.columns, images.loss);
  meter.add(images.logits, images.labels);
  return meter.result();
}

double calibration_error(nb::handle confidences, nb::handle correct, int bins) {
  if (bins < 1 || bins > 1'000'000) throw UsageError("`bins`", concat("is ", bins, ", expected 1 … 1000000"));
  const std::vector<double> shares = to_numbers(confidences, "confidences");
  const std::vector<uint8_t> right = to_flags(correct, "correct");
  if (shares.size() != right.size()) {
    throw UsageError("`correct`", concat(right.size(), " of them for ", shares.size(), " confidences"));
  }
  CalibrationMeter meter(bins);
  for (size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] >= 0 && shares[i] <= 1)) {
      throw UsageError("`confidences`", concat("the one at ", i, " is ", shares[i], ", expected 0 … 1"));
    }
    meter.add(shares[i], right[i] != 0);
  }
  return meter.error();
}

double best_temperature(nb::handle logits, nb::handle labels, const std::string& loss) {
  const Labelled images = to_labelled(logits, labels, loss);
  require_finite_values(images.logits, "logits");
  const nb::gil_scoped_release release;
  return fit_temperature(images.logits, images.labels, images.loss);
}

RetrievalResult retrieval(nb::handle embeddings, nb::handle labels, const std::vector<int64_t>& recall_at,
                          const std::string& similarity) {
  EmbeddedImages images{to_matrix(embeddings, "embeddings"), {}};
  require_images(images.embeddings, "embeddings");
  images.labels = to_labels(labels, "labels", std::numeric_limits<int64_t>::max());
  require_as_many(images.embeddings, images.labels.size());
  const Similarity how = parse_similarity(similarity);
  const nb::gil_scoped_release release;
  return measure_retrieval(images, how, recall_at);
}

void bind_classification(nb::module_& module) {
  using Result = ClassificationResult;
  nb::class_<Result>(module, "ClassificationResult", "What measure_classification() gives; shares are in [0, 1].")
      .def_ro("images", &Result::images)
      .def_ro("top1", &Result::top1)
      .def_ro("top5", &Result::top5)
      .def_ro("ece", &Result::ece, "Expected calibration error over 10 bins.")
      .def_ro("loss", &Result::loss, "Mean over the images.")
      .def_prop_ro("balanced_accuracy", &Result::balanced_accuracy)
      .def_prop_ro("macro_f1", &Result::macro_f1)
      .def_prop_ro(
          "confusion", [](const Result& self) { return to_table(self.confusion); }, nb::rv_policy::move,
          "[true, predicted].")
      .def("__repr__", [](const Result& self) {
        return nb::str("<assemble.ClassificationResult images={} top1={:.4f} top5={:.4f} ece={:.4f} loss={:.4f}>")
            .format(self.images, self.top1, self.top5, self.ece, self.loss);
      });
  module.def("measure_classification", &measure_classification, "logits"_a.none(), "labels"_a.none(),
             "loss"_a = "softmax",
             nb::sig("def measure_classification(logits: numpy.typing.ArrayLike, labels: numpy.typing.ArrayLike, "
                     "loss: str = 'softmax') -> ClassificationResult"),
             "Accuracy and calibration of logits [N, classes].\n\n"
             "loss: how they become probabilities, as Model.loss has it.");
  module.def("calibration_error", &calibration_error, "confidences"_a.none(), "correct"_a.none(), "bins"_a = 10,
             nb::sig("def calibration_error(confidences: numpy.typing.ArrayLike, correct: numpy.typing.ArrayLike, "
                     "bins: int = 10) -> float"),
             "Expected calibration error of probabilities of predicted classes.");
  module.def("fit_temperature", &best_temperature, "logits"_a.none(), "labels"_a.none(), "loss"_a = "softmax",
             nb::sig("def fit_temperature(logits: numpy.typing.ArrayLike, labels: numpy.typing.ArrayLike, "
                     "loss: str = 'softmax') -> float"),
             "The temperature by which logits are to be divided for the least loss.");
}

}  // namespace

void bind_metrics(nb::module_& module) {
  bind_classification(module);
  using Paired = PairedAnswers;
  nb::class_<Paired>(module, "PairedAnswers", "What pair_answers() gives.")
      .def_ro("images", &Paired::images)
      .def_ro("only_first", &Paired::only_first, "Images that the first alone has right.")
      .def_ro("only_second", &Paired::only_second)
      .def_ro("difference", &Paired::difference, "Top-1 of the second less that of the first.")
      .def_ro("low", &Paired::low, "Of its 95 % interval over resampled images.")
      .def_ro("high", &Paired::high)
      .def_ro("p", &Paired::p, "Of McNemar's exact test.")
      .def("__repr__", [](const Paired& self) {
        return nb::str("<assemble.PairedAnswers images={} difference={:+.4f} [{:+.4f}, {:+.4f}] p={:.4g}>")
            .format(self.images, self.difference, self.low, self.high, self.p);
      });
  module.def(
      "pair_answers",
      [](nb::handle first, nb::handle second, uint64_t seed) {
        const auto a = to_flags(first, "first"), b = to_flags(second, "second");
        const nb::gil_scoped_release release;
        return pair_answers(a, b, seed);
      },
      "first"_a.none(), "second"_a.none(), "seed"_a = 0,
      nb::sig("def pair_answers(first: numpy.typing.ArrayLike, second: numpy.typing.ArrayLike, seed: int = 0) -> "
              "PairedAnswers"),
      "Compares two classifiers on the same images.\n\nfirst, second: whether each image was classified right.");
  module.def(
      "mcnemar_exact",
      [](int64_t a, int64_t b) {
        constexpr int64_t kMost = int64_t{1} << 40;
        if (a < 0 || b < 0 || a > kMost || b > kMost) {
          throw UsageError("mcnemar_exact", concat(a, " and ", b, ", expected counts of images"));
        }
        return mcnemar_exact(a, b);
      },
      "only_first"_a, "only_second"_a, "Two-sided p of McNemar's exact test.");
  using Retrieval = RetrievalResult;
  nb::class_<Retrieval>(module, "RetrievalResult", "What measure_retrieval() gives.")
      .def_ro("queries", &Retrieval::queries)
      .def_ro("recall", &Retrieval::recall, "Pairs of k and recall@k, in [0, 1].")
      .def_ro("map_at_r", &Retrieval::map_at_r, "Mean average precision at R, in [0, 1].")
      .def("__repr__", [](const Retrieval& self) {
        return nb::str("<assemble.RetrievalResult queries={} recall={} map_at_r={:.4f}>")
            .format(self.queries, self.recall, self.map_at_r);
      });
  module.def("measure_retrieval", &retrieval, "embeddings"_a.none(), "labels"_a.none(),
             "recall_at"_a = std::vector<int64_t>{1}, "similarity"_a = "cosine",
             nb::sig("def measure_retrieval(embeddings: numpy.typing.ArrayLike, labels: numpy.typing.ArrayLike, "
                     "recall_at: collections.abc.Sequence[int] = [1], similarity: str = 'cosine') -> RetrievalResult"),
             "Recall@k and mAP@R: every image is looked for among all others.\n\nsimilarity: 'cosine' or 'euclidean'.");
}

}  // namespace assemble::python
