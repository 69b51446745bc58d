// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/encoding.h"

#include <utf8proc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace assemble {
namespace {

// Windows-1252 from 0x80 to 0x9F; 0: no character there, taken as Latin-1's. Elsewhere it is Latin-1.
constexpr uint16_t kWindows1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                       0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

/// Bytes of the character that the text begins with; 0 when it begins with none.
size_t character_length(std::string_view text) {
  utf8proc_int32_t ignored = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &ignored);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

/// Appends a character below U+10000.
void append(std::string& text, unsigned code) {
  if (code < 0x800) {
    text += static_cast<char>(0xC0 | (code >> 6));
  } else {
    text += static_cast<char>(0xE0 | (code >> 12));
    text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
  }
  text += static_cast<char>(0x80 | (code & 0x3F));
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t length = character_length(text);
    if (length > 0) {
      result += text.substr(0, length);
    } else {
      const auto byte = static_cast<uint8_t>(text[0]);
      const unsigned special = byte < 0xA0 ? kWindows1252[byte - 0x80] : 0;
      append(result, special != 0 ? special : byte);
      length = 1;
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string name_text(std::string_view name) {
  std::string text = to_utf8(name);
  utf8proc_uint8_t* composed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, std::free);
  return length < 0 ? text : std::string(reinterpret_cast<const char*>(composed), static_cast<size_t>(length));
}

std::string one_line(std::string_view text) {
  std::string result;
  for (const char c : to_utf8(text)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      result += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\x%02X", byte);
      result += escaped;
    }
  }
  return result;
}

}  // namespace assemble
