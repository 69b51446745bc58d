// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

std::string figure(const ordered_json& result, const char* key) {
  const auto found = result.find(key);
  if (found == result.end() || !found->is_number()) return "-";
  const bool share = std::string_view(key) == "clean_error" || std::string_view(key) == "shift_consistency";
  return format_number(found->get<double>() * (share ? 100 : 1), 2);
}

/// "made 256→224", or "stored 224".
std::string images_of_result(const ordered_json& result) {
  const ordered_json images = result.value("images", ordered_json());
  if (!images.is_object()) return "clean";
  if (images.value("from", "") == "stored set") {
    const ordered_json side = result.value("image_size", ordered_json());
    return concat("stored ", side.is_number() ? side.dump() : "?");
  }
  return concat("made ", images.value("resize", 0), "→", images.value("crop", 0));
}

}  // namespace

ordered_json several_results(const std::vector<ordered_json>& results) {
  return {{"measure", results.front().at("measure")}, {"models", results}};
}

std::string comparable_table(const std::vector<ordered_json>& results,
                             const std::vector<std::pair<const char*, const char*>>& figures) {
  std::vector<std::vector<std::string>> rows{{"model"}};
  for (const auto& [key, title] : figures) rows[0].push_back(title);
  for (const char* title : {"input", "images", "set", "interpolation", "precision", "views", "averaged"}) {
    rows[0].push_back(title);
  }
  for (const ordered_json& result : results) {
    const ordered_json& evaluated = result.at("evaluated");
    rows.push_back(
        {concat(result.at("network").get<std::string>(), result.value("partial", false) ? " (PARTIAL)" : "")});
    for (const auto& [key, title] : figures) rows.back().push_back(figure(result, key));
    for (const std::string& text :
         {concat(evaluated.at("resize").dump(), "→", evaluated.at("input_size").dump()), images_of_result(result),
          result.value("set", std::string("-")), evaluated.at("interpolation").get<std::string>(),
          evaluated.at("precision").get<std::string>(), evaluated.at("views").get<std::string>(),
          evaluated.at("models").dump()}) {
      rows.back().push_back(text);
    }
  }
  return format_table(rows);
}

}  // namespace assemble::cli
