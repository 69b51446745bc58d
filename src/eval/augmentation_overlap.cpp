// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/augmentation_overlap.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr const char* kKey = "augmentation";
constexpr const char* kNone = "none";
constexpr std::string_view kPolicy = "auto_augment ";
constexpr const char* kPatches = "checkerboard_cutout";

std::set<std::string> resembling(const AutoAugmentPolicy& policy) {
  std::set<std::string> corruptions;
  for (const AutoAugmentPolicy::SubPolicy& steps : policy.sub_policies) {
    for (const AugmentStep& step : steps) {
      if (step.operation == AugmentOperation::kBrightness) corruptions.insert("brightness");
      if (step.operation == AugmentOperation::kContrast) corruptions.insert("contrast");
      if (step.operation == AugmentOperation::kColor) corruptions.insert("saturate");
      if (step.operation == AugmentOperation::kCutout) corruptions.insert(kPatches);
    }
  }
  return corruptions;
}

/// @param name as note_augmentation() writes it; others, of later versions, resemble nothing that is known
std::set<std::string> resembling(const std::string& name) {
  if (name == "color_jitter" || name == "inception_colors" || name == "random_augment") {
    return {"brightness", "contrast", "saturate"};
  }
  if (name == "random_erasing") return {kPatches};
  if (name == "pix_mix") return {"fog", "frost", "perlin_noise", "plasma_noise"};
  const std::vector<std::string> policies = auto_augment_policy_names();
  if (!name.starts_with(kPolicy)) return {};
  const std::string policy = name.substr(kPolicy.size());
  if (std::find(policies.begin(), policies.end(), policy) == policies.end()) return {};
  return resembling(auto_augment_policy(policy));
}

}  // namespace

void note_augmentation(ModelCard& card, const Augmentation& augmentation) {
  std::vector<std::string> names;
  if (augmentation.auto_augment != nullptr) names.push_back(concat(kPolicy, augmentation.auto_augment->name));
  if (augmentation.random_augment) names.emplace_back("random_augment");
  if (augmentation.aug_mix.severity > 0) names.emplace_back("aug_mix");
  if (augmentation.pix_mix.rounds > 0) names.emplace_back("pix_mix");
  if (augmentation.color_jitter > 0) names.emplace_back("color_jitter");
  if (card.preprocessing.family == PreprocessingFamily::kInception) names.emplace_back("inception_colors");
  if (augmentation.erasing.probability > 0) names.emplace_back("random_erasing");
  card.training[kKey] = names.empty() ? kNone : join(names, ",");
}

std::map<std::string, std::vector<std::string>> overlapping_corruptions(const ModelCard& card) {
  std::map<std::string, std::vector<std::string>> overlaps;
  const auto note = card.training.find(kKey);
  if (note == card.training.end()) return overlaps;
  for (const std::string& name : split(note->second, ',')) {
    for (const std::string& corruption : resembling(name)) overlaps[corruption].push_back(name);
  }
  return overlaps;
}

}  // namespace assemble
