// SPDX-License-Identifier: Apache-2.0
#include "corruptions/corruption.h"
#include "corruptions/shot_table.h"

namespace assemble::corruptions {
namespace {

std::vector<float> normals(const Image& image, Random& random) {
  std::vector<float> values(image.pixels.size());
  random.fill_normal(values);
  return values;
}

std::vector<uint32_t> words(const Image& image, Random& random) {
  std::vector<uint32_t> values(image.pixels.size());
  random.fill_words(values);
  return values;
}

}  // namespace

Image gaussian_noise(const Image& image, Call& call) {
  const float deviation = 255 * call.pick<float>({.08f, .12f, .18f, .26f, .38f});
  const std::vector<float> noise = normals(image, call.random);
  Image result = like(image);
  for (size_t i = 0; i < noise.size(); ++i) {
    result.pixels[i] = level(static_cast<float>(image.pixels[i]) + deviation * noise[i]);
  }
  return result;
}

Image speckle_noise(const Image& image, Call& call) {
  const float deviation = call.pick<float>({.15f, .2f, .35f, .45f, .6f});
  const std::vector<float> noise = normals(image, call.random);
  Image result = like(image);
  for (size_t i = 0; i < noise.size(); ++i) {
    const auto value = static_cast<float>(image.pixels[i]);
    result.pixels[i] = level(value + value * (deviation * noise[i]));
  }
  return result;
}

Image shot_noise(const Image& image, Call& call) {
  static const std::array<ShotTable, kCorruptionSeverities> tables{ShotTable(60), ShotTable(25), ShotTable(12),
                                                                   ShotTable(5), ShotTable(3)};
  const ShotTable& table = call.pick(tables);
  const std::vector<uint32_t> drawn = words(image, call.random);
  Image result = like(image);
  for (size_t i = 0; i < drawn.size(); ++i) result.pixels[i] = table.draw(image.pixels[i], drawn[i]);
  return result;
}

Image impulse_noise(const Image& image, Call& call) {
  const auto threshold = static_cast<uint32_t>(call.pick<double>({.03, .06, .09, .17, .27}) * 0x1p31);
  const std::vector<uint32_t> drawn = words(image, call.random);
  Image result = like(image);
  for (size_t i = 0; i < drawn.size(); ++i) {
    const uint8_t impulse = (drawn[i] & 1) != 0 ? 255 : 0;
    result.pixels[i] = (drawn[i] >> 1) < threshold ? impulse : image.pixels[i];
  }
  return result;
}

}  // namespace assemble::corruptions
