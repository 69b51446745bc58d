// SPDX-License-Identifier: Apache-2.0
// Explanations as JSON and as text.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/core/encoding.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/eval/explain.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const Prediction::Class& c) {
  ordered_json json{{"label", c.label}, {"class", c.name}, {"probability", c.probability}};
  if (const auto readable = readable_name(c.name); !readable.empty()) json["readable_name"] = readable;
  return json;
}

ordered_json rows_of(const ClassActivation& activation) {
  ordered_json rows = ordered_json::array();
  for (int64_t y = 0; y < activation.height; ++y) {
    const auto begin = activation.values.begin() + y * activation.width;
    rows.push_back(std::vector<float>(begin, begin + activation.width));
  }
  return rows;
}

ordered_json to_json(const Explanation& explanation, const std::vector<std::string>& blocks) {
  ordered_json json{{"image", explanation.image}};
  if (!explanation.error.empty()) {
    json["error"] = explanation.error;
    return json;
  }
  json["predicted"] = to_json(explanation.predicted);
  json["explained"] = to_json(explanation.shown);
  json["map"] = rows_of(explanation.activation);
  const auto peak = explanation.peak();
  json["peak"] = peak ? ordered_json{{"x", peak->x}, {"y", peak->y}} : ordered_json();
  json["image_size"] = {{"width", explanation.size.width}, {"height", explanation.size.height}};
  const EvaluationView& view = explanation.view;
  json["seen"] = {{"x", view.x}, {"y", view.y}, {"width", view.width}, {"height", view.height}};
  for (size_t i = 0; i < blocks.size(); ++i) {
    const double first = explanation.first_halves.at(i);
    json["selective_kernels"].push_back({{"block", blocks[i]}, {"first", first}, {"second", 1 - first}});
  }
  return json;
}

std::string place_of(const Explanation& explanation) {
  const auto peak = explanation.peak();
  return peak ? concat(format_number(peak->x, 0), ", ", format_number(peak->y, 0)) : "nowhere";
}

}  // namespace

ordered_json explanations_to_json(const std::vector<Explanation>& explanations, const ActivationMapper& mapper) {
  ordered_json list = ordered_json::array();
  for (const Explanation& explanation : explanations) list.push_back(to_json(explanation, mapper.blocks()));
  return {{"method", kActivationMethods.name(mapper.method())}, {"explanations", list}};
}

std::string explanations_to_table(const std::vector<Explanation>& explanations, const ActivationMapper& mapper) {
  // Of a class that was looked for, as it need not be the one that an image was taken for.
  const bool asked =
      std::ranges::any_of(explanations, [](const Explanation& e) { return e.shown.label != e.predicted.label; });
  std::vector<std::vector<std::string>> rows{{"image", "predicted", "probability"}};
  if (asked) rows[0].insert(rows[0].end(), {"explained", "probability"});
  rows[0].push_back("strongest at x, y");
  for (const Explanation& e : explanations) {
    std::vector<std::string>& row = rows.emplace_back(std::vector{one_line(e.image)});
    if (!e.error.empty()) {
      row.push_back(one_line("error: " + e.error));
      row.resize(rows[0].size(), "-");
      continue;
    }
    row.insert(row.end(), {shown_class(e.predicted.name), format_number(e.predicted.probability, 4)});
    if (asked) row.insert(row.end(), {shown_class(e.shown.name), format_number(e.shown.probability, 4)});
    row.push_back(place_of(e));
  }
  std::string text = format_table(rows);
  const std::vector<HalfWeight> weights = half_weights(mapper.blocks(), explanations);
  if (weights.empty()) return text;
  std::vector<std::vector<std::string>> kernels{{"selective kernel, mean weight of its", "first half", "second half"}};
  for (const HalfWeight& weight : weights) {
    kernels.push_back({weight.block, format_number(weight.first, 3), format_number(1 - weight.first, 3)});
  }
  return text + "\n" + format_table(kernels);
}

}  // namespace assemble
