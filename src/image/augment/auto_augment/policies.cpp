// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/choice.h"
#include "assemble/image/auto_augment.h"

namespace assemble {
namespace {

using enum AugmentOperation;
using SubPolicy = AutoAugmentPolicy::SubPolicy;

constexpr SubPolicy kImagenet[] = {
    {{{kPosterize, 0.4, 8}, {kRotate, 0.6, 9}}},  {{{kSolarize, 0.6, 5}, {kAutoContrast, 0.6, 5}}},
    {{{kEqualize, 0.8, 8}, {kEqualize, 0.6, 3}}}, {{{kPosterize, 0.6, 7}, {kPosterize, 0.6, 6}}},
    {{{kEqualize, 0.4, 7}, {kSolarize, 0.2, 4}}}, {{{kEqualize, 0.4, 4}, {kRotate, 0.8, 8}}},
    {{{kSolarize, 0.6, 3}, {kEqualize, 0.6, 7}}}, {{{kPosterize, 0.8, 5}, {kEqualize, 1.0, 2}}},
    {{{kRotate, 0.2, 3}, {kSolarize, 0.6, 8}}},   {{{kEqualize, 0.6, 8}, {kPosterize, 0.4, 6}}},
    {{{kRotate, 0.8, 8}, {kColor, 0.4, 0}}},      {{{kRotate, 0.4, 9}, {kEqualize, 0.6, 2}}},
    {{{kEqualize, 0.0, 7}, {kEqualize, 0.8, 8}}}, {{{kInvert, 0.6, 4}, {kEqualize, 1.0, 8}}},
    {{{kColor, 0.6, 4}, {kContrast, 1.0, 8}}},    {{{kRotate, 0.8, 8}, {kColor, 1.0, 2}}},
    {{{kColor, 0.8, 8}, {kSolarize, 0.8, 7}}},    {{{kSharpness, 0.4, 7}, {kInvert, 0.6, 8}}},
    {{{kShearX, 0.6, 5}, {kEqualize, 1.0, 9}}},   {{{kColor, 0.4, 0}, {kEqualize, 0.6, 3}}},
    {{{kEqualize, 0.4, 7}, {kSolarize, 0.2, 4}}}, {{{kSolarize, 0.6, 5}, {kAutoContrast, 0.6, 5}}},
    {{{kInvert, 0.6, 4}, {kEqualize, 1.0, 8}}},   {{{kColor, 0.6, 4}, {kContrast, 1.0, 8}}},
    {{{kEqualize, 0.8, 8}, {kEqualize, 0.6, 3}}},
};

constexpr SubPolicy kCifar10[] = {
    {{{kInvert, 0.1, 7}, {kContrast, 0.2, 6}}},         {{{kRotate, 0.7, 2}, {kTranslateX, 0.3, 9}}},
    {{{kSharpness, 0.8, 1}, {kSharpness, 0.9, 3}}},     {{{kShearY, 0.5, 8}, {kTranslateY, 0.7, 9}}},
    {{{kAutoContrast, 0.5, 8}, {kEqualize, 0.9, 2}}},   {{{kShearY, 0.2, 7}, {kPosterize, 0.3, 7}}},
    {{{kColor, 0.4, 3}, {kBrightness, 0.6, 7}}},        {{{kSharpness, 0.3, 9}, {kBrightness, 0.7, 9}}},
    {{{kEqualize, 0.6, 5}, {kEqualize, 0.5, 1}}},       {{{kContrast, 0.6, 7}, {kSharpness, 0.6, 5}}},
    {{{kColor, 0.7, 7}, {kTranslateX, 0.5, 8}}},        {{{kEqualize, 0.3, 7}, {kAutoContrast, 0.4, 8}}},
    {{{kTranslateY, 0.4, 3}, {kSharpness, 0.2, 6}}},    {{{kBrightness, 0.9, 6}, {kColor, 0.2, 8}}},
    {{{kSolarize, 0.5, 2}, {kInvert, 0.0, 3}}},         {{{kEqualize, 0.2, 0}, {kAutoContrast, 0.6, 0}}},
    {{{kEqualize, 0.2, 8}, {kEqualize, 0.8, 4}}},       {{{kColor, 0.9, 9}, {kEqualize, 0.6, 6}}},
    {{{kAutoContrast, 0.8, 4}, {kSolarize, 0.2, 8}}},   {{{kBrightness, 0.1, 3}, {kColor, 0.7, 0}}},
    {{{kSolarize, 0.4, 5}, {kAutoContrast, 0.9, 3}}},   {{{kTranslateY, 0.9, 9}, {kTranslateY, 0.7, 9}}},
    {{{kAutoContrast, 0.9, 2}, {kSolarize, 0.8, 3}}},   {{{kEqualize, 0.8, 8}, {kInvert, 0.1, 3}}},
    {{{kTranslateY, 0.7, 9}, {kAutoContrast, 0.9, 1}}},
};

constexpr SubPolicy kSvhn[] = {
    {{{kShearX, 0.9, 4}, {kInvert, 0.2, 3}}},       {{{kShearY, 0.9, 8}, {kInvert, 0.7, 5}}},
    {{{kEqualize, 0.6, 5}, {kSolarize, 0.6, 6}}},   {{{kInvert, 0.9, 3}, {kEqualize, 0.6, 3}}},
    {{{kEqualize, 0.6, 1}, {kRotate, 0.9, 3}}},     {{{kShearX, 0.9, 4}, {kAutoContrast, 0.8, 3}}},
    {{{kShearY, 0.9, 8}, {kInvert, 0.4, 5}}},       {{{kShearY, 0.9, 5}, {kSolarize, 0.2, 6}}},
    {{{kInvert, 0.9, 6}, {kAutoContrast, 0.8, 1}}}, {{{kEqualize, 0.6, 3}, {kRotate, 0.9, 3}}},
    {{{kShearX, 0.9, 4}, {kSolarize, 0.3, 3}}},     {{{kShearY, 0.8, 8}, {kInvert, 0.7, 4}}},
    {{{kEqualize, 0.9, 5}, {kTranslateY, 0.6, 6}}}, {{{kInvert, 0.9, 4}, {kEqualize, 0.6, 7}}},
    {{{kContrast, 0.3, 3}, {kRotate, 0.8, 4}}},     {{{kInvert, 0.8, 5}, {kTranslateY, 0.0, 2}}},
    {{{kShearY, 0.7, 6}, {kSolarize, 0.4, 8}}},     {{{kInvert, 0.6, 4}, {kRotate, 0.8, 4}}},
    {{{kShearY, 0.3, 7}, {kTranslateX, 0.9, 3}}},   {{{kShearX, 0.1, 6}, {kInvert, 0.6, 5}}},
    {{{kSolarize, 0.7, 2}, {kTranslateY, 0.6, 7}}}, {{{kShearY, 0.8, 4}, {kInvert, 0.8, 8}}},
    {{{kShearX, 0.7, 9}, {kTranslateY, 0.8, 3}}},   {{{kShearY, 0.8, 5}, {kAutoContrast, 0.7, 3}}},
    {{{kShearX, 0.7, 2}, {kInvert, 0.1, 5}}},
};

constexpr SubPolicy kV0[] = {
    {{{kEqualize, 0.8, 1}, {kShearY, 0.8, 4}}},        {{{kColor, 0.4, 9}, {kEqualize, 0.6, 3}}},
    {{{kColor, 0.4, 1}, {kRotate, 0.6, 8}}},           {{{kSolarize, 0.8, 3}, {kEqualize, 0.4, 7}}},
    {{{kSolarize, 0.4, 2}, {kSolarize, 0.6, 2}}},      {{{kColor, 0.2, 0}, {kEqualize, 0.8, 8}}},
    {{{kEqualize, 0.4, 8}, {kSolarizeAdd, 0.8, 3}}},   {{{kShearX, 0.2, 9}, {kRotate, 0.6, 8}}},
    {{{kColor, 0.6, 1}, {kEqualize, 1.0, 2}}},         {{{kInvert, 0.4, 9}, {kRotate, 0.6, 0}}},
    {{{kEqualize, 1.0, 9}, {kShearY, 0.6, 3}}},        {{{kColor, 0.4, 7}, {kEqualize, 0.6, 0}}},
    {{{kPosterize, 0.4, 6}, {kAutoContrast, 0.4, 7}}}, {{{kSolarize, 0.6, 8}, {kColor, 0.6, 9}}},
    {{{kSolarize, 0.2, 4}, {kRotate, 0.8, 9}}},        {{{kRotate, 1.0, 7}, {kTranslateY, 0.8, 9}}},
    {{{kShearX, 0.0, 0}, {kSolarize, 0.8, 4}}},        {{{kShearY, 0.8, 0}, {kColor, 0.6, 4}}},
    {{{kColor, 1.0, 0}, {kRotate, 0.6, 2}}},           {{{kEqualize, 0.8, 4}, {kEqualize, 0.0, 8}}},
    {{{kEqualize, 1.0, 4}, {kAutoContrast, 0.6, 2}}},  {{{kShearY, 0.4, 7}, {kSolarizeAdd, 0.6, 7}}},
    {{{kPosterize, 0.8, 2}, {kSolarize, 0.6, 10}}},    {{{kSolarize, 0.6, 8}, {kEqualize, 0.6, 1}}},
    {{{kColor, 0.8, 6}, {kRotate, 0.4, 5}}},
};

constexpr SubPolicy kGood[] = {
    {{{kInvert, 0.1, 7}, {kContrast, 0.2, 6}}},
    {{{kRotate, 0.7, 2}, {kTranslateX, 0.3, 9}}},
    {{{kSharpness, 0.8, 1}, {kSharpness, 0.9, 3}}},
    {{{kShearY, 0.5, 8}, {kTranslateY, 0.7, 9}}},
    {{{kAutoContrast, 0.5, 8}, {kEqualize, 0.9, 2}}},
    {{{kSolarize, 0.4, 5}, {kAutoContrast, 0.9, 3}}},
    {{{kTranslateY, 0.9, 9}, {kTranslateY, 0.7, 9}}},
    {{{kAutoContrast, 0.9, 2}, {kSolarize, 0.8, 3}}},
    {{{kEqualize, 0.8, 8}, {kInvert, 0.1, 3}}},
    {{{kTranslateY, 0.7, 9}, {kAutoContrast, 0.9, 1}}},
    {{{kSolarize, 0.4, 5}, {kAutoContrast, 0.0, 2}}},
    {{{kTranslateY, 0.7, 9}, {kTranslateY, 0.7, 9}}},
    {{{kAutoContrast, 0.9, 0}, {kSolarize, 0.4, 3}}},
    {{{kEqualize, 0.7, 5}, {kInvert, 0.1, 3}}},
    {{{kTranslateY, 0.7, 9}, {kTranslateY, 0.7, 9}}},
    {{{kSolarize, 0.4, 5}, {kAutoContrast, 0.9, 1}}},
    {{{kTranslateY, 0.8, 9}, {kTranslateY, 0.9, 9}}},
    {{{kAutoContrast, 0.8, 0}, {kTranslateY, 0.7, 9}}},
    {{{kTranslateY, 0.2, 7}, {kColor, 0.9, 6}}},
    {{{kEqualize, 0.7, 6}, {kColor, 0.4, 9}}},
    {{{kShearY, 0.2, 7}, {kPosterize, 0.3, 7}}},
    {{{kColor, 0.4, 3}, {kBrightness, 0.6, 7}}},
    {{{kSharpness, 0.3, 9}, {kBrightness, 0.7, 9}}},
    {{{kEqualize, 0.6, 5}, {kEqualize, 0.5, 1}}},
    {{{kContrast, 0.6, 7}, {kSharpness, 0.6, 5}}},
    {{{kBrightness, 0.3, 7}, {kAutoContrast, 0.5, 8}}},
    {{{kAutoContrast, 0.9, 4}, {kAutoContrast, 0.5, 6}}},
    {{{kSolarize, 0.3, 5}, {kEqualize, 0.6, 5}}},
    {{{kTranslateY, 0.2, 4}, {kSharpness, 0.3, 3}}},
    {{{kBrightness, 0.0, 8}, {kColor, 0.8, 8}}},
    {{{kSolarize, 0.2, 6}, {kColor, 0.8, 6}}},
    {{{kSolarize, 0.2, 6}, {kAutoContrast, 0.8, 1}}},
    {{{kSolarize, 0.4, 1}, {kEqualize, 0.6, 5}}},
    {{{kBrightness, 0.0, 0}, {kSolarize, 0.5, 2}}},
    {{{kAutoContrast, 0.9, 5}, {kBrightness, 0.5, 3}}},
    {{{kContrast, 0.7, 5}, {kBrightness, 0.0, 2}}},
    {{{kSolarize, 0.2, 8}, {kSolarize, 0.1, 5}}},
    {{{kContrast, 0.5, 1}, {kTranslateY, 0.2, 9}}},
    {{{kAutoContrast, 0.6, 5}, {kTranslateY, 0.0, 9}}},
    {{{kAutoContrast, 0.9, 4}, {kEqualize, 0.8, 4}}},
    {{{kBrightness, 0.0, 7}, {kEqualize, 0.4, 7}}},
    {{{kSolarize, 0.2, 5}, {kEqualize, 0.7, 5}}},
    {{{kEqualize, 0.6, 8}, {kColor, 0.6, 2}}},
    {{{kColor, 0.3, 7}, {kColor, 0.2, 4}}},
    {{{kAutoContrast, 0.5, 2}, {kSolarize, 0.7, 2}}},
    {{{kAutoContrast, 0.2, 0}, {kEqualize, 0.1, 0}}},
    {{{kShearY, 0.6, 5}, {kEqualize, 0.6, 5}}},
    {{{kBrightness, 0.9, 3}, {kAutoContrast, 0.4, 1}}},
    {{{kEqualize, 0.8, 8}, {kEqualize, 0.7, 7}}},
    {{{kEqualize, 0.7, 7}, {kSolarize, 0.5, 0}}},
    {{{kEqualize, 0.8, 4}, {kTranslateY, 0.8, 9}}},
    {{{kTranslateY, 0.8, 9}, {kTranslateY, 0.6, 9}}},
    {{{kTranslateY, 0.9, 0}, {kTranslateY, 0.5, 9}}},
    {{{kAutoContrast, 0.5, 3}, {kSolarize, 0.3, 4}}},
    {{{kSolarize, 0.5, 3}, {kEqualize, 0.4, 4}}},
    {{{kColor, 0.7, 7}, {kTranslateX, 0.5, 8}}},
    {{{kEqualize, 0.3, 7}, {kAutoContrast, 0.4, 8}}},
    {{{kTranslateY, 0.4, 3}, {kSharpness, 0.2, 6}}},
    {{{kBrightness, 0.9, 6}, {kColor, 0.2, 8}}},
    {{{kSolarize, 0.5, 2}, {kInvert, 0.0, 3}}},
    {{{kAutoContrast, 0.1, 5}, {kBrightness, 0.0, 0}}},
    {{{kCutout, 0.2, 4}, {kEqualize, 0.1, 1}}},
    {{{kEqualize, 0.7, 7}, {kAutoContrast, 0.6, 4}}},
    {{{kColor, 0.1, 8}, {kShearY, 0.2, 3}}},
    {{{kShearY, 0.4, 2}, {kRotate, 0.7, 0}}},
    {{{kShearY, 0.1, 3}, {kAutoContrast, 0.9, 5}}},
    {{{kTranslateY, 0.3, 6}, {kCutout, 0.3, 3}}},
    {{{kEqualize, 0.5, 0}, {kSolarize, 0.6, 6}}},
    {{{kAutoContrast, 0.3, 5}, {kRotate, 0.2, 7}}},
    {{{kEqualize, 0.8, 2}, {kInvert, 0.4, 0}}},
    {{{kEqualize, 0.9, 5}, {kColor, 0.7, 0}}},
    {{{kEqualize, 0.1, 1}, {kShearY, 0.1, 3}}},
    {{{kAutoContrast, 0.7, 3}, {kEqualize, 0.7, 0}}},
    {{{kBrightness, 0.5, 1}, {kContrast, 0.1, 7}}},
    {{{kContrast, 0.1, 4}, {kSolarize, 0.6, 5}}},
    {{{kSolarize, 0.2, 3}, {kShearX, 0.0, 0}}},
    {{{kTranslateX, 0.3, 0}, {kTranslateX, 0.6, 0}}},
    {{{kEqualize, 0.5, 9}, {kTranslateY, 0.6, 7}}},
    {{{kShearX, 0.1, 0}, {kSharpness, 0.5, 1}}},
    {{{kEqualize, 0.8, 6}, {kInvert, 0.3, 6}}},
    {{{kAutoContrast, 0.3, 9}, {kCutout, 0.5, 3}}},
    {{{kShearX, 0.4, 4}, {kAutoContrast, 0.9, 2}}},
    {{{kShearX, 0.0, 3}, {kPosterize, 0.0, 3}}},
    {{{kSolarize, 0.4, 3}, {kColor, 0.2, 4}}},
    {{{kEqualize, 0.1, 4}, {kEqualize, 0.7, 6}}},
    {{{kEqualize, 0.3, 8}, {kAutoContrast, 0.4, 3}}},
    {{{kSolarize, 0.6, 4}, {kAutoContrast, 0.7, 6}}},
    {{{kAutoContrast, 0.2, 9}, {kBrightness, 0.4, 8}}},
    {{{kEqualize, 0.1, 0}, {kEqualize, 0.0, 6}}},
    {{{kEqualize, 0.8, 4}, {kEqualize, 0.0, 4}}},
    {{{kEqualize, 0.5, 5}, {kAutoContrast, 0.1, 2}}},
    {{{kSolarize, 0.5, 5}, {kAutoContrast, 0.9, 5}}},
    {{{kAutoContrast, 0.6, 1}, {kAutoContrast, 0.7, 8}}},
    {{{kEqualize, 0.2, 0}, {kAutoContrast, 0.1, 2}}},
    {{{kEqualize, 0.6, 9}, {kEqualize, 0.4, 4}}},
};

constexpr AutoAugmentPolicy kPolicies[] = {
    {"imagenet", kImagenet}, {"good", kGood}, {"cifar10", kCifar10}, {"svhn", kSvhn}, {"v0", kV0},
};

}  // namespace

std::vector<std::string> auto_augment_policy_names() { return names_of(kPolicies); }

const AutoAugmentPolicy& auto_augment_policy(const std::string& name) {
  return kPolicies[find_choice("AutoAugment policy", name, auto_augment_policy_names())];
}

}  // namespace assemble
