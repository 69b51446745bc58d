// SPDX-License-Identifier: Apache-2.0
// Preprocessing by name and as JSON.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/image/preprocess.h"
#include "preprocessing_type.h"

namespace assemble {
namespace {

using nlohmann::json;

constexpr int kMaxSide = 16384;
/// Beyond these, pixels vanish in what f32 rounds off, or become infinite.
constexpr double kLargestMean = 1e6, kLeastDeviation = 1e-6, kLargestDeviation = 1e6;
constexpr std::array<const char*, 5> kFamilies = {"imagenet", "reid", "inception", "torchvision", "torchvision_squash"};

std::string family_name(PreprocessingFamily family) { return kFamilies[static_cast<size_t>(family)]; }

PreprocessingFamily parse_family(const std::string& name, const std::string& where) {
  const auto found = std::find(kFamilies.begin(), kFamilies.end(), name);
  if (found == kFamilies.end()) {
    throw InputError(
        where,
        "preprocessing family '" + name + "', expected one of " + join({kFamilies.begin(), kFamilies.end()}, ", "),
        "was it written by a newer version?");
  }
  return static_cast<PreprocessingFamily>(found - kFamilies.begin());
}

int read_side(const json& values, const char* key, const std::string& where) {
  const json& value = values.at(key);
  const double side = value.is_number_integer() ? value.get<double>() : 0;
  if (side >= 1 && side <= kMaxSide) return static_cast<int>(side);
  throw InputError(where, concat("preprocessing ", key, " is ", value.dump(), ", expected whole pixels, 1…", kMaxSide));
}

std::array<float, 3> read_channels(const json& values, const char* key, double least, double most,
                                   const std::string& where) {
  const json& numbers = values.at(key);
  const auto fits = [&](const json& value) {
    return value.is_number() && value.get<double>() >= least && value.get<double>() <= most;
  };
  if (!numbers.is_array() || numbers.size() != 3 || !std::ranges::all_of(numbers, fits)) {
    throw InputError(where, concat("preprocessing ", key, " is ", numbers.dump(), ", expected three numbers in ", least,
                                   " … ", most));
  }
  return numbers.get<std::array<float, 3>>();
}

std::optional<Preprocessing> imagenet_type(const std::string& type) {
  static const std::regex form("imagenet(?:_([0-9]{2,4}))?(?:_([0-9]{2,4}))?(a?)");
  std::smatch parts;
  if (!std::regex_match(type, parts, form)) return std::nullopt;
  Preprocessing result;
  if (parts[1].matched) result.train_size = result.eval_size = std::stoi(parts[1]);
  if (parts[2].matched) result.eval_size = std::stoi(parts[2]);
  const bool to_next_size = parts[3].length() > 0;
  result.eval_resize = to_next_size ? result.eval_size + 1 : with_margin(result.eval_size);
  return result;
}

std::optional<Preprocessing> reid_type(const std::string& type) {
  static const std::regex form("reid(?:_([0-9]{2,4}))?");
  std::smatch parts;
  if (!std::regex_match(type, parts, form)) return std::nullopt;
  Preprocessing result;
  result.family = PreprocessingFamily::kReid;
  if (parts[1].matched) {
    result.train_size = result.eval_size = std::stoi(parts[1]);
  } else {
    result.eval_size = with_margin(result.train_size);
  }
  result.eval_resize = result.eval_size;
  return result;
}

std::optional<Preprocessing> inception_type(const std::string& type) {
  static const std::regex form("inception_([0-9]{2,4})");
  std::smatch parts;
  if (!std::regex_match(type, parts, form)) return std::nullopt;
  Preprocessing result;
  result.family = PreprocessingFamily::kInception;
  result.train_size = result.eval_size = result.eval_resize = std::stoi(parts[1]);
  result.mean = {0, 0, 0};
  result.deviation = {255, 255, 255};
  return result;
}

std::optional<Preprocessing> torchvision_type(const std::string& type) {
  static const std::regex form("torchvision(?:_([0-9]{2,4}))?(?:_([0-9]{2,4}))?(_bicubic)?");
  std::smatch parts;
  if (!std::regex_match(type, parts, form)) return std::nullopt;
  Preprocessing result;
  result.family = PreprocessingFamily::kTorchvision;
  if (parts[1].matched) result.train_size = result.eval_size = std::stoi(parts[1]);
  result.eval_resize = parts[2].matched ? std::stoi(parts[2]) : with_margin(result.eval_size);
  if (result.eval_resize < result.eval_size) {
    throw UsageError("preprocessing type '" + type + "'", "resizes to less than the crop",
                     "the crop's side comes first: torchvision_224_256");
  }
  result.mean = {123.675f, 116.28f, 103.53f};
  result.deviation = {58.395f, 57.12f, 57.375f};
  result.antialias = true;
  result.bicubic = parts[3].matched;
  return result;
}

}  // namespace

int with_margin(int size) { return static_cast<int>(size * (1.0 / kCentralShare)); }

Preprocessing Preprocessing::from_type(const std::string& type) {
  for (const auto parse : {imagenet_type, reid_type, inception_type, torchvision_type}) {
    if (const std::optional<Preprocessing> result = parse(type)) return *result;
  }
  throw UsageError(
      "preprocessing type '" + type + "'", "unknown",
      "use imagenet (224), imagenet_NNN, or imagenet_TTT_EEE to train at TTT and evaluate at EEE (append a "
      "to resize to the size plus one); reid, reid_NNN; inception_NNN; or torchvision, torchvision_NNN, "
      "torchvision_NNN_RRR to resize to RRR and crop NNN (append _bicubic)");
}

SampleBoxOptions Preprocessing::training_box() const {
  SampleBoxOptions box;
  if (family == PreprocessingFamily::kInception) {
    box.min_aspect = 3.0 / 4;
    box.max_aspect = 4.0 / 3;
    box.min_area = 0.1;
  }
  return box;
}

bool Preprocessing::resizes_short_side() const {
  return family == PreprocessingFamily::kImagenet || family == PreprocessingFamily::kTorchvision;
}

int Preprocessing::ten_crop_resize() const { return resizes_short_side() ? eval_resize : with_margin(eval_size); }

std::string Preprocessing::to_json() const {
  return json{{"family", family_name(family)},
              {"train_size", train_size},
              {"eval_size", eval_size},
              {"eval_resize", eval_resize},
              {"mean", mean},
              {"deviation", deviation},
              {"apply_exif_orientation", apply_exif_orientation},
              {"antialias", antialias},
              {"bicubic", bicubic},
              {"pad_to_square", pad_to_square}}
      .dump();
}

Preprocessing Preprocessing::from_json(const std::string& text, const std::string& where) {
  Preprocessing result;
  try {
    const json values = json::parse(text);
    result.family = parse_family(values.value("family", std::string(kFamilies.front())), where);
    result.train_size = read_side(values, "train_size", where);
    result.eval_size = read_side(values, "eval_size", where);
    result.eval_resize = read_side(values, "eval_resize", where);
    result.mean = read_channels(values, "mean", -kLargestMean, kLargestMean, where);
    result.deviation = read_channels(values, "deviation", kLeastDeviation, kLargestDeviation, where);
    values.at("apply_exif_orientation").get_to(result.apply_exif_orientation);
    values.at("antialias").get_to(result.antialias);
    result.pad_to_square = values.value("pad_to_square", false);
    result.bicubic = values.value("bicubic", false);
  } catch (const json::exception& error) {
    throw InputError(where, std::string("preprocessing is not as expected: ") + json_problem(error),
                     "expected train_size, eval_size, eval_resize, mean, deviation, apply_exif_orientation, antialias");
  }
  if (result.eval_resize < result.eval_size) {
    throw InputError(where, concat("eval_resize ", result.eval_resize, " is below eval_size ", result.eval_size));
  }
  return result;
}

}  // namespace assemble
