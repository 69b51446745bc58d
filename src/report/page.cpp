// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include "assemble/core/error.h"

namespace assemble::report {
namespace {

constexpr size_t kColors = 7;

/// The series' colours are those of Okabe and Ito, told apart by colour-blind people too; lighter ones in the dark.
constexpr const char* kStyle =
    ":root{color-scheme:light dark;--text:#1f2328;--soft:#59636e;--line:#d9dee3;--back:#fff;--card:#f6f8fa;"
    "--good:#1a7f37;--bad:#a40000}"
    ".s0{--c:#0072b2}.s1{--c:#d55e00}.s2{--c:#009e73}.s3{--c:#b8598f}.s4{--c:#b87f00}.s5{--c:#2f8fc4}.s6{--c:#555}"
    "@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9aa5b1;--line:#30363d;--back:#0d1117;"
    "--card:#161b22;--good:#56d364;--bad:#ff7b72}"
    ".s0{--c:#4aa8e0}.s1{--c:#f5883a}.s2{--c:#2fc79b}.s3{--c:#e295bf}.s4{--c:#e6ac2e}.s5{--c:#8fd0f5}.s6{--c:#aaa}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin:2.5rem 0 .5rem}h3{font-size:1rem;margin:1.5rem 0 "
    ".5rem}"
    "p{max-width:44rem}small,.soft{color:var(--soft)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;margin:.5rem 0;font-size:.9rem}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top;"
    "font-variant-numeric:tabular-nums}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}"
    "td.note{text-align:left;font-size:.8rem;color:var(--soft);max-width:22rem}"
    "figure{display:inline-block;vertical-align:top;max-width:100%;margin:.5rem 1.5rem .5rem 0}"
    "figcaption{font-weight:600;font-size:.9rem;margin-bottom:.3rem}svg{display:block;max-width:100%;height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--soft)}.grid{stroke:var(--line)}"
    ".ideal{stroke:var(--soft);stroke-dasharray:4 4}.few{fill:var(--soft);opacity:.45}"
    ".curve{fill:none;stroke:var(--c);stroke-width:2}.mark{fill:var(--c)}.pale{fill:var(--c);opacity:.35}"
    ".gap{stroke:var(--c);stroke-width:3}"
    ".legend span{margin-right:1.2rem;white-space:nowrap}"
    ".legend i{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem;background:var(--c)}"
    ".columns{display:flex;flex-wrap:wrap;column-gap:1.5rem}.columns>div{flex:0 1 420px;min-width:0}"
    ".columns figure{display:block;margin-right:0}"
    "details{margin:.5rem 0}summary{cursor:pointer}"
    ".gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.75rem;margin:.75rem 0}"
    ".gallery div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem;"
    "font-size:.8rem;line-height:1.4}"
    ".gallery img{width:100%;image-rendering:pixelated;border-radius:.25rem;display:block;margin-bottom:.4rem}"
    ".gallery ul{list-style:none;margin:.2rem 0 0;padding:0}"
    ".right::before,.wrong::before{font-weight:700;margin-right:.35rem}"
    ".right::before{content:\"\\2713\";color:var(--good)}.wrong::before{content:\"\\2717\";color:var(--bad)}"
    ".name{color:var(--c);font-weight:600}.partial{color:var(--bad);font-weight:600}"
    "@media(max-width:600px){th,td{padding:.3rem .4rem}td+td{overflow-wrap:anywhere}}";

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
  return concat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
      escape(title), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>", escape(title), "</h1>\n", body,
      "<p><small>Written by assemble ", ASSEMBLE_VERSION, ".</small></p>\n</body>\n</html>\n");
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (size_t i = 0; i < rows.size(); ++i) html += row(rows[i], i == 0 ? "th" : "td");
  return html + "</table></div>\n";
}

std::string paragraph(const std::string& text) { return "<p>" + escape(text) + "</p>\n"; }

std::string data_uri(const Bytes& image) {
  const bool is_png = !image.empty() && image[0] == 0x89;
  return concat("data:image/", is_png ? "png" : "jpeg", ";base64,", base64(image));
}

std::string series_class(size_t series) { return concat("s", series % kColors); }

}  // namespace assemble::report
