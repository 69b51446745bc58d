// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/random_erasing.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/math.h"

namespace assemble {

std::optional<Window> draw_erased(int height, int width, const RandomErasing& options, Random& random) {
  if (!random.bernoulli(options.probability)) return std::nullopt;
  for (int attempt = 0; attempt < options.max_attempts; ++attempt) {
    const double area = random.uniform(options.min_area, options.max_area) * height * width;
    const double aspect = math::exp(random.uniform(math::log(options.min_aspect), math::log(options.max_aspect)));
    const int rows = static_cast<int>(std::lround(std::sqrt(area * aspect)));
    const int columns = static_cast<int>(std::lround(std::sqrt(area / aspect)));
    if (rows < 1 || columns < 1 || rows >= height || columns >= width) continue;
    const int y = static_cast<int>(random.integer(height - rows + 1));
    const int x = static_cast<int>(random.integer(width - columns + 1));
    return Window{y, x, rows, columns};
  }
  return std::nullopt;
}

void erase(std::span<float> pixels, int width, const Window& window) {
  const size_t stride = size_t{Image::kChannels} * width;
  for (int y = window.y; y < window.y + window.height; ++y) {
    const auto begin = pixels.begin() + static_cast<ptrdiff_t>(y * stride + window.x * Image::kChannels);
    std::fill(begin, begin + window.width * Image::kChannels, 0.f);
  }
}

}  // namespace assemble
