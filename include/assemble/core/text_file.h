// SPDX-License-Identifier: Apache-2.0
// Text files as people write them: any line ends, with or without a byte order mark, UTF-8, UTF-16 or Windows-1252.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// A line without its end and the blanks before it.
struct TextLine {
  std::string text;
  size_t number = 0;  ///< from 1
};

/// The bytes of a text file as UTF-8 without byte order mark. UTF-16 is told by its mark; what is no UTF-8 is taken as
/// Windows-1252, with a warning.
/// @param where file, named in messages
/// @throws InputError for bytes that are no text: zeros, damaged UTF-16
std::string decode_text(std::span<const uint8_t> bytes, const std::string& where);

/// Lines that end in \n, \r\n or \r; empty ones at the end are left out.
std::vector<TextLine> lines_of(std::string_view text);

/// @throws InputError when the file cannot be read or is no text
std::vector<TextLine> read_lines(const fs::path& file);

/// A list of names, one a line.
/// @throws InputError as read_lines does, and for an empty line between names: it may stand for a name or for nothing
std::vector<std::string> read_names(const fs::path& file);

/// Cells of a line of a CSV file: between commas, and where one is quoted, without the quotes.
std::vector<std::string> csv_cells(std::string_view line);

/// A text as a cell of a CSV file, in quotes where it has to be (RFC 4180).
std::string csv_cell(const std::string& text);

}  // namespace assemble
