// SPDX-License-Identifier: Apache-2.0
// The .toml file beside a network's file that others wrote.
#include "assemble/deploy/foreign_options.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/io/toml.h"
#include "foreign_limits.h"

namespace assemble {
namespace {

constexpr double kLargestValue = 1e6;
constexpr uint64_t kLargestFile = uint64_t{1} << 20;

class OptionsReader {
 public:
  explicit OptionsReader(const std::string& where) : where_(where) {}

  ForeignModelOptions read(const std::string& text) {
    for (const TomlEntry& entry : read_toml(text, where_)) {
      std::string key = join(entry.path, ".");
      std::replace(key.begin(), key.end(), '_', '-');
      const auto found = setters_.find(key);
      at_ = concat(where_, ":", entry.line, ":", entry.column);
      key_ = key;
      if (found == setters_.end()) refuse_key();
      if (const auto [earlier, is_new] = lines_.emplace(key, entry.line); !is_new) {
        throw UsageError(at_, concat("'", key, "' was set before, in line ", earlier->second));
      }
      found->second(entry);
    }
    return std::move(options_);
  }

 private:
  [[noreturn]] void refuse_key() const {
    std::vector<std::string> keys;
    for (const auto& [key, setter] : setters_) keys.push_back(key);
    const std::string near = nearest(key_, keys);
    throw UsageError(at_, concat("unknown key '", key_, "'"),
                     near.empty() ? "the keys are " + join(keys, ", ") : concat("did you mean ", near, "?"));
  }

  [[noreturn]] void expect(const std::string& what) const {
    throw UsageError(at_, concat("'", key_, "' is not as expected"), "expected " + what);
  }

  const TomlValue& one(const TomlEntry& entry, const std::string& what) const {
    if (entry.is_array || entry.values.size() != 1) expect(what);
    return entry.values.front();
  }

  std::string text(const TomlEntry& entry) const {
    const TomlValue& value = one(entry, "a string");
    if (value.kind != TomlValue::Kind::kText || value.text.empty()) expect("a string that is not empty");
    return value.text;
  }

  template <typename Enum, size_t N>
  Enum word(const TomlEntry& entry, const Choices<Enum, N>& choices) const {
    const std::string given = text(entry);
    try {
      return choices.parse(given);
    } catch (const UsageError& error) {
      throw UsageError(at_, error.what());
    }
  }

  int whole(const TomlEntry& entry, int least, int most) const {
    const std::string expected = concat("a whole number from ", least, " to ", most);
    const TomlValue& value = one(entry, expected);
    const double number = value.kind == TomlValue::Kind::kInteger ? parse_number(value.text).value_or(-1) : -1;
    if (!(number >= least && number <= most)) expect(expected);
    return static_cast<int>(number);
  }

  bool truth(const TomlEntry& entry) const {
    const TomlValue& value = one(entry, "true or false");
    if (value.kind != TomlValue::Kind::kBoolean) expect("true or false");
    return value.text == "true";
  }

  double above_zero(const TomlEntry& entry) const {
    const TomlValue& value = one(entry, "a number above 0");
    const bool is_number = value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat;
    const double number = is_number ? parse_number(value.text).value_or(0) : 0;
    if (!(number > 0 && number <= kLargestValue)) expect("a number above 0");
    return number;
  }

  template <size_t N>
  std::array<float, N> numbers(const TomlEntry& entry, double above) const {
    const std::string expected =
        concat("an array of ", N, " numbers", above == 0 ? " above 0" : concat(" within ±", kLargestValue));
    if (!entry.is_array || entry.values.size() != N) expect(expected);
    std::array<float, N> result{};
    for (size_t i = 0; i < N; ++i) {
      const TomlValue& value = entry.values[i];
      const bool is_number = value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat;
      const double number = is_number ? parse_number(value.text).value_or(2 * kLargestValue) : 2 * kLargestValue;
      if (!(number > above && number <= kLargestValue)) expect(expected);
      result[i] = static_cast<float>(number);
    }
    return result;
  }

  std::string where_;
  std::string at_, key_;  ///< place and name of the present key
  std::map<std::string, size_t> lines_;
  ForeignModelOptions options_;
  using Setter = std::function<void(const TomlEntry&)>;
  const std::map<std::string, Setter> setters_{
      {"layout", [this](const TomlEntry& entry) { options_.layout = word(entry, kImageLayouts); }},
      {"channels", [this](const TomlEntry& entry) { options_.channels = word(entry, kChannelOrders); }},
      {"value-range",
       [this](const TomlEntry& entry) {
         options_.value_range = numbers<2>(entry, -kLargestValue);
         if ((*options_.value_range)[0] >= (*options_.value_range)[1]) expect("the lower value first");
       }},
      {"mean", [this](const TomlEntry& entry) { options_.mean = numbers<3>(entry, -kLargestValue); }},
      {"deviation", [this](const TomlEntry& entry) { options_.deviation = numbers<3>(entry, 0); }},
      {"size", [this](const TomlEntry& entry) { options_.size = whole(entry, 1, foreign::kLargestSide); }},
      {"resize", [this](const TomlEntry& entry) { options_.resize = whole(entry, 1, foreign::kLargestSide); }},
      {"crop", [this](const TomlEntry& entry) { options_.crop = word(entry, kCropModes); }},
      {"interpolation", [this](const TomlEntry& entry) { options_.interpolation = word(entry, kInterpolations); }},
      {"antialias", [this](const TomlEntry& entry) { options_.antialias = truth(entry); }},
      {"output", [this](const TomlEntry& entry) { options_.output = word(entry, kOutputKinds); }},
      {"output-name", [this](const TomlEntry& entry) { options_.output_name = text(entry); }},
      {"label-offset",
       [this](const TomlEntry& entry) { options_.label_offset = whole(entry, 0, foreign::kMostOutputs); }},
      {"embedding-name", [this](const TomlEntry& entry) { options_.embedding_name = text(entry); }},
      {"temperature", [this](const TomlEntry& entry) { options_.temperature = above_zero(entry); }},
      {"classes", [this](const TomlEntry& entry) { options_.classes = fs::path(where_).parent_path() / text(entry); }}};
};

/// The shortest digits that read back equal.
template <typename Number>
std::string digits(Number number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

template <size_t N>
std::string array_text(const std::array<float, N>& numbers) {
  std::vector<std::string> parts;
  parts.reserve(N);
  for (const float number : numbers) parts.push_back(digits(number));
  return concat("[", join(parts, ", "), "]");
}

/// Lines of a value that begins in line `first`, from 1: an array may go on over some.
size_t lines_of_value(const std::vector<std::string>& lines, size_t first, bool is_array) {
  size_t last = first;
  while (is_array && last < lines.size() && lines[last - 1].find(']') == std::string::npos) ++last;
  return last - first + 1;
}

}  // namespace

ForeignModelOptions ForeignModelOptions::from_toml(const std::string& text, const std::string& where) {
  return OptionsReader(where).read(text);
}

std::map<std::string, std::string> ForeignModelOptions::to_keys(const fs::path& folder) const {
  std::map<std::string, std::string> keys;
  const auto set = [&](const char* key, const auto& value, const auto& show) {
    if (value) keys[key] = show(*value);
  };
  const auto word = [](const auto& choices) {
    return [choices](auto value) { return toml_string(choices.name(value)); };
  };
  const auto array = [](const auto& numbers) { return array_text(numbers); };
  const auto number = [](auto value) { return digits(value); };
  set("layout", layout, word(kImageLayouts));
  set("channels", channels, word(kChannelOrders));
  set("value-range", value_range, array);
  set("mean", mean, array);
  set("deviation", deviation, array);
  set("size", size, number);
  set("resize", resize, number);
  set("crop", crop, word(kCropModes));
  set("interpolation", interpolation, word(kInterpolations));
  set("antialias", antialias, [](bool value) { return std::string(value ? "true" : "false"); });
  set("output", output, word(kOutputKinds));
  set("label-offset", label_offset, number);
  set("temperature", temperature, number);
  if (!output_name.empty()) keys["output-name"] = toml_string(output_name);
  if (!embedding_name.empty()) keys["embedding-name"] = toml_string(embedding_name);
  if (!classes.empty()) {
    keys["classes"] =
        toml_string((folder.empty() ? classes : fs::absolute(classes).lexically_proximate(folder)).string());
  }
  return keys;
}

std::string ForeignModelOptions::to_toml(const fs::path& folder) const {
  std::string text;
  for (const auto& [key, value] : to_keys(folder)) text += concat(key, " = ", value, "\n");
  return text;
}

ForeignModelOptions ForeignModelOptions::or_else(const ForeignModelOptions& others) const {
  ForeignModelOptions result = *this;
  const auto fill = [&](auto... members) {
    const auto one = [&](auto member) {
      if (!(result.*member)) result.*member = others.*member;
    };
    (one(members), ...);
  };
  using O = ForeignModelOptions;
  fill(&O::layout, &O::channels, &O::value_range, &O::mean, &O::deviation, &O::size, &O::resize, &O::crop,
       &O::interpolation, &O::antialias, &O::output, &O::label_offset, &O::temperature);
  if (output_name.empty()) result.output_name = others.output_name;
  if (embedding_name.empty()) result.embedding_name = others.embedding_name;
  if (classes.empty()) result.classes = others.classes;
  result.assume = assume || others.assume;
  return result;
}

fs::path foreign_options_file(const fs::path& network) { return fs::path(network).replace_extension(".toml"); }

ForeignModelOptions foreign_options(const fs::path& network, const ForeignModelOptions& given) {
  const fs::path file = foreign_options_file(network);
  if (!fs::exists(file)) return given;
  const std::string text = decode_text(read_file(file, kLargestFile), file.string());
  return given.or_else(ForeignModelOptions::from_toml(text, file.string()));
}

void set_foreign_keys(const fs::path& network, const std::map<std::string, std::string>& keys) {
  const fs::path file = foreign_options_file(network);
  const std::string text = fs::exists(file) ? decode_text(read_file(file, kLargestFile), file.string()) : "";
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::vector<TomlEntry> entries = read_toml(text, file.string());
  std::ranges::reverse(entries);  // places of earlier lines stay
  for (const TomlEntry& entry : entries) {
    std::string key = join(entry.path, ".");
    std::ranges::replace(key, '_', '-');
    if (!keys.contains(key)) continue;
    const auto begin = lines.begin() + static_cast<ptrdiff_t>(entry.line) - 1;
    lines.erase(begin, begin + static_cast<ptrdiff_t>(lines_of_value(lines, entry.line, entry.is_array)));
  }
  for (const auto& [key, value] : keys) lines.push_back(concat(key, " = ", value));
  write_file(file, std::string_view(join(lines, "\n") + "\n"));
}

}  // namespace assemble
