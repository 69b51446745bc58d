// SPDX-License-Identifier: Apache-2.0
// The .toml file beside an .onnx file that others wrote.
#include <algorithm>
#include <functional>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/io/toml.h"
#include "foreign_limits.h"

namespace assemble {
namespace {

constexpr double kLargestValue = 1e6;

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
    try {
      return choices.parse(text(entry));
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
      {"classes", [this](const TomlEntry& entry) { options_.classes = text(entry); }}};
};

}  // namespace

ForeignModelOptions ForeignModelOptions::from_toml(const std::string& text, const std::string& where) {
  return OptionsReader(where).read(text);
}

}  // namespace assemble
