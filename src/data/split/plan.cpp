// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "assemble/core/checksum.h"
#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"
#include "assemble/data/split.h"
#include "sources/labelled_files.h"
#include "split/groups.h"

namespace assemble {
namespace {

using Members = std::vector<size_t>;

void check_shares(const SplitOptions& options) {
  const auto is_share = [](double share) { return share >= 0 && share < 1; };
  if (!is_share(options.validation) || !is_share(options.test) || options.validation + options.test >= 1) {
    throw UsageError("`validation` and `test`", concat(options.validation, " and ", options.test,
                                                       " leave nothing to train on, expected shares of less than 1"));
  }
  if (options.validation == 0 && options.test == 0) {
    throw UsageError("`validation` and `test`", "are both 0: nothing is to be split off");
  }
  const bool by_name = std::ranges::find(options.together, Together::kName) != options.together.end();
  if (!by_name && !options.name_pattern.empty()) {
    throw UsageError("`name_pattern`", "has no effect unless names keep images together");
  }
}

/// The only part of a data set without splits.
const Dataset& unsplit_images(const fs::path& data, const std::vector<OpenSplit>& splits) {
  const std::string where = one_line(data.string());
  if (splits.size() != 1 || splits.front().split) {
    std::vector<std::string> names;
    for (const OpenSplit& split : splits) names.emplace_back(split.split ? split_name(*split.split) : "none");
    throw UsageError(where, "has splits already: " + join(names, ", "), "give the folder of one of them");
  }
  const Dataset& images = *splits.front().images;
  if (images.size() == 0) throw InputError(where, "holds no images");
  if (images.classes() == 0) {
    throw UsageError(where, "holds images without classes", "put them into a folder a class, or list them in a file");
  }
  if (!images_are_files(images)) {
    throw UsageError(where, "holds records or an archive, whose images are not split", "unpack it first");
  }
  return images;
}

std::vector<SplitImage> list_images(const fs::path& root, const Dataset& dataset) {
  std::vector<SplitImage> images;
  images.reserve(static_cast<size_t>(dataset.size()));
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const fs::path path = (fs::path(dataset.where()) / image_name(dataset, i)).lexically_relative(root);
    images.push_back({path.string(), dataset.multi_label() ? 0 : dataset.label(i)});
  }
  return images;
}

std::vector<int64_t> labels_of(const Dataset& dataset, int64_t index) {
  const auto* listed = dynamic_cast<const LabelledFiles*>(&dataset);
  return dataset.multi_label() && listed != nullptr ? listed->labels(index) : std::vector{dataset.label(index)};
}

/// All for training.
std::vector<LabelRow> rows_of(const Dataset& dataset, const std::vector<SplitImage>& images) {
  std::vector<LabelRow> rows;
  for (size_t i = 0; i < images.size(); ++i) {
    LabelRow& row = rows.emplace_back(LabelRow{images[i].path, "", Split::kTrain});
    for (const int64_t label : labels_of(dataset, static_cast<int64_t>(i))) {
      const std::string& name = dataset.class_names()[static_cast<size_t>(label)];
      if (dataset.multi_label()) {
        row.labels.push_back(name);
      } else {
        row.label = name;
      }
    }
  }
  return rows;
}

/// The class of most of the images, the first of several.
int64_t class_of(const Members& group, const std::vector<SplitImage>& images) {
  std::map<int64_t, int64_t> counts;
  for (const size_t i : group) ++counts[images[i].label];
  return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
}

/// Groups of each class, in the order in which they are drawn.
std::vector<std::vector<Members>> drawn_groups(const std::vector<SplitImage>& images,
                                               const std::vector<size_t>& group_of, size_t classes, uint64_t seed) {
  std::map<size_t, Members> groups;
  for (size_t i = 0; i < images.size(); ++i) groups[group_of[i]].push_back(i);
  std::vector<std::vector<std::pair<std::string, Members>>> drawn(classes);
  for (auto& [first, members] : groups) {
    std::string key;
    for (const size_t i : members) {
      const std::string text = concat(seed, " ", images[i].path);
      const std::string hash = content_hash({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
      if (key.empty() || hash < key) key = hash;
    }
    drawn[static_cast<size_t>(class_of(members, images))].emplace_back(key, std::move(members));
  }
  std::vector<std::vector<Members>> result(classes);
  for (size_t c = 0; c < classes; ++c) {
    std::ranges::sort(drawn[c]);
    for (auto& [key, members] : drawn[c]) result[c].push_back(std::move(members));
  }
  return result;
}

/// Takes groups of one class until the next would lead further from `wanted` images than to leave it; at least one,
/// then the smallest. One stays.
std::vector<Members> take(std::vector<Members>& groups, int64_t wanted) {
  std::vector<Members> taken;
  int64_t images = 0;
  for (size_t i = 0; i < groups.size() && groups.size() > 1 && images < wanted;) {
    const auto size = static_cast<int64_t>(groups[i].size());
    if (images + size - wanted > wanted - images) {
      ++i;
      continue;
    }
    images += size;
    taken.push_back(std::move(groups[i]));
    groups.erase(groups.begin() + static_cast<ptrdiff_t>(i));
  }
  if (taken.empty() && groups.size() > 1) {
    const auto smallest = std::ranges::min_element(groups, {}, &Members::size);
    taken.push_back(std::move(*smallest));
    groups.erase(smallest);
  }
  return taken;
}

}  // namespace

SplitPlan plan_split(const fs::path& data, const std::vector<OpenSplit>& splits, const SplitOptions& options) {
  check_shares(options);
  const Dataset& dataset = unsplit_images(data, splits);
  const fs::path root = images_root(data);
  const std::vector<SplitImage> images = list_images(root, dataset);
  const std::vector<size_t> group_of = group_images(root, splits, images, options);
  SplitPlan plan;
  plan.classes = dataset.class_names();
  plan.several = dataset.multi_label();
  plan.counts.resize(plan.classes.size());
  plan.rows = rows_of(dataset, images);
  const size_t drawn_classes = plan.several ? 1 : plan.classes.size();
  for (std::vector<Members>& groups : drawn_groups(images, group_of, drawn_classes, options.seed)) {
    int64_t all = 0;
    for (const Members& group : groups) {
      all += static_cast<int64_t>(group.size());
      plan.groups += group.size() > 1 ? 1 : 0;
    }
    for (const auto& [split, share] :
         {std::pair(Split::kValidation, options.validation), {Split::kTest, options.test}}) {
      if (share == 0) continue;
      const auto wanted = std::max<int64_t>(std::llround(static_cast<double>(all) * share), 1);
      for (const Members& group : take(groups, wanted)) {
        for (const size_t i : group) plan.rows[i].split = split;
      }
    }
  }
  bool is_split = false;
  for (size_t i = 0; i < images.size(); ++i) {
    for (const int64_t label : labels_of(dataset, static_cast<int64_t>(i))) {
      ++plan.counts[static_cast<size_t>(label)][static_cast<size_t>(*plan.rows[i].split)];
    }
    is_split = is_split || plan.rows[i].split != Split::kTrain;
  }
  if (!is_split) {
    throw UsageError(one_line(data.string()), "cannot be split: every class is one image or one group",
                     "keep less together, or add images");
  }
  return plan;
}

bool can_be_split(const std::vector<OpenSplit>& splits) {
  if (splits.size() != 1 || splits.front().split) return false;
  const Dataset& images = *splits.front().images;
  return images.classes() > 0 && images_are_files(images);
}

std::unique_ptr<Dataset> open_planned(const fs::path& data, const SplitPlan& plan, Split split) {
  return open_rows(plan.rows, plan.several, images_root(data), split);
}

}  // namespace assemble
