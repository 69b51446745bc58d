// SPDX-License-Identifier: Apache-2.0
#include "corruptions/shot_table.h"
#include "perturbations/perturbation.h"

namespace assemble::perturbations {

using corruptions::level;
using corruptions::like;
using corruptions::ShotTable;

namespace {

/// The clean image, then `call.frames - 1` noisy ones.
template <typename MakeNoisy>
Frames clean_then(Call& call, MakeNoisy&& make_noisy) {
  Frames frames{call.cropped()};
  frames.reserve(static_cast<size_t>(call.frames));
  while (frames.size() < static_cast<size_t>(call.frames)) frames.push_back(make_noisy(frames.front()));
  return frames;
}

/// Each level of each frame is change(level of the clean frame, a standard normal of its own).
template <typename Change>
Frames with_normals(Call& call, Change&& change) {
  std::vector<float> normals;
  return clean_then(call, [&](const Image& clean) {
    normals.resize(clean.pixels.size());
    call.random.fill_normal(normals);
    Image noisy = like(clean);
    for (size_t i = 0; i < normals.size(); ++i) {
      noisy.pixels[i] = level(change(static_cast<float>(clean.pixels[i]), normals[i]));
    }
    return noisy;
  });
}

const ShotTable& shot_table(int photons) {
  static const ShotTable weak(300), medium(120), strong(60);
  return photons == 300 ? weak : photons == 120 ? medium : strong;
}

}  // namespace

Frames gaussian_noise(Call& call, float deviation) {
  return with_normals(call, [&](float value, float normal) { return value + 255 * deviation * normal; });
}

Frames speckle_noise(Call& call, float deviation) {
  return with_normals(call, [&](float value, float normal) { return value + value * deviation * normal; });
}

Frames shot_noise(Call& call, int photons) {
  const ShotTable& table = shot_table(photons);
  std::vector<uint32_t> words;
  return clean_then(call, [&](const Image& clean) {
    words.resize(clean.pixels.size());
    call.random.fill_words(words);
    Image noisy = like(clean);
    for (size_t i = 0; i < words.size(); ++i) noisy.pixels[i] = table.draw(clean.pixels[i], words[i]);
    return noisy;
  });
}

}  // namespace assemble::perturbations
