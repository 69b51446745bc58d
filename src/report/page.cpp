// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include <cmath>

#include "assemble/core/error.h"
#include "fill.h"
#include "report/assets.h"

namespace assemble::report {
namespace {

constexpr size_t kColors = 7;

std::string base64(const Bytes& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t group = uint32_t{bytes[i]} << 16 | (left > 1 ? uint32_t{bytes[i + 1]} << 8 : 0) |
                           (left > 2 ? uint32_t{bytes[i + 2]} : 0);
    for (size_t digit = 0; digit < 4; ++digit) {
      text += digit <= left ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return text;
}

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string html = "<tr>";
  for (const std::string& cell : cells) html += concat("<", tag, ">", escape(cell), "</", tag, ">");
  return html + "</tr>\n";
}

}  // namespace

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string page(const std::string& title, const std::string& body) {
  return fill(
      assets::kPageHtml,
      {{"title", title}, {"style", std::string(assets::kReportCss)}, {"body", body}, {"version", ASSEMBLE_VERSION}});
}

std::string percent(double share) { return std::isnan(share) ? "–" : format_number(100 * share, 1) + " %"; }

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (size_t i = 0; i < rows.size(); ++i) html += row(rows[i], i == 0 ? "th" : "td");
  return html + "</table></div>\n";
}

std::string paragraph(const std::string& text) { return "<p>" + escape(text) + "</p>\n"; }

std::string paragraphs(const std::vector<std::string>& texts) {
  std::string html;
  for (const std::string& text : texts) html += paragraph(text);
  return html;
}

std::string short_path(const std::string& path) {
  const fs::path whole = path;
  return (whole.parent_path().filename() / whole.filename()).string();
}

std::string data_uri(const Bytes& image) {
  const bool is_png = !image.empty() && image[0] == 0x89;
  return concat("data:image/", is_png ? "png" : "jpeg", ";base64,", base64(image));
}

std::string series_class(size_t series) { return concat("s", series % kColors); }

}  // namespace assemble::report
