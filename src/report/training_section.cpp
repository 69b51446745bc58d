// SPDX-License-Identifier: Apache-2.0
#include "training_section.h"

#include "assemble/core/text.h"
#include "chart.h"
#include "ladder_parts.h"

namespace assemble::report {
namespace {

/// A figure of each evaluation by its epoch. Of many evaluations some are left out, so that points stay apart.
Chart curve(const std::vector<TrainingPoint>& points, const std::string& title, const char* unit,
            const std::function<double(const TrainingPoint&)>& value) {
  constexpr size_t kMostPoints = 60;
  const size_t stride = points.size() / kMostPoints + 1;
  Chart chart{title, unit, {}, {{title, {}}}, "epoch"};
  for (size_t i = 0; i < points.size(); ++i) {
    if (i % stride != 0 && i + 1 != points.size()) continue;
    chart.labels.push_back(concat(points[i].epoch));
    chart.series[0].values.emplace_back(value(points[i]));
  }
  return chart;
}

}  // namespace

std::string training_section(const std::vector<TrainingPoint>& points, const std::string& score,
                             const std::vector<TextTable>& tables) {
  if (points.empty()) return "";
  return concat(
      "<h2>Training</h2>\n<p>At each evaluation: ", score,
      " on the validation images, the mean loss of the training steps since the one before, and the learning rate."
      "</p>\n",
      line_chart(curve(points, score + " on the validation images", "%",
                       [](const TrainingPoint& point) { return 100 * point.score; })),
      line_chart(curve(points, "Training loss", "", [](const TrainingPoint& point) { return point.train_loss; })),
      line_chart(curve(points, "Learning rate", "", [](const TrainingPoint& point) { return point.learning_rate; })),
      text_tables(tables));
}

}  // namespace assemble::report
