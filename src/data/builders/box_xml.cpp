// SPDX-License-Identifier: Apache-2.0
#include "builders/box_xml.h"

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble::raw {
namespace {

/// 0 where there is none.
double number(const pugi::xml_node& node) { return parse_number(node.text().get()).value_or(0); }

float relative(const pugi::xml_node& box, const char* name, double size, const std::string& where) {
  const pugi::xml_node node = box.child(name);
  if (!node) throw InputError(where, concat("a box has no ", name));
  return static_cast<float>(std::clamp(number(node) / size, 0.0, 1.0));
}

}  // namespace

std::vector<BoundingBox> parse_boxes(std::span<const uint8_t> xml, const std::string& where) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) throw InputError(concat(where, " at byte ", parsed.offset), parsed.description());
  const pugi::xml_node annotation = document.child("annotation");
  const double width = number(annotation.child("size").child("width"));
  const double height = number(annotation.child("size").child("height"));
  if (!(width >= 1 && height >= 1)) throw InputError(where, "gives no size", "expected annotation/size/{width,height}");
  std::vector<BoundingBox> boxes;
  for (const pugi::xml_node object : annotation.children("object")) {
    const pugi::xml_node box = object.child("bndbox");
    const BoundingBox found{relative(box, "ymin", height, where), relative(box, "xmin", width, where),
                            relative(box, "ymax", height, where), relative(box, "xmax", width, where)};
    if (found.ymax > found.ymin && found.xmax > found.xmin) boxes.push_back(found);
  }
  return boxes;
}

}  // namespace assemble::raw
