// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/encoding.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/report/report.h"
#include "fill.h"
#include "page.h"
#include "report/assets.h"

namespace assemble {
namespace {

using report::escape;
using report::fill;

namespace assets = report::assets;

/// Groups of a finding that are shown, and images of a group.
constexpr size_t kMostGroups = 60;
constexpr size_t kMostOfGroup = 12;
/// Rows of tables that are shown without being asked for.
constexpr size_t kManyRows = 30;

std::string counted(size_t count, const char* one, const char* more) {
  return concat(count, " ", count == 1 ? one : more);
}

bool is_of_groups(const Finding& finding) { return finding.groups.front().size() > 1; }

std::string size_of(const Finding& finding) {
  return is_of_groups(finding) ? counted(finding.groups.size(), "group", "groups")
                               : counted(finding.groups.size(), "image", "images");
}

std::string summary(const std::vector<Finding>& findings) {
  if (findings.empty()) return report::paragraph("Nothing was found.");
  std::string rows = "<tr><th>found</th><th></th></tr>\n";
  for (const Finding& finding : findings) {
    rows += concat("<tr><td><a href=\"#", finding.kind, "\">", escape(finding.title), "</a></td><td>", size_of(finding),
                   "</td></tr>\n");
  }
  return concat("<div class=\"scroll\"><table>\n", rows, "</table></div>\n");
}

/// What an image is of, in words.
std::string place_of(const CheckResult& result, int64_t image) {
  const size_t split = result.images[static_cast<size_t>(image)].split;
  const std::string& class_name = result.class_name(image);
  std::vector<std::string> parts;
  if (result.splits.size() > 1) parts.push_back(result.splits[split].name);
  if (!class_name.empty()) parts.push_back(shown_class(class_name));
  return join(parts, ", ");
}

std::string introduction(const CheckResult& result) {
  std::vector<std::string> texts, parts;
  for (const CheckedSplit& split : result.splits) parts.push_back(concat(split.images, " ", split.name));
  std::string counts = counted(result.images.size(), "image", "images");
  if (parts.size() > 1) counts += concat(" (", join(parts, ", "), ")");
  if (!result.classes.empty()) counts += " of " + counted(result.classes.size(), "class", "classes");
  texts.push_back(counts + ".");
  for (const CheckedSplit& split : result.splits) {
    std::vector<std::string> others;
    for (const auto& [kind, count] : split.passed_over) others.push_back(concat(count, " ", kind));
    if (!others.empty()) {
      texts.push_back(concat("In ", split.source, " other files are passed over: ", join(others, ", "), "."));
    }
    for (const std::string& defect : split.defects) texts.push_back("Damage: " + one_line(defect));
  }
  for (const ImageFault fault : result.of_most) {
    texts.push_back(concat("Most images are ", kImageFaults.name(fault), ", so that none is shown for it."));
  }
  return report::paragraphs(texts);
}

/// A table that is closed where it has many rows.
std::string folded(const std::string& title, const std::vector<std::vector<std::string>>& rows) {
  const char* open = rows.size() <= kManyRows ? " open" : "";
  return concat("<details", open, "><summary>", title, "</summary>\n", report::table(rows), "</details>\n");
}

std::string classes(const CheckResult& result) {
  if (result.classes.empty()) return "";
  std::string html = "<h2>Classes</h2>\n";
  std::vector<std::vector<std::string>> odd{{"class", ""}};
  for (const ClassFinding& finding : result.class_findings) {
    odd.push_back({shown_class(finding.class_name), finding.what});
  }
  if (odd.size() > 1) html += folded("What is odd about them", odd);
  std::vector<std::vector<std::string>> rows{{"class"}};
  for (const CheckedSplit& split : result.splits) rows[0].push_back(split.name);
  for (size_t label = 0; label < result.classes.size(); ++label) {
    rows.push_back({shown_class(result.classes[label])});
    for (const CheckedSplit& split : result.splits) rows.back().push_back(std::to_string(split.per_class[label]));
  }
  return html + folded("Images of each class", rows);
}

std::string photo(const Finding::Picture& picture, const CheckResult& result,
                  const std::function<Bytes(int64_t)>& thumbnail) {
  const CheckedImage& image = result.images[static_cast<size_t>(picture.image)];
  const Bytes small = thumbnail(picture.image);
  const std::string shown =
      small.empty() ? "<p class=\"none\">cannot be shown</p>"
                    : concat("<img src=\"", report::data_uri(small), "\" alt=\"", escape(image.name), "\">");
  std::vector<std::string> lines{place_of(result, picture.image)};
  if (image.height > 0) lines.push_back(concat(image.width, "×", image.height));
  if (!picture.what.empty()) lines.push_back(picture.what);
  std::string items;
  for (const std::string& line : lines) items += line.empty() ? "" : "<li>" + escape(line) + "</li>";
  return fill(assets::kPhotoHtml, {{"image", shown}, {"name", image.name}, {"lines", items}});
}

std::string section(const Finding& finding, const CheckResult& result, const std::function<Bytes(int64_t)>& thumbnail) {
  constexpr const char* kGallery = "<div class=\"gallery photos\">\n";
  const bool of_groups = is_of_groups(finding);
  std::string html;
  for (size_t i = 0; i < std::min(finding.groups.size(), kMostGroups); ++i) {
    const std::vector<Finding::Picture>& group = finding.groups[i];
    std::string photos;
    for (size_t member = 0; member < std::min(group.size(), kMostOfGroup); ++member) {
      photos += photo(group[member], result, thumbnail);
    }
    if (group.size() > kMostOfGroup) photos += report::paragraph(concat("and ", group.size() - kMostOfGroup, " more"));
    html += of_groups ? concat(kGallery, photos, "</div>\n") : photos;
  }
  html = concat(of_groups ? "<div class=\"groups\">\n" : kGallery, html, "</div>\n");
  if (finding.groups.size() > kMostGroups) {
    html += report::paragraph(
        concat("The first ", kMostGroups, " are shown; --json lists all ", finding.groups.size(), "."));
  }
  return fill(assets::kFindingHtml, {{"kind", finding.kind},
                                     {"title", concat(finding.title, ": ", size_of(finding))},
                                     {"advice", finding.advice},
                                     {"groups", html}});
}

}  // namespace

std::string dataset_report(const std::string& title, const CheckResult& result,
                           const std::function<Bytes(int64_t)>& thumbnail) {
  const std::vector<Finding> findings = findings_of(result);
  std::string sections;
  for (const Finding& finding : findings) sections += section(finding, result, thumbnail);
  return report::page(title, fill(assets::kDatasetHtml, {{"introduction", introduction(result)},
                                                         {"summary", summary(findings)},
                                                         {"classes", classes(result)},
                                                         {"findings", sections}}));
}

}  // namespace assemble
