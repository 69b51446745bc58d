// SPDX-License-Identifier: Apache-2.0
#include "fill.h"

#include "page.h"

namespace assemble::report {

std::string fill(std::string_view html, const std::map<std::string_view, std::string>& values) {
  std::string filled;
  size_t at = 0;
  for (size_t open = html.find("{{"); open != std::string_view::npos; open = html.find("{{", at)) {
    const bool raw = html.substr(open).starts_with("{{{");
    const std::string_view end = raw ? "}}}" : "}}";
    const size_t name = open + end.size(), close = html.find(end, name);
    const std::string& value = values.at(html.substr(name, close - name));
    filled += html.substr(at, open - at);
    filled += raw ? value : escape(value);
    at = close + end.size();
    const bool starts_line = open == 0 || html[open - 1] == '\n';
    if (raw && starts_line && html.substr(at).starts_with('\n')) ++at;
  }
  return filled += html.substr(at);
}

}  // namespace assemble::report
