// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/data/check.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

ordered_json splits_json(const CheckResult& result) {
  ordered_json splits = ordered_json::array();
  for (const CheckedSplit& split : result.splits) {
    splits.push_back({{"name", split.name},
                      {"source", split.source},
                      {"images", split.images},
                      {"passed_over", split.passed_over},
                      {"defects", split.defects}});
  }
  return splits;
}

ordered_json classes_json(const CheckResult& result) {
  ordered_json classes = ordered_json::array();
  for (size_t label = 0; label < result.classes.size(); ++label) {
    ordered_json images = ordered_json::object();
    for (const CheckedSplit& split : result.splits) images[split.name] = split.per_class[label];
    classes.push_back({{"name", result.classes[label]}, {"images", std::move(images)}});
  }
  return classes;
}

ordered_json image_json(const CheckResult& result, int64_t image) {
  const CheckedImage& checked = result.images[static_cast<size_t>(image)];
  return {{"image", checked.name}, {"split", result.splits[checked.split].name}, {"class", result.class_name(image)}};
}

ordered_json faults_json(const CheckResult& result) {
  ordered_json faults = ordered_json::object();
  for (const std::string& kind : kImageFaults.names()) faults[kind] = ordered_json::array();
  for (const FaultyImage& faulty : result.faults) {
    ordered_json entry = image_json(result, faulty.image);
    entry["what"] = faulty.what;
    faults[kImageFaults.name(faulty.fault)].push_back(std::move(entry));
  }
  return faults;
}

ordered_json duplicates_json(const CheckResult& result) {
  ordered_json groups = ordered_json::array();
  for (const DuplicateGroup& group : result.duplicates) {
    ordered_json members = ordered_json::array();
    for (const DuplicateMember& member : group.members) {
      ordered_json entry = image_json(result, member.image);
      if (member.of != member.image) {
        entry["likeness"] = kLikenesses.name(member.likeness);
        entry["of"] = result.images[static_cast<size_t>(member.of)].name;
      }
      members.push_back(std::move(entry));
    }
    groups.push_back(
        {{"near", group.near}, {"leak", group.leak}, {"label_conflict", group.conflict}, {"images", members}});
  }
  return groups;
}

}  // namespace

ordered_json to_json(const CheckResult& result) {
  const auto groups = [&](auto which) {
    return std::count_if(result.duplicates.begin(), result.duplicates.end(), which);
  };
  ordered_json counts = ordered_json::object();
  for (const std::string& kind : kImageFaults.names()) counts[kind] = result.count(kImageFaults.parse(kind));
  counts["duplicate_groups"] = groups([](const DuplicateGroup& group) { return !group.near; });
  counts["near_duplicate_groups"] = groups([](const DuplicateGroup& group) { return group.near; });
  counts["leaks"] = groups([](const DuplicateGroup& group) { return group.leak; });
  counts["label_conflicts"] = groups([](const DuplicateGroup& group) { return group.conflict; });
  counts["class_findings"] = result.class_findings.size();

  ordered_json of_most = ordered_json::array(), class_findings = ordered_json::array();
  for (const ImageFault fault : result.of_most) of_most.push_back(kImageFaults.name(fault));
  for (const ClassFinding& finding : result.class_findings) {
    class_findings.push_back({{"kind", finding.kind}, {"class", finding.class_name}, {"what", finding.what}});
  }
  ordered_json label_scores = ordered_json::array();
  for (const LabelScore& label : result.label_scores) {
    ordered_json entry = image_json(result, label.image);
    entry["suggested"] = result.classes[static_cast<size_t>(label.suggested)];
    entry["score"] = label.score;
    label_scores.push_back(std::move(entry));
  }
  counts["label_doubts"] =
      std::ranges::count_if(result.label_scores, [](const LabelScore& label) { return label.score <= kDoubtedScore; });
  return {{"images", result.images.size()},  {"counts", counts},
          {"of_most_images", of_most},       {"splits", splits_json(result)},
          {"classes", classes_json(result)}, {"class_findings", class_findings},
          {"faults", faults_json(result)},   {"duplicates", duplicates_json(result)},
          {"label_scores", label_scores}};
}

}  // namespace assemble
