// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

#include "assemble/core/terminal.h"

namespace assemble {
namespace {

template <typename... Form>
void append_number(std::string& text, Form... form) {
  char digits[400];  // the longest: 309 digits before the point, 50 behind it
  text.append(digits, std::to_chars(digits, digits + sizeof digits, form...).ptr);
}

/// Letters that are put in, left out, changed or swapped with the next.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1), above(b.size() + 1), before(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j] + (a[i] == b[j] ? 0 : 1), row[j] + 1, above[j + 1] + 1});
      const bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (swapped) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row.back();
}

/// A number, perhaps with a unit behind it: "12", "-3.5", "81.2%", "4.3 GiB", "5.1x".
bool is_number(std::string_view cell) {
  std::string_view unit;
  return parse_number(cell, &unit) && (unit.empty() || unit[0] == '%' || unit[0] == ' ' || unit[0] == 'x');
}

bool is_right_aligned(const std::vector<std::vector<std::string>>& rows, size_t column) {
  bool any = false;
  for (size_t r = 1; r < rows.size(); ++r) {
    if (column >= rows[r].size() || rows[r][column].empty() || rows[r][column] == "-") continue;
    if (!is_number(rows[r][column])) return false;
    any = true;
  }
  return any;
}

}  // namespace

namespace detail {

void append_integer(std::string& text, long long value) { append_number(text, value); }
void append_integer(std::string& text, unsigned long long value) { append_number(text, value); }

void append_real(std::string& text, double value) { append_number(text, value, std::chars_format::general, 6); }

void append_streamed(std::string& text, const void* part, void (*stream)(std::ostream& stream, const void* part)) {
  std::ostringstream streamed;
  streamed.imbue(std::locale::classic());
  stream(streamed, part);
  text += streamed.str();
}

}  // namespace detail

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string lower = to_lower(word);
  std::string best;
  size_t best_distance = (word.size() + 1) / 3 + 1;  // half a short word is another word
  for (const std::string& candidate : candidates) {
    size_t distance = edit_distance(lower, to_lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  size_t columns = 0;
  for (const auto& row : rows) columns = std::max(columns, row.size());
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> right(columns);
  for (size_t c = 0; c < columns; ++c) {
    for (const auto& row : rows) {
      if (c < row.size()) widths[c] = std::max(widths[c], display_width(row[c]));
    }
    right[c] = is_right_aligned(rows, c);
  }

  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - display_width(row[c]), ' ');
      if (c > 0) line += "  ";
      line += right[c] ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  }
  return table;
}

std::optional<double> parse_number(std::string_view text, std::string_view* rest) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size()));
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  if (rest != nullptr) *rest = text.substr(static_cast<size_t>(end - text.data()));
  return number;
}

std::string format_number(double value, int decimals) {
  std::string text;
  append_number(text, value, std::chars_format::fixed, std::clamp(decimals, 0, 50));
  return text;
}

std::string show_shape(const std::vector<int64_t>& shape) {
  std::vector<std::string> parts;
  parts.reserve(shape.size());
  for (const int64_t extent : shape) parts.push_back(std::to_string(extent));
  return "[" + join(parts, ", ") + "]";
}

std::string zero_padded(uint64_t number, size_t digits) {
  const std::string text = concat(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 59.95) return format_number(seconds, 1) + "s";
  const bool hours = seconds >= 3599.5;
  const auto whole = static_cast<uint64_t>(std::llround(hours ? seconds / 60 : seconds));
  return concat(whole / 60, hours ? 'h' : 'm', zero_padded(whole % 60, 2), hours ? 'm' : 's');
}

}  // namespace assemble
