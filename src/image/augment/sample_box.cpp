// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/sample_box.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace assemble {
namespace {

int round_to_int(double value) { return static_cast<int>(std::lrint(value)); }

double area_of(const Window& window) { return double(window.height) * window.width; }

/// Largest height whose width, at this aspect, still fits.
int tallest_fit(double aspect, double max_area, int height, int width) {
  int tallest = round_to_int(std::sqrt(max_area / aspect));
  if (round_to_int(tallest * aspect) > width) {
    tallest = static_cast<int>((width + 0.5) / aspect);
    while (tallest > 0 && round_to_int(tallest * aspect) > width) --tallest;
  }
  return std::min(tallest, height);
}

/// Heights are uniform between the smallest and the largest that the area allows at this aspect; so are the places.
/// A window smaller than the image never touches its last row or column, as in the original.
std::optional<Window> draw_window(int height, int width, double aspect, const SampleBoxOptions& options,
                                  Random& random) {
  const double min_area = options.min_area * height * width;
  const double max_area = options.max_area * height * width;
  const int tallest = tallest_fit(aspect, max_area, height, width);
  Window window;
  window.height = std::min(round_to_int(std::sqrt(min_area / aspect)), tallest);
  window.height += static_cast<int>(random.integer(tallest - window.height + 1));
  const auto set_width = [&] { window.width = round_to_int(window.height * aspect); };
  set_width();
  // Rounding alone must not cost the attempt: one row more or less may bring the area back into its range.
  if (area_of(window) < min_area) {
    ++window.height;
    set_width();
  }
  if (area_of(window) > max_area) {
    --window.height;
    set_width();
  }
  if (area_of(window) < min_area || area_of(window) > max_area || window.height < 1 || window.width < 1 ||
      window.height > height || window.width > width) {
    return std::nullopt;
  }
  if (window.height < height) window.y = static_cast<int>(random.integer(height - window.height));
  if (window.width < width) window.x = static_cast<int>(random.integer(width - window.width));
  return window;
}

std::vector<Window> boxes_in_pixels(int height, int width, const std::vector<BoundingBox>& boxes) {
  std::vector<Window> result;
  for (const BoundingBox& box : boxes) {
    const int y = static_cast<int>(box.ymin * height);
    const int x = static_cast<int>(box.xmin * width);
    result.push_back({y, x, static_cast<int>(box.ymax * height) - y, static_cast<int>(box.xmax * width) - x});
  }
  if (result.empty()) result.push_back({0, 0, height, width});
  return result;
}

bool covers_an_object(const Window& window, const std::vector<Window>& objects, double share) {
  return std::any_of(objects.begin(), objects.end(), [&](const Window& object) {
    if (object.height < 1 || object.width < 1) return false;
    const int rows = std::min(window.y + window.height, object.y + object.height) - std::max(window.y, object.y);
    const int columns = std::min(window.x + window.width, object.x + object.width) - std::max(window.x, object.x);
    return double(std::max(rows, 0)) * std::max(columns, 0) >= share * area_of(object);
  });
}

}  // namespace

Window sample_box(int height, int width, const std::vector<BoundingBox>& boxes, const SampleBoxOptions& options,
                  Random& random) {
  const std::vector<Window> objects = boxes_in_pixels(height, width, boxes);
  for (int attempt = 0; attempt < options.max_attempts; ++attempt) {
    const double aspect = random.uniform(options.min_aspect, options.max_aspect);
    const std::optional<Window> window = draw_window(height, width, aspect, options, random);
    if (window && covers_an_object(*window, objects, options.min_object_covered)) return *window;
  }
  return {0, 0, height, width};
}

}  // namespace assemble
