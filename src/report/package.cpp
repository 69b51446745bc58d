// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/package.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "examples/assets.h"
#include "report/assets.h"
#include "serving.h"

namespace assemble {
namespace {

constexpr size_t kLongestName = 128;
constexpr const char* kSums = "SHA256SUMS";

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool may_be_in_name(char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; }

bool is_package_name(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && is_letter_or_digit(name.front()) &&
         std::ranges::all_of(name, may_be_in_name);
}

void write_below(const fs::path& folder, const fs::path& place, std::string_view text) {
  make_directories((folder / place).parent_path());
  write_file(folder / place, text);
}

/// Lines of sha256sum for all files of a folder, by their names.
std::string checksums(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder).generic_string());
  }
  std::sort(names.begin(), names.end());
  std::string lines;
  for (const std::string& name : names) lines += concat(sha256(folder / name), "  ", name, "\n");
  return lines;
}

}  // namespace

fs::path PackagedModel::place() const { return fs::path("models") / name / std::to_string(version) / "model.onnx"; }

PackagedFigures PackagedFigures::from_json(const nlohmann::ordered_json& json, const std::string& where) {
  const char* const hint = "give what `eval --json` wrote";
  const auto number = [&](const char* key, double most) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (found == json.end() || !found->is_number()) throw InputError(where, concat("has no number '", key, "'"), hint);
    const double value = found->get<double>();
    if (value >= 0 && value <= most) return value;
    throw InputError(where, concat("'", key, "' is ", value, ", expected 0 to ", most), hint);
  };
  constexpr double kMostImages = 1e12, kMostLoss = 1e30;
  PackagedFigures figures;
  figures.images = static_cast<int64_t>(number("images", kMostImages));
  figures.top1 = number("top1", 1);
  figures.top5 = number("top5", 1);
  figures.balanced_accuracy = number("balanced_accuracy", 1);
  figures.macro_f1 = number("macro_f1", 1);
  figures.ece = number("ece", 1);
  figures.loss = number("loss", kMostLoss);
  const auto classes = json.find("class_accuracy");
  if (classes == json.end() || !classes->is_object()) throw InputError(where, "has no object 'class_accuracy'", hint);
  for (const auto& [name, accuracy] : classes->items()) {
    if (accuracy.is_number()) figures.class_accuracy.emplace_back(name, accuracy.get<double>());
  }
  return figures;
}

void require_package_name(const std::string& name) {
  if (is_package_name(name)) return;
  throw UsageError("`name`",
                   concat("'", name, "' is no name that servers take: letters, digits, '_', '-' and '.', beginning ",
                          "with a letter or digit, at most ", kLongestName),
                   concat("for example ", package_name(name)));
}

std::string package_name(const fs::path& folder) {
  const fs::path plain = (folder / "").lexically_normal().parent_path();
  std::string name;
  for (const char c : plain.filename().string().substr(0, kLongestName)) name += may_be_in_name(c) ? c : '_';
  const auto begin = std::ranges::find_if(name, is_letter_or_digit);
  return begin == name.end() ? "model" : std::string(begin, name.end());
}

void write_package(const fs::path& folder, const PackagedModel& model) {
  require_package_name(model.name);
  const fs::path network = folder / model.place(), of_model = fs::path("models") / model.name;
  write_below(folder, "config.json", report::openvino_server_config(model));
  write_below(folder, of_model / "config.pbtxt", report::triton_config(model));
  write_below(folder, of_model / report::kLabelsFile, report::labels(model));
  write_below(folder, "examples/CMakeLists.txt", report::assets::kPackageCmake);
  write_below(folder, "examples/classify.c", examples::assets::kClassifyC);
  write_below(folder, "examples/predict.cpp", examples::assets::kPredictCpp);
  write_below(folder, "README.md", model_card(model, static_cast<int64_t>(fs::file_size(network)), sha256(network)));
  write_below(folder, kSums, checksums(folder));
}

}  // namespace assemble
