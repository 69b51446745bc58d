// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text_file.h"

#include <utf8proc.h>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"

namespace assemble {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
constexpr const char* kHint = "save it as plain text in UTF-8";

bool begins(std::span<const uint8_t> bytes, std::initializer_list<uint8_t> mark) {
  return bytes.size() >= mark.size() && std::equal(mark.begin(), mark.end(), bytes.begin());
}

std::string from_utf16(std::span<const uint8_t> bytes, bool big_endian, const std::string& where) {
  const auto fail = [&] { throw InputError(where, "damaged UTF-16 text", kHint); };
  if (bytes.size() % 2 != 0) fail();
  const auto unit = [&](size_t i) -> uint32_t {
    return big_endian ? bytes[i] * 256u + bytes[i + 1] : bytes[i + 1] * 256u + bytes[i];
  };
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint32_t code = unit(i);
    if (code >= 0xD800 && code < 0xE000) {  // the first of a pair, or nothing that may stand here
      i += 2;
      const uint32_t second = i < bytes.size() ? unit(i) : 0;
      if (code >= 0xDC00 || second < 0xDC00 || second >= 0xE000) fail();
      code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    }
    utf8proc_uint8_t encoded[4];
    const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), encoded);
    text.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(length));
  }
  return text;
}

}  // namespace

std::string decode_text(std::span<const uint8_t> bytes, const std::string& where) {
  std::string text;
  if (begins(bytes, {0xFF, 0xFE}) || begins(bytes, {0xFE, 0xFF})) {
    text = from_utf16(bytes.subspan(2), bytes[0] == 0xFE, where);
  } else {
    if (begins(bytes, {0xEF, 0xBB, 0xBF})) bytes = bytes.subspan(3);
    text.assign(bytes.begin(), bytes.end());
  }
  if (text.find('\0') != std::string::npos) throw InputError(where, "holds zero bytes: it is no text", kHint);
  if (is_utf8(text)) return text;
  log_warning(where + ": is not UTF-8; read as Windows-1252");
  return to_utf8(text);
}

std::vector<TextLine> lines_of(std::string_view text) {
  std::vector<TextLine> lines;
  for (size_t begin = 0, number = 1; begin < text.size(); ++number) {
    const size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    const size_t blank = line.find_last_not_of(" \t\f\v") + 1;
    lines.push_back({std::string(line.substr(0, blank)), number});
    begin = end + (text.substr(end).starts_with("\r\n") ? 2 : 1);
  }
  while (!lines.empty() && lines.back().text.empty()) lines.pop_back();
  return lines;
}

std::vector<TextLine> read_lines(const fs::path& file) {
  return lines_of(decode_text(read_file(file, kMaxBytes), one_line(file.string())));
}

std::vector<std::string> read_names(const fs::path& file) {
  std::vector<std::string> names;
  for (TextLine& line : read_lines(file)) {
    if (line.text.empty()) {
      throw InputError(concat(one_line(file.string()), " line ", line.number), "is empty between two names",
                       "remove it, or write the name that belongs there");
    }
    names.push_back(std::move(line.text));
  }
  return names;
}

std::vector<std::string> csv_cells(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      const bool doubled = quoted && i + 1 < line.size() && line[i + 1] == '"';
      if (doubled) {
        cells.back() += line[++i];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace assemble
