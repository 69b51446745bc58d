// SPDX-License-Identifier: Apache-2.0
#include "sources/labelled_files.h"

#include <algorithm>
#include <map>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "sources/listing.h"
#include "sources/splits.h"

namespace assemble {
namespace {

constexpr Split kAllSplits[] = {Split::kTrain, Split::kValidation, Split::kTest};

SplitName name_of(Split split) {
  if (split == Split::kTrain) return SplitName::kTrain;
  return split == Split::kTest ? SplitName::kTest : SplitName::kValidation;
}

std::optional<int64_t> whole_number(const std::string& text) {
  constexpr size_t kMostDigits = 18;
  const size_t digits = text.starts_with('-') ? 1 : 0;
  if (text.size() == digits || text.size() - digits > kMostDigits) return std::nullopt;
  if (text.find_first_not_of("0123456789", digits) != std::string::npos) return std::nullopt;
  return std::stoll(text);
}

std::vector<std::string> in_order(const std::set<std::string>& labels) {
  std::vector<std::string> names(labels.begin(), labels.end());
  if (std::ranges::all_of(names, [](const std::string& name) { return whole_number(name).has_value(); })) {
    std::ranges::stable_sort(names, {}, [](const std::string& name) { return *whole_number(name); });
  }
  return names;
}

/// A label file with the split of each of its rows.
class LabelSource {
 public:
  LabelSource(const fs::path& file, const fs::path& root, bool labels)
      : file_(file), root_(root), where_(one_line(file.string())), read_(read_label_file(file, labels)) {
    const auto named = split_in_file_name(file.filename().string());
    if (read_.splits || !named) return;
    read_.splits = true;  // train.csv
    for (LabelRow& row : read_.rows) row.split = split_of(named->split);
  }

  /// @param rows each with a split
  LabelSource(std::vector<LabelRow> rows, bool several, const fs::path& root)
      : file_("split"), root_(root), where_(one_line(root.string())), read_{std::move(rows), true, several} {}

  const std::string& where() const { return where_; }
  bool has_splits() const { return read_.splits; }

  std::vector<NamedSplit> splits() const {
    std::vector<NamedSplit> there;
    for (const Split split : kAllSplits) {
      if (!rows_of(split).empty()) there.push_back({split_name(split), name_of(split)});
    }
    return there;
  }

  /// @param split nothing: all rows
  std::vector<const LabelRow*> rows_of(const std::optional<Split>& split) const {
    std::vector<const LabelRow*> rows;
    for (const LabelRow& row : read_.rows) {
      if (!split || row.split == split) rows.push_back(&row);
    }
    return rows;
  }

  static std::vector<std::string> classes_of(const std::vector<const LabelRow*>& rows) {
    std::set<std::string> labels;
    for (const LabelRow* row : rows) {
      if (!row->label.empty()) labels.insert(row->label);
      labels.insert(row->labels.begin(), row->labels.end());
    }
    return in_order(labels);
  }

  /// @param known classes expected; empty: the rows' own
  std::unique_ptr<Dataset> open(const std::optional<Split>& split, std::vector<std::string> known) const {
    const std::vector<const LabelRow*> rows = rows_of(split);
    require_there(rows);
    if (known.empty()) known = classes_of(rows);
    std::map<std::string, int64_t> labels;
    for (const std::string& name : known) labels.emplace(name, static_cast<int64_t>(labels.size()));
    std::vector<LabelledFiles::File> files;
    files.reserve(rows.size());
    for (const LabelRow* row : rows) {
      LabelledFiles::File& file = files.emplace_back(LabelledFiles::File{row->path, -1});
      if (!row->label.empty()) file.label = number_of(row->label, row->where, labels, known);
      for (const std::string& label : row->labels) {
        file.labels.push_back(number_of(label, row->where, labels, known));
      }
    }
    const auto of_none = std::ranges::count_if(read_.rows, [](const LabelRow& row) { return !row.split.has_value(); });
    PassedOver passed_over;
    if (read_.splits && of_none > 0) passed_over["in no split"] = of_none;
    return std::make_unique<LabelledFiles>(
        root_, split ? concat(file_.filename().string(), " ", split_name(*split)) : file_.filename().string(),
        std::move(files), std::move(known), std::move(passed_over), read_.several);
  }

  /// @throws InputError where any number of labels may be right, which most work cannot do with
  void require_one_label() const {
    if (!read_.several) return;
    throw InputError(where_,
                     "any number of classes may be right for its images, which train, eval, predict and dataset split "
                     "alone take",
                     "give each image one, in a column or key 'label'");
  }

 private:
  static int64_t number_of(const std::string& label, const std::string& where,
                           const std::map<std::string, int64_t>& numbers, const std::vector<std::string>& known) {
    const auto found = numbers.find(label);
    if (found != numbers.end()) return found->second;
    const std::string near = nearest(label, known);
    throw InputError(where,
                     concat("'", label, "' is none of the ", known.size(), " classes of the training split",
                            near.empty() ? "" : concat("; the nearest is '", near, "'")),
                     "correct the label or remove the line");
  }

  /// One file that is missing is an image that cannot be read; many mean another folder.
  void require_there(const std::vector<const LabelRow*>& rows) const {
    constexpr size_t kLooked = 16;
    const size_t looked = std::min(rows.size(), kLooked);
    for (size_t i = 0; i < looked; ++i) {
      std::error_code code;
      if (fs::exists(root_ / rows[i]->path, code)) return;
    }
    if (rows.empty()) return;
    throw InputError(rows.front()->where,
                     concat("'", one_line(rows.front()->path), "' is not in ", one_line(root_.string()),
                            looked > 1 ? concat(", nor are the ", looked - 1, " after it") : ""),
                     "paths are relative to that folder and have the files' extensions");
  }

  fs::path file_, root_;
  std::string where_;
  LabelRows read_;
};

}  // namespace

fs::path images_root(const fs::path& data) {
  std::error_code code;
  if (!is_label_file(data) || fs::is_directory(data, code)) return data;
  return data.has_parent_path() ? data.parent_path() : fs::path(".");
}

LabelledFiles::LabelledFiles(fs::path root, std::string part, std::vector<File> files,
                             std::vector<std::string> class_names, PassedOver passed_over, bool several)
    : root_(std::move(root)),
      part_(std::move(part)),
      files_(std::move(files)),
      class_names_(std::move(class_names)),
      passed_over_(std::move(passed_over)),
      several_(several) {}

Sample LabelledFiles::read(int64_t index) const {
  const File& file = files_.at(static_cast<size_t>(index));
  Sample sample = read_image_file(root_ / file.path, file.label);
  sample.labels = file.labels;
  return sample;
}

std::unique_ptr<Dataset> open_label_file(const fs::path& file, const fs::path& root, const std::optional<Split>& split,
                                         ClassRule rule) {
  const LabelSource source(file, root, /*labels=*/split.has_value());
  if (split && rule != ClassRule::kSeveral) source.require_one_label();
  if (!source.has_splits()) {
    if (split && *split != Split::kValidation) {
      throw NoSuchSplit(source.where(), concat("holds no ", split_name(*split), " split"),
                        "expected a column 'split' with train, validation or test");
    }
    return source.open(std::nullopt, {});
  }
  const auto chosen = choose_any(split, source.splits(), source.where());
  if (!chosen) {
    throw NoSuchSplit(source.where(), concat("names no ", split_name(split.value_or(Split::kTrain)), " images"),
                      "expected train, validation or test in its column 'split'");
  }
  const auto taken = std::ranges::find(kAllSplits, *chosen, split_name);
  std::vector<std::string> known;
  if (has_training_classes(split, rule)) known = LabelSource::classes_of(source.rows_of(Split::kTrain));
  auto dataset = source.open(*taken, std::move(known));
  warn_passed_over(dataset->passed_over(), source.where());
  return dataset;
}

std::unique_ptr<Dataset> open_rows(const std::vector<LabelRow>& rows, bool several, const fs::path& root, Split split) {
  const LabelSource source(rows, several, root);
  return source.open(split, LabelSource::classes_of(source.rows_of(Split::kTrain)));
}

std::vector<OpenSplit> open_label_splits(const fs::path& file, const fs::path& root, bool several) {
  const LabelSource source(file, root, /*labels=*/true);
  if (!several) source.require_one_label();
  std::vector<OpenSplit> splits;
  for (const Split split : kAllSplits) {
    if (source.has_splits() && !source.rows_of(split).empty()) splits.push_back({split, source.open(split, {})});
  }
  if (splits.empty()) splits.push_back({std::nullopt, source.open(std::nullopt, {})});
  return splits;
}

}  // namespace assemble
