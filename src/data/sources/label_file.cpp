// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/label_file.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <unordered_map>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/image/format.h"
#include "sources/labelled_files.h"
#include "sources/splits.h"

namespace assemble {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxLabelFile = uint64_t{1} << 30;
constexpr const char* kForms =
    "expected a CSV file with the columns image,label and perhaps split, a .jsonl file with such an object a line, or "
    "a .json file with a list of them, an object PATH: LABEL or COCO's images, annotations and categories";

using Names = std::span<const std::string_view>;
constexpr std::string_view kPathNames[] = {"image",    "path",       "file",       "file_name", "filename", "file_path",
                                           "filepath", "image_path", "image_name", "img",       "img_name", "image_id"};
constexpr std::string_view kLabelNames[] = {"label", "class", "class_name", "category", "target"};
constexpr std::string_view kSeveralName[] = {"labels"};
constexpr std::string_view kSplitNames[] = {"split", "subset", "set", "partition"};

/// The value whose name comes first among `names`; nullptr when there is none.
template <typename Value>
const Value* find_named(const std::map<std::string, Value>& values, Names names) {
  for (const std::string_view name : names) {
    if (const auto found = values.find(std::string(name)); found != values.end()) return &found->second;
  }
  return nullptr;
}

/// Takes rows one by one and holds them against each other.
class RowCollector {
 public:
  explicit RowCollector(bool labels) : labels_(labels) {}

  void add(const std::string& path, const std::string& label, const std::string* split, const std::string& where) {
    LabelRow row{checked_path(path, where), checked_label(label, where), {}, where};
    if (row.label.empty() && labels_) throw InputError(where, concat("'", one_line(path), "' has no label"), kForms);
    add(std::move(row), split, /*several=*/false);
  }

  void add(const std::string& path, const std::vector<std::string>& labels, const std::string* split,
           const std::string& where) {
    LabelRow row{checked_path(path, where), "", {}, where};
    for (const std::string& text : labels) {
      std::string label = checked_label(text, where);
      if (label.empty()) throw InputError(where, "an empty text among its labels", kForms);
      if (std::ranges::find(row.labels, label) == row.labels.end()) row.labels.push_back(std::move(label));
    }
    add(std::move(row), split, /*several=*/true);
  }

  LabelRows take(const std::string& where) && {
    if (result_.rows.empty()) throw InputError(where, "names no images", kForms);
    return std::move(result_);
  }

 private:
  void add(LabelRow row, const std::string* split, bool several) {
    const std::string where = row.where;
    if (result_.rows.empty()) result_.several = several;
    if (several != result_.several) {
      throw InputError(where,
                       several ? "has a list of labels, images before it have one label"
                               : "has one label, images before it have lists of them",
                       "give all of them \"label\", or all of them \"labels\"");
    }
    if (split != nullptr) {
      result_.splits = true;
      row.split = checked_split(*split, where);
    }
    const auto [earlier, is_new] = places_.emplace(row.path, result_.rows.size());
    if (!is_new) {
      const LabelRow& first = result_.rows[earlier->second];
      throw InputError(where,
                       concat("names '", one_line(row.path), "', as ", first.where, " does",
                              first.label == row.label && first.labels == row.labels ? "" : " with another label"),
                       several ? "an image has one line, with all its labels: remove the others"
                               : "an image has one line and one class: remove the others");
    }
    result_.rows.push_back(std::move(row));
  }

  static std::string checked_label(const std::string& text, const std::string& where) {
    std::string label = name_text(text);
    if (!is_on_one_line(label)) throw InputError(where, "a label with control characters", "rename the class");
    return label;
  }

  static bool is_on_one_line(const std::string& text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  }

  static std::string checked_path(const std::string& text, const std::string& where) {
    std::string path = text;
    if (path.find('/') == std::string::npos) std::ranges::replace(path, '\\', '/');
    const fs::path parts(path);
    const bool leaves = parts.is_absolute() || std::ranges::find(parts, fs::path("..")) != parts.end();
    const bool drive = path.size() > 1 && path[1] == ':';
    if (path.empty() || leaves || drive || path.find('\0') != std::string::npos) {
      throw InputError(where, concat("'", one_line(text), "' is no path inside the folder of the images"),
                       "give paths relative to the label file's folder, and put the file above the images");
    }
    return parts.lexically_normal().string();
  }

  static std::optional<Split> checked_split(const std::string& text, const std::string& where) {
    if (text.empty()) return std::nullopt;
    const auto split = split_called(text);
    if (!split) {
      throw InputError(where, concat("'", one_line(text), "' is no split"), "expected train, validation (val) or test");
    }
    return split_of(*split);
  }

  bool labels_;
  LabelRows result_;
  std::unordered_map<std::string, size_t> places_;
};

std::string line_of(const std::string& where, size_t number) { return concat(where, " line ", number); }

/// Where the values stand in a line of a CSV file.
struct Columns {
  size_t path = 0;
  std::optional<size_t> label = 1, split;
  size_t count = 2;
  bool named = false;
  bool several = false;
};

/// Labels between ';'.
std::vector<std::string> labels_in(const std::string& cell) {
  std::vector<std::string> labels;
  for (std::string& label : split(cell, ';')) {
    label.erase(label.find_last_not_of(' ') + 1);
    label.erase(0, label.find_first_not_of(' '));
    if (!label.empty()) labels.push_back(std::move(label));
  }
  return labels;
}

Columns find_columns(const std::vector<std::string>& first, const std::string& where) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < first.size(); ++i) {
    std::string name = to_lower(first[i]);
    name.erase(0, name.find_first_not_of(' '));
    if (!name.empty() && !places.emplace(name, i).second)
      throw InputError(where, concat("two columns are '", name, "'"));
  }
  const size_t* path = find_named(places, kPathNames);
  if (path == nullptr && format_of_extension(first[0]) != ImageFormat::kUnknown) {
    const auto second = first.size() > 1 ? std::optional<size_t>(1) : std::nullopt;
    if (first.size() > 3) throw InputError(where, concat(first.size(), " columns without names"), kForms);
    return {0, second, first.size() == 3 ? std::optional<size_t>(2) : std::nullopt, first.size(), false, false};
  }
  if (path == nullptr) throw InputError(where, "names no column 'image' (or 'path', 'file_name' …)", kForms);
  const auto optional = [](const size_t* place) { return place == nullptr ? std::nullopt : std::optional(*place); };
  const size_t* label = find_named(places, kLabelNames);
  const size_t* several = find_named(places, kSeveralName);
  if (label != nullptr && several != nullptr) {
    throw InputError(where, concat("has a column 'labels' beside '", first[*label], "'"), "remove one of them");
  }
  return {*path,
          optional(several != nullptr ? several : label),
          optional(find_named(places, kSplitNames)),
          first.size(),
          true,
          several != nullptr};
}

void read_csv(const std::string& text, const std::string& where, bool labels, RowCollector& rows) {
  std::optional<Columns> columns;
  for (const TextLine& line : lines_of(text)) {
    if (line.text.empty()) continue;
    const std::string here = line_of(where, line.number);
    if (std::ranges::count(line.text, '"') % 2 != 0) {
      throw InputError(here, "a quote that does not end on the line", "names with line ends in them cannot be read");
    }
    const std::vector<std::string> cells = csv_cells(line.text);
    if (!columns) {
      columns = find_columns(cells, here);
      if (labels && !columns->label) throw InputError(here, "names no column 'label' (or 'class' …)", kForms);
      if (columns->named) continue;
    }
    if (cells.size() != columns->count) {
      throw InputError(here, concat(cells.size(), " cells, expected ", columns->count),
                       "a comma within a cell needs quotes around it");
    }
    const std::string label = columns->label ? cells[*columns->label] : "";
    const std::string* split = columns->split ? &cells[*columns->split] : nullptr;
    if (columns->several) {
      rows.add(cells[columns->path], labels_in(label), split, here);
    } else {
      rows.add(cells[columns->path], label, split, here);
    }
  }
}

/// A label or an id: a text or a whole number.
std::string scalar_text(const json& value, const std::string& what, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  if (value.is_array()) throw InputError(where, concat("a list as ", what), "call it \"labels\" in all objects");
  throw InputError(where, concat(what, " is ", json_text(value).substr(0, 40), ", expected a text or a whole number"),
                   kForms);
}

std::vector<std::string> texts_in(const json& list, const std::string& where) {
  if (!list.is_array()) throw InputError(where, "'labels' is no list", "call it \"label\" where each image has one");
  std::vector<std::string> texts;
  for (const json& value : list) texts.push_back(scalar_text(value, "a label", where));
  return texts;
}

void add_object(const json& object, const std::string& path, const std::string& where, RowCollector& rows) {
  std::map<std::string, const json*> values;
  for (const auto& [key, value] : object.items()) values.emplace(to_lower(key), &value);
  const json* const* image = find_named(values, kPathNames);
  if (image == nullptr && path.empty()) throw InputError(where, "has no 'image' (or 'path', 'file_name' …)", kForms);
  const json* const* label = find_named(values, kLabelNames);
  const json* const* split = find_named(values, kSplitNames);
  std::string split_text;
  if (split != nullptr && !(*split)->is_null()) split_text = scalar_text(**split, "the split", where);
  const std::string image_text = image == nullptr ? path : scalar_text(**image, "the image", where);
  const std::string* split_of_image = split == nullptr ? nullptr : &split_text;
  if (const json* const* several = find_named(values, kSeveralName)) {
    if (label != nullptr) throw InputError(where, "has 'labels' beside a label", "remove one of them");
    return rows.add(image_text, texts_in(**several, where), split_of_image, where);
  }
  const bool labelled = label != nullptr && !(*label)->is_null();
  rows.add(image_text, labelled ? scalar_text(**label, "the label", where) : "", split_of_image, where);
}

void read_json_lines(const std::string& text, const std::string& where, RowCollector& rows) {
  for (const TextLine& line : lines_of(text)) {
    if (line.text.empty()) continue;
    const std::string here = line_of(where, line.number);
    const json object = json::parse(line.text, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) throw InputError(here, "is no JSON object", kForms);
    add_object(object, "", here, rows);
  }
}

/// Values of a list of objects by one of their keys.
std::unordered_map<std::string, std::string> by_id(const json& list, const char* value, const std::string& where) {
  std::unordered_map<std::string, std::string> values;
  for (const json& object : list) {
    const std::string id = scalar_text(object.at("id"), "an id", where);
    if (!values.emplace(id, scalar_text(object.at(value), value, where)).second) {
      throw InputError(where, concat("the id ", one_line(id), " occurs twice"));
    }
  }
  return values;
}

void read_coco(const json& file, const std::string& where, RowCollector& rows) {
  const auto names = by_id(file.at("categories"), "name", where + " categories");
  std::unordered_map<std::string, std::vector<std::string>> labels;
  bool several = false;
  for (const json& annotation : file.at("annotations")) {
    const std::string image = scalar_text(annotation.at("image_id"), "an image_id", where + " annotations");
    const std::string category = scalar_text(annotation.at("category_id"), "a category_id", where + " annotations");
    const auto name = names.find(category);
    if (name == names.end())
      throw InputError(where + " annotations", concat("there is no category ", one_line(category)));
    std::vector<std::string>& of_image = labels[image];
    if (std::ranges::find(of_image, name->second) == of_image.end()) of_image.push_back(name->second);
    several = several || of_image.size() > 1;
  }
  size_t number = 0;
  for (const json& image : file.at("images")) {
    const std::string here = concat(where, " images, entry ", ++number);
    const std::vector<std::string>& of_image = labels[scalar_text(image.at("id"), "an id", here)];
    const std::string path = scalar_text(image.at("file_name"), "file_name", here);
    if (several) {
      rows.add(path, of_image, nullptr, here);
    } else {
      rows.add(path, of_image.empty() ? "" : of_image.front(), nullptr, here);
    }
  }
}

void read_json(const std::string& text, const std::string& where, RowCollector& rows) {
  try {
    const json file = json::parse(text);
    if (file.is_object() && file.contains("images") && file.contains("annotations"))
      return read_coco(file, where, rows);
    if (!file.is_array() && !file.is_object()) throw InputError(where, "is no list or object", kForms);
    size_t number = 0;
    for (const auto& [key, value] : file.items()) {
      const std::string here = concat(where, " entry ", ++number);
      if (value.is_object()) {
        add_object(value, file.is_object() ? key : "", here, rows);
      } else if (file.is_object() && value.is_array()) {
        rows.add(key, texts_in(value, here), nullptr, here);
      } else if (file.is_object()) {
        rows.add(key, scalar_text(value, "the label", here), nullptr, here);
      } else {
        throw InputError(here, "is no object", kForms);
      }
    }
  } catch (const json::exception& error) {
    throw InputError(where, std::string("is not as expected: ") + one_line(json_problem(error)), kForms);
  }
}

std::string extension_of(const fs::path& file) { return to_lower(file.extension().string()); }

}  // namespace

bool is_label_file(const fs::path& file) {
  constexpr std::string_view kExtensions[] = {".csv", ".json", ".jsonl", ".ndjson"};
  return std::ranges::find(kExtensions, extension_of(file)) != std::end(kExtensions);
}

LabelRows parse_labels(const std::string& text, LabelForm form, bool labels, const std::string& where) {
  RowCollector rows(labels);
  switch (form) {
    case LabelForm::kCsv:
      read_csv(text, where, labels, rows);
      break;
    case LabelForm::kJson:
      read_json(text, where, rows);
      break;
    case LabelForm::kJsonLines:
      read_json_lines(text, where, rows);
      break;
  }
  return std::move(rows).take(where);
}

LabelRows read_label_file(const fs::path& file, bool labels) {
  const std::string where = one_line(file.string());
  if (!is_label_file(file)) throw InputError(where, "is no label file by its extension", kForms);
  const std::string extension = extension_of(file);
  const LabelForm form = extension == ".csv"    ? LabelForm::kCsv
                         : extension == ".json" ? LabelForm::kJson
                                                : LabelForm::kJsonLines;
  return parse_labels(decode_text(read_file(file, kMaxLabelFile), where), form, labels, where);
}

std::string label_file_text(const std::vector<LabelRow>& rows, bool several) {
  std::string text = several ? "image,labels,split\n" : "image,label,split\n";
  for (const LabelRow& row : rows) {
    for (const std::string& label : row.labels) {
      if (label.find(';') == std::string::npos) continue;
      throw InputError(one_line(label), "has a ';' in it, which stands between labels in a list", "rename the class");
    }
    const std::string labels = several ? join(row.labels, ";") : row.label;
    for (const std::string& value : {row.path, labels}) {
      if (is_utf8(value) && value.find_first_of("\r\n") == std::string::npos) continue;
      throw InputError(one_line(value), "has bytes in its name that a list cannot hold", "rename it in UTF-8");
    }
    text += concat(csv_cell(row.path), ",", csv_cell(labels), ",", row.split ? split_name(*row.split) : "", "\n");
  }
  return text;
}

}  // namespace assemble
