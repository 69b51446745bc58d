// SPDX-License-Identifier: Apache-2.0
#include "common/earlier_config.h"

#include <algorithm>
#include <vector>

#include "assemble/core/text.h"
#include "assemble/io/toml.h"

namespace assemble::cli {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-.";

/// Takes a value off the front of `rest`: in quotes, without escapes, up to the quote before `ends` or the end; else up
/// to one of `ends`.
std::string take_value(std::string_view& rest, std::string_view ends) {
  const bool quoted = !rest.empty() && (rest[0] == '"' || rest[0] == '\'');
  if (quoted) {
    size_t quote = rest.find(rest[0], 1);
    while (quote != std::string_view::npos && quote + 1 < rest.size() &&
           ends.find(rest[quote + 1]) == std::string_view::npos) {
      quote = rest.find(rest[0], quote + 1);
    }
    if (quote != std::string_view::npos) {
      const std::string value = toml_string(rest.substr(1, quote - 1));
      rest.remove_prefix(quote + 1);
      return value;
    }
  }
  const std::string_view word = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(word.size());
  return word == "true" || word == "false" ? std::string(word) : toml_string(word);
}

std::string take_array(std::string_view rest) {
  std::string array = "[";
  while (!rest.empty()) {
    array += take_value(rest, ",") + ", ";
    rest.remove_prefix(std::min(rest.find_first_not_of(", "), rest.size()));
  }
  return array + "]";
}

/// Whether there is the head of a group, "# Network Options" between empty lines, as version 0.1 wrote them.
bool has_groups(const std::vector<std::string>& lines) {
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const bool head = lines[i].starts_with("# ") && lines[i].ends_with(" Options");
    if (head && lines[i - 1].empty() && lines[i + 1].empty()) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> from_earlier_config(const std::string& text) {
  if (!has_groups(split(text, '\n'))) return {};
  std::string toml;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty() || line[0] == '#') {
      toml += line + "\n";
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string::npos || line.find_first_not_of(kNameCharacters) != equals) return {};
    std::string_view value = std::string_view(line).substr(equals + 1);
    if (value.empty() || value[0] == ' ') return {};
    const bool is_array = value.size() > 1 && value[0] == '[' && value.back() == ']';
    toml += line.substr(0, equals + 1) +
            (is_array ? take_array(value.substr(1, value.size() - 2)) : take_value(value, "")) + "\n";
  }
  return toml;
}

}  // namespace assemble::cli
