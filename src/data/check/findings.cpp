// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/text.h"
#include "assemble/data/check.h"

namespace assemble {
namespace {

/// How a kind is spoken of.
struct Words {
  const char* kind;
  const char* title;
  const char* advice;
  bool spoils_figures = false;
};

constexpr Words kOfGroups[] = {
    {"label_conflicts", "The same image with different labels",
     "A network cannot learn both. Find out which label is right and remove the others; a cleaned copy is without all "
     "of them."},
    {"leaks", "The same image in several splits",
     "What is measured on images that were trained on says nothing. A cleaned copy is without those in the earlier "
     "splits, so that measures stay comparable.",
     /*spoils_figures=*/true},
    {"duplicates", "Identical images", "They count more than others. A cleaned copy keeps one of each group."},
    {"near_duplicates", "Nearly identical images",
     "Compressed anew, scaled, cropped or mirrored. They count more than others; a cleaned copy keeps one of each "
     "group. Frames of one video belong into one split."}};

constexpr Words kOfLabels = {
    "label_doubts", "Labels that are likely wrong",
    "Most images that look alike to the model have another label. Look at each: rare views and "
    "classes that are alike are here too. A cleaned copy keeps them."};

constexpr Words kOfFaults[] = {
    {"broken", "Files that cannot be read", "Copy them again or remove them; training passes over them."},
    {"wrong_extension", "Files that are of another format than their names say",
     "They are read by their contents here, but other programs go by the name: rename them."},
    {"exif_turned", "Photos that a tag turns",
     "Viewers turn them by their EXIF orientation, training takes the pixels as stored. Train with --exif turn, or "
     "turn "
     "the pixels, for example with 'exiftran -a'."},
    {"blurred", "Blurred images", "Out of focus, shaken or enlarged. Remove them where what they show cannot be told."},
    {"dark", "Dark images", "Nearly black: remove them where what they show cannot be told."},
    {"bright", "Bright images", "Nearly white: remove them where what they show cannot be told."},
    {"gray", "Images without colour",
     "Other images have colours: make sure that grayness does not give the class away."},
    {"uniform", "Images that show nothing", "All pixels are nearly the same: remove them."},
    {"odd_aspect", "Images of an odd shape", "Resizing and cropping may cut off what they show."},
    {"odd_size", "Images of an odd size",
     "Very small ones are blurred by enlarging; very large ones cost time and may show more than the others."}};

std::vector<Finding::Picture> pictures_of(const DuplicateGroup& group, const CheckResult& result) {
  std::vector<Finding::Picture> pictures;
  for (const DuplicateMember& member : group.members) {
    const bool is_first = member.of == member.image;
    std::string what = is_first ? "" : kLikenesses.name(member.likeness);
    std::ranges::replace(what, '_', ' ');
    const std::string& of = result.images[static_cast<size_t>(member.of)].name;
    pictures.push_back({member.image, is_first ? "" : concat(what, ", of ", of)});
  }
  return pictures;
}

const char* kind_of(const DuplicateGroup& group) {
  if (group.conflict) return "label_conflicts";
  if (group.leak) return "leaks";
  return group.near ? "near_duplicates" : "duplicates";
}

Finding of_groups(const CheckResult& result, const Words& words) {
  Finding finding{words.kind, words.title, words.advice, {}, words.spoils_figures};
  for (const DuplicateGroup& group : result.duplicates) {
    if (kind_of(group) == std::string_view(words.kind)) finding.groups.push_back(pictures_of(group, result));
  }
  return finding;
}

Finding of_labels(const CheckResult& result) {
  Finding finding{kOfLabels.kind, kOfLabels.title, kOfLabels.advice, {}};
  for (const LabelScore& doubt : result.label_scores) {
    if (doubt.score > kDoubtedScore) break;
    const std::string& other = result.classes[static_cast<size_t>(doubt.suggested)];
    finding.groups.push_back({{doubt.image, concat("rather ", other, ", score ", format_number(doubt.score, 2))}});
  }
  return finding;
}

Finding of_faults(const CheckResult& result, const Words& words) {
  Finding finding{words.kind, words.title, words.advice, {}};
  const ImageFault fault = kImageFaults.parse(words.kind);
  for (const FaultyImage& faulty : result.faults) {
    if (faulty.fault == fault) finding.groups.push_back({{faulty.image, faulty.what}});
  }
  return finding;
}

}  // namespace

std::vector<Finding> findings_of(const CheckResult& result) {
  std::vector<Finding> findings;
  for (const Words& words : kOfGroups) findings.push_back(of_groups(result, words));
  findings.push_back(of_labels(result));
  for (const Words& words : kOfFaults) findings.push_back(of_faults(result, words));
  std::erase_if(findings, [](const Finding& finding) { return finding.groups.empty(); });
  return findings;
}

std::vector<std::vector<std::string>> table_of(const std::vector<Finding>& findings, const CheckResult& result) {
  std::vector<std::vector<std::string>> rows{{"found", "images", "groups", "for example"}};
  for (const Finding& finding : findings) {
    size_t images = 0;
    for (const auto& group : finding.groups) images += group.size();
    const bool of_groups = images > finding.groups.size();
    const Finding::Picture& first = finding.groups.front().front();
    rows.push_back({finding.title, std::to_string(images), of_groups ? std::to_string(finding.groups.size()) : "",
                    result.images[static_cast<size_t>(first.image)].name});
  }
  return rows;
}

}  // namespace assemble
