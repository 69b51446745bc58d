// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assemble {

/// A value of a TOML file that is no array and no table.
struct TomlValue {
  enum class Kind { kText, kInteger, kFloat, kBoolean, kDate };
  Kind kind = Kind::kText;
  std::string text;     ///< of a string: its content; of others: plain decimal digits, "true", "nan", the date
  std::string written;  ///< of a string: its content; of others: as it stands in the file
};

/// One key of a TOML file with what it is set to.
struct TomlEntry {
  std::vector<std::string> path;  ///< the tables it lies in, then its own name
  bool is_array = false;
  std::vector<TomlValue> values;  ///< one, unless it is an array
  size_t line = 0, column = 0;    ///< of the value, from 1
};

/// Reads TOML 1.0, in order of lines. Tables, dotted keys and inline tables come out alike, as paths.
///
/// A TOML file is UTF-8, but a path need not be: in strings, the characters U+10FF80 … U+10FFFF (private use) stand for
/// the bytes 0x80 … 0xFF, which toml_string() writes so when they are no UTF-8.
/// @param where names the text in errors, which say WHERE:LINE:COLUMN
/// @throws UsageError when it is no TOML, or holds what an option cannot be set to: arrays in arrays, tables in arrays
std::vector<TomlEntry> read_toml(std::string_view text, const std::string& where);

/// A string of any bytes as TOML, in double quotes, on one line.
std::string toml_string(std::string_view bytes);

}  // namespace assemble
