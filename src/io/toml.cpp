// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/toml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

// Some malformed input meets assertions alone, which would be assumptions with NDEBUG.
#undef NDEBUG
#define TOML_ASSERT(expression) (static_cast<bool>(expression) ? static_cast<void>(0) : ::assemble::refuse_toml())
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
namespace assemble {
namespace {
struct NotToml {};
[[noreturn]] void refuse_toml() { throw NotToml(); }
}  // namespace
}  // namespace assemble
#include <toml++/impl/forward_declarations.h>
// Asked whether U+FAE6 … U+FEFE are blanks, 3.3 comes to what it takes for unreachable: they are none.
#pragma push_macro("TOML_UNREACHABLE")
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#pragma pop_macro("TOML_UNREACHABLE")
#include <toml++/toml.h>

#include "assemble/core/error.h"

namespace assemble {
namespace {

/// Bytes that are no UTF-8 are written as kByteBase + byte.
constexpr uint32_t kByteBase = 0x10FF00;
/// Each dot of a key is a table in a table, which the library makes and destroys by recursion without a limit.
constexpr std::ptrdiff_t kMostDots = 500;

struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;  ///< bytes; 0: they are no UTF-8
};

CodePoint decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  uint32_t value = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < kLeast[length] || value > 0x10FFFF || surrogate ? CodePoint{} : CodePoint{value, length};
}

bool stands_for_byte(uint32_t value) { return value >= kByteBase + 0x80; }

/// What a string of the file means: characters that stand for bytes become those bytes.
std::string original_bytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const size_t length = std::max<size_t>(point.length, 1);
    if (point.length > 0 && stands_for_byte(point.value)) {
      bytes += static_cast<char>(point.value - kByteBase);
    } else {
      bytes += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return bytes;
}

std::string escape(char kind, int digits, uint32_t value) {
  std::string text = {'\\', kind};
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789ABCDEF"[value >> shift & 0xF];
  return text;
}

template <typename Number>
std::string digits_of(Number number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& where) : text_(text), where_(where) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    lines_.push_back(0);
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\n') lines_.push_back(i + 1);
    }
  }

  std::vector<TomlEntry> run() {
    check_encoding();
    check_depth();
    try {
      add_table(toml::parse(text_, where_), {});
    } catch (const toml::parse_error& error) {
      fail(error.source(), std::string(error.description()));
    } catch (const NotToml&) {
      throw UsageError(where_, "is no TOML: a key is malformed");
    }
    std::sort(entries_.begin(), entries_.end(), [](const TomlEntry& a, const TomlEntry& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return std::move(entries_);
  }

 private:
  [[noreturn]] void fail(const toml::source_region& at, const std::string& what, const std::string& hint = "") const {
    throw UsageError(concat(where_, ":", at.begin.line, ":", at.begin.column), what, hint);
  }

  void check_encoding() const {
    if (!text_.starts_with("\xFF\xFE") && !text_.starts_with("\xFE\xFF")) return;
    throw UsageError(where_, "is UTF-16, expected UTF-8", "save it as UTF-8 in the editor");
  }

  void check_depth() const {
    std::ptrdiff_t dots = 0;
    for (const char c : text_) {
      dots = c == '\n' || c == '=' || c == ',' || c == '{' ? 0 : dots + (c == '.' ? 1 : 0);
      if (dots > kMostDots) throw UsageError(where_, concat("has a key of more than ", kMostDots, " parts"));
    }
  }

  void add_table(const toml::table& table, const std::vector<std::string>& path) {
    for (const auto& [key, node] : table) {
      std::vector<std::string> inner = path;
      inner.push_back(original_bytes(key.str()));
      if (const toml::table* child = node.as_table()) {
        add_table(*child, inner);
      } else {
        add_entry(node, std::move(inner));
      }
    }
  }

  void add_entry(const toml::node& node, std::vector<std::string> path) {
    const toml::source_position begin = node.source().begin;
    TomlEntry entry{std::move(path), node.is_array(), {}, begin.line, begin.column};
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        if (element.is_array() || element.is_table()) {
          fail(element.source(), concat("'", entry.path.back(), "' holds an array or a table in an array"),
               "an array holds numbers or strings");
        }
        entry.values.push_back(value_of(element));
      }
    } else {
      entry.values.push_back(value_of(node));
    }
    entries_.push_back(std::move(entry));
  }

  TomlValue value_of(const toml::node& node) const {
    if (const auto* text = node.as_string()) {
      const std::string bytes = original_bytes(text->get());
      return {TomlValue::Kind::kText, bytes, bytes};
    }
    const std::string written(as_written(node.source()));
    if (const auto* number = node.as_integer()) return {TomlValue::Kind::kInteger, digits_of(number->get()), written};
    if (const auto* number = node.as_floating_point()) {
      return {TomlValue::Kind::kFloat, digits_of(number->get()), written};
    }
    if (const auto* value = node.as_boolean()) {
      return {TomlValue::Kind::kBoolean, value->get() ? "true" : "false", written};
    }
    return {TomlValue::Kind::kDate, written, written};
  }

  /// Columns count characters, not bytes.
  std::string_view as_written(const toml::source_region& region) const {
    std::string_view rest = text_.substr(lines_.at(region.begin.line - 1));
    const auto skip = [&rest](size_t characters) {
      size_t bytes = 0;
      for (; characters > 0 && bytes < rest.size(); --characters) {
        bytes += std::max<size_t>(decode(rest.substr(bytes)).length, 1);
      }
      return bytes;
    };
    rest.remove_prefix(skip(region.begin.column - 1));
    return rest.substr(0, skip(region.end.column - region.begin.column));
  }

  std::string_view text_;
  const std::string& where_;
  std::vector<size_t> lines_;  ///< where each begins
  std::vector<TomlEntry> entries_;
};

}  // namespace

std::vector<TomlEntry> read_toml(std::string_view text, const std::string& where) { return Reader(text, where).run(); }

std::string toml_string(std::string_view bytes) {
  std::string text = "\"";
  while (!bytes.empty()) {
    const CodePoint point = decode(bytes);
    size_t length = std::max<size_t>(point.length, 1);
    const auto byte = static_cast<uint8_t>(bytes[0]);
    if (point.length == 0 || stands_for_byte(point.value)) {
      text += escape('U', 8, kByteBase + byte);
      length = 1;
    } else if (byte == '"' || byte == '\\') {
      text += {'\\', bytes[0]};
    } else if (point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0)) {
      text += escape('u', 4, point.value);
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return text + "\"";
}

}  // namespace assemble
