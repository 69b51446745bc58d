// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "assemble/core/text.h"

namespace assemble {
namespace {

std::string_view environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<size_t> wished_columns() {
  const std::string_view text = environment_text("COLUMNS");
  size_t columns = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && columns > 0;
  return is_number ? std::optional(columns) : std::nullopt;
}

/// The first character of a text: its bytes, and the columns that it takes. What is no UTF-8 is a byte of one column.
struct Character {
  size_t bytes = 1;
  size_t columns = 1;
};

Character first_character(std::string_view text) {
  utf8proc_int32_t code = 0;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                      static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (bytes <= 0) return {};
  return {static_cast<size_t>(bytes), static_cast<size_t>(std::max(0, utf8proc_charwidth(code)))};
}

}  // namespace

Terminal terminal_of(int descriptor) {
  Terminal terminal;
  const bool is_terminal = isatty(descriptor) == 1;
  winsize size{};
  if (const auto wished = wished_columns()) {
    terminal.columns = *wished;
  } else if (is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  terminal.redraws = is_terminal && environment_text("TERM") != "dumb";
  terminal.colours = terminal.redraws && environment_text("NO_COLOR").empty();
  return terminal;
}

size_t display_width(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const Character first = first_character(text);
    columns += first.columns;
    text.remove_prefix(first.bytes);
  }
  return columns;
}

std::string cut_to_width(std::string_view text, size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t kept = 0;
  for (size_t taken = 1;;) {  // "…" takes one
    const Character next = first_character(text.substr(kept));
    taken += next.columns;
    if (taken > columns) return concat(text.substr(0, kept), "…");
    kept += next.bytes;
  }
}

std::vector<std::string> wrap(std::string_view text, size_t columns) {
  std::vector<std::string> lines(1);
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) continue;
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (display_width(line) + 1 + display_width(word) <= columns) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

}  // namespace assemble
