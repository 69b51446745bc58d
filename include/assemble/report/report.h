// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/data/check.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/explain.h"
#include "assemble/eval/mistakes.h"
#include "assemble/eval/multi_label.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/eval/predict.h"

namespace assemble {

/// @file
/// Reports: one HTML file each, charts as inline SVG, images inside, without scripts and without anything from
/// elsewhere.

/// A page that shows results of `robustness c` and `robustness p` side by side: a table of the measures and how the
/// images were made, error and calibration by severity, and bars by corruption and by kind. Results may be partial.
/// @throws InputError when a result is not what the commands write
std::string robustness_report(const std::vector<nlohmann::ordered_json>& results);

/// A network of a comparison.
struct ComparedNetwork {
  /// What an evaluation during the training found.
  struct Evaluation {
    int64_t epoch = 0;
    double train_loss = 0;  ///< mean since the evaluation before
    double top1 = 0;        ///< in [0, 1]
  };

  std::string name;
  std::vector<Evaluation> training;
  ClassificationResult validation;
  CorruptionResults corruptions;
  PerturbationResults perturbations;
};

/// An image and what the networks take it for.
struct ClassifiedImage {
  Bytes encoded;  ///< PNG or JPEG
  std::string description;
  std::string class_name;               ///< the right one
  std::vector<Prediction> predictions;  ///< one a network
};

/// Images that are shown together.
struct Gallery {
  std::string title;
  std::string text;
  std::vector<ClassifiedImage> images;
};

/// A figure of a ladder's rungs, for a chart.
struct LadderFigure {
  std::string title;
  std::vector<std::optional<double>> values;   ///< one a rung
  std::vector<std::optional<double>> reaches;  ///< of their 95 % intervals, to both sides
};

/// A table with a line of text above it. Its first row is the header; without rows there is the text alone.
struct TextTable {
  std::string text;
  std::vector<std::vector<std::string>> rows;
  std::string more = {};  ///< a page beside this one that shows what the rows count; empty: none
};

/// What ladder_report() shows.
struct LadderPage {
  std::string title;
  std::vector<std::string> introduction;  ///< paragraphs
  std::vector<std::string> rungs;
  std::vector<LadderFigure> figures;
  std::vector<TextTable> tables;
};

/// What comparison_report() shows.
struct Comparison {
  LadderPage ladder;                      ///< on the way to the networks
  std::vector<ComparedNetwork> networks;  ///< the first is what CE is relative to
  Gallery corrupted;
  Gallery clean;
};

/// An evaluation on the way of a training.
struct TrainingPoint {
  int64_t epoch = 0;
  double train_loss = 0;  ///< mean since the evaluation before
  double score = 0;       ///< in [0, 1]: top-1, or the mean average precision
  double learning_rate = 0;
};

/// What evaluation_report() shows.
struct EvaluationPage {
  std::string title;
  std::vector<std::string> introduction;  ///< paragraphs
  std::vector<TrainingPoint> training;    ///< empty: it is not known
  std::vector<TextTable> tables;          ///< of the training
  ClassificationResult result;
  std::vector<std::string> class_names;
  std::vector<Mistake> mistakes;
  std::vector<Image> overlays = {};  ///< of the mistakes, as mistake_overlays() makes them; empty: there are none
};

/// A page about one network: how its training went, where that is known; its measures, which classes it takes for
/// which, each class' precision, recall and F1, its calibration, and the mistakes that it was surest of.
std::string evaluation_report(const EvaluationPage& page);

/// What multi_label_report() shows.
struct MultiLabelPage {
  std::string title;
  std::vector<std::string> introduction;  ///< paragraphs
  std::vector<TrainingPoint> training;    ///< empty: it is not known
  std::vector<TextTable> tables;          ///< of the training
  MultiLabelResult result;
  std::vector<std::string> class_names;
};

/// The same about a network of images for which any number of classes may be right.
std::string multi_label_report(const MultiLabelPage& page);

/// What explanation_report() shows.
struct ExplanationPage {
  struct Shown {
    Explanation explanation;
    Bytes image, overlay;  ///< PNG or JPEG
  };

  std::string title;
  std::vector<std::string> introduction;  ///< paragraphs
  std::vector<Shown> images;
  std::vector<std::string> blocks;       ///< the network's selective kernels
  std::vector<HalfWeight> half_weights;  ///< of all images
};

/// A page about where in images a network sees their classes, and how its selective kernels weighed their halves.
std::string explanation_report(const ExplanationPage& page);

/// What answers_report() shows.
struct AnswersPage {
  std::string title;
  std::vector<std::string> introduction;  ///< paragraphs
  std::vector<std::string> networks;
  std::vector<std::vector<CalibrationMeter::Bin>> reliability;  ///< of each
  std::vector<TextTable> tables;
  Gallery differences;
};

/// A page about several networks' answers to the same images: tables, reliability diagrams, and images about which they
/// differ.
std::string answers_report(const AnswersPage& page);

/// A page that shows what each rung of a ladder of configurations brought and cost: charts first, then the tables.
std::string ladder_report(const LadderPage& page);

/// A page about trained networks and the ladder that leads to them: its charts, images with each network's predictions,
/// its tables, then curves of the training, reliability diagrams, errors under corruptions and flips of each network.
std::string comparison_report(const Comparison& comparison);

/// A page about what was found in a data set: how many images there are of each class and split, then the findings by
/// kind, the gravest first, each with what to do and the images. Of a kind with many images the first are shown.
/// @param title     names the data set
/// @param thumbnail gives an image small, as PNG or JPEG; nothing where it cannot be decoded
std::string dataset_report(const std::string& title, const CheckResult& result,
                           const std::function<Bytes(int64_t image)>& thumbnail);

}  // namespace assemble
