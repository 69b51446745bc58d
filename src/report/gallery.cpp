// SPDX-License-Identifier: Apache-2.0
#include "gallery.h"

#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "fill.h"
#include "page.h"
#include "report/assets.h"

namespace assemble::report {
namespace {

std::string card(const ClassifiedImage& image, const std::vector<std::string>& names) {
  std::string predictions;
  for (size_t i = 0; i < names.size(); ++i) {
    const Prediction::Class& best = image.predictions.at(i).classes.at(0);
    const bool right = best.name == image.class_name;
    predictions +=
        concat("<li class=\"", right ? "right" : "wrong", "\"><span class=\"name ", series_class(i), "\">",
               escape(names[i]), "</span> ", escape(shown_class(best.name)), " ", percent(best.probability), "</li>");
  }
  return fill(assets::kCardHtml,
              {{"image", data_uri(image.encoded)}, {"description", image.description}, {"predictions", predictions}});
}

}  // namespace

std::string gallery(const Gallery& shown, const std::vector<std::string>& names) {
  if (shown.images.empty()) return "";
  std::string cards;
  for (const ClassifiedImage& image : shown.images) cards += card(image, names);
  return fill(assets::kGalleryHtml, {{"title", shown.title}, {"text", shown.text}, {"cards", cards}});
}

}  // namespace assemble::report
