// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "corruptions/corruption.h"
#include "opencv_call.h"

namespace assemble {
namespace {

struct Entry {
  const char* name;
  Image (*apply)(const Image& image, corruptions::Call& call);
};

/// In the published order, ImageNet-C before ImageNet-C-bar. An entry's place is part of its random numbers' key.
constexpr std::array<Entry, 29> kEntries{{
    {"gaussian_noise", corruptions::gaussian_noise},
    {"shot_noise", corruptions::shot_noise},
    {"impulse_noise", corruptions::impulse_noise},
    {"defocus_blur", corruptions::defocus_blur},
    {"glass_blur", corruptions::glass_blur},
    {"motion_blur", corruptions::motion_blur},
    {"zoom_blur", corruptions::zoom_blur},
    {"snow", corruptions::snow},
    {"frost", corruptions::frost},
    {"fog", corruptions::fog},
    {"brightness", corruptions::brightness},
    {"contrast", corruptions::contrast},
    {"elastic_transform", corruptions::elastic_transform},
    {"pixelate", corruptions::pixelate},
    {"jpeg_compression", corruptions::jpeg_compression},
    {"speckle_noise", corruptions::speckle_noise},
    {"gaussian_blur", corruptions::gaussian_blur},
    {"spatter", corruptions::spatter},
    {"saturate", corruptions::saturate},
    {"blue_noise_sample", corruptions::blue_noise_sample},
    {"brownish_noise", corruptions::brownish_noise},
    {"caustic_refraction", corruptions::caustic_refraction},
    {"checkerboard_cutout", corruptions::checkerboard_cutout},
    {"cocentric_sine_waves", corruptions::cocentric_sine_waves},
    {"inverse_sparkles", corruptions::inverse_sparkles},
    {"perlin_noise", corruptions::perlin_noise},
    {"plasma_noise", corruptions::plasma_noise},
    {"single_frequency_greyscale", corruptions::single_frequency_greyscale},
    {"sparkles", corruptions::sparkles},
}};
constexpr size_t kOfImageNetC = 19;

uint32_t find_corruption(const std::string& name) {
  return static_cast<uint32_t>(find_choice("corruption", name, all_corruption_names()));
}

}  // namespace

const std::vector<std::string>& all_corruption_names() {
  static const std::vector<std::string> names = names_of(kEntries);
  return names;
}

const std::vector<std::string>& corruption_names(CorruptionSet set) {
  const std::vector<std::string>& all = all_corruption_names();
  static const std::vector<std::string> c(all.begin(), all.begin() + kOfImageNetC);
  static const std::vector<std::string> c_bar(all.begin() + kOfImageNetC, all.end());
  return set == CorruptionSet::kC ? c : c_bar;
}

void check_corruption(const std::string& name) { find_corruption(name); }

void check_severity(int severity) {
  if (severity >= 1 && severity <= kCorruptionSeverities) return;
  throw UsageError("severity", concat(severity, " is unknown, expected 1, 2, 3, 4 or 5"));
}

int smallest_corruptible(const std::string& name, int severity) {
  check_severity(severity);
  const auto apply = kEntries[find_corruption(name)].apply;
  constexpr int kSmallestElastic = 3;  // its three points move by a third of the side
  if (apply == corruptions::elastic_transform) return kSmallestElastic;
  constexpr int kSmallestSpectrum = 2;  // noise of one pixel has no deviation
  if (apply == corruptions::blue_noise_sample || apply == corruptions::brownish_noise) return kSmallestSpectrum;
  return apply == corruptions::pixelate ? corruptions::smallest_pixelated(severity) : 1;
}

Image corrupt(const Image& image, const std::string& name, int severity, uint64_t index,
              const CorruptOptions& options) {
  const uint32_t number = find_corruption(name);
  const int smallest = smallest_corruptible(name, severity);
  if (image.height < 1 || image.width < 1 ||
      image.pixels.size() != size_t{Image::kChannels} * image.height * image.width) {
    throw UsageError("corrupt", concat("image of ", image.width, "×", image.height, " pixels with ",
                                       image.pixels.size(), " bytes; expected 3 bytes a pixel, sizes of at least 1"));
  }
  if (std::min(image.height, image.width) < smallest) {
    throw InputError(name, concat("an image of ", image.width, "×", image.height, " is too small for severity ",
                                  severity, ", which needs sides of at least ", smallest));
  }
  Random random(options.seed, RandomPurpose::kCorrupt, number * 8 + static_cast<uint32_t>(severity), index);
  corruptions::Call call{severity, random, options};
  return call_opencv(name, image, [&] { return kEntries[number].apply(image, call); });
}

}  // namespace assemble
