// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "made_size.h"
#include "opencv_call.h"
#include "perturbations/perturbation.h"

namespace assemble {
namespace {

using perturbations::Call;
using perturbations::Frames;

struct Entry {
  const char* name;
  Frames (*make)(Call& call);
  int frames = 31;
};

constexpr std::array<Entry, 20> kEntries{{
    {"gaussian_noise", [](Call& call) { return perturbations::gaussian_noise(call, 0.03f); }},
    {"shot_noise", [](Call& call) { return perturbations::shot_noise(call, 300); }},
    {"motion_blur", perturbations::motion_blur},
    {"zoom_blur", perturbations::zoom_blur},
    {"snow", perturbations::snow},
    {"brightness", perturbations::brightness},
    {"translate", perturbations::translate, 41},
    {"rotate", perturbations::rotate},
    {"tilt", perturbations::tilt},
    {"scale", perturbations::scale},
    {"speckle_noise", [](Call& call) { return perturbations::speckle_noise(call, 0.05f); }},
    {"gaussian_blur", perturbations::gaussian_blur},
    {"spatter", perturbations::spatter},
    {"shear", perturbations::shear},
    {"gaussian_noise_2", [](Call& call) { return perturbations::gaussian_noise(call, 0.05f); }},
    {"gaussian_noise_3", [](Call& call) { return perturbations::gaussian_noise(call, 0.08f); }},
    {"shot_noise_2", [](Call& call) { return perturbations::shot_noise(call, 120); }},
    {"shot_noise_3", [](Call& call) { return perturbations::shot_noise(call, 60); }},
    {"speckle_noise_2", [](Call& call) { return perturbations::speckle_noise(call, 0.10f); }},
    {"speckle_noise_3", [](Call& call) { return perturbations::speckle_noise(call, 0.15f); }},
}};

/// Above the streams of corrupt().
constexpr uint32_t kFirstStream = 1024;

uint32_t find_perturbation(const std::string& name) {
  return static_cast<uint32_t>(find_choice("perturbation", name, perturbation_names()));
}

}  // namespace

namespace perturbations {

Window Call::window() const {
  // As torchvision's CenterCrop: Python's round() takes halves to the even number.
  const auto middle = [this](int length) { return static_cast<int>(std::nearbyint((length - crop) / 2.0)); };
  return {middle(image.height), middle(image.width), crop, crop};
}

Image Call::cropped() const { return assemble::crop(image, window()); }

}  // namespace perturbations

const std::vector<std::string>& perturbation_names() {
  static const std::vector<std::string> names = names_of(kEntries);
  return names;
}

void check_perturbation(const std::string& name) { find_perturbation(name); }

int perturbation_frames(const std::string& name) { return kEntries[find_perturbation(name)].frames; }

bool compares_to_first_frame(const std::string& name) {
  check_perturbation(name);
  return name.find("noise") != std::string::npos;
}

std::vector<Image> perturb(const Image& image, const std::string& name, uint64_t index, const PerturbOptions& options) {
  const uint32_t number = find_perturbation(name);
  if (options.crop < 1) throw UsageError("perturb", concat("crop of ", options.crop, " pixels, expected 1 or more"));
  if (std::min(image.height, image.width) < options.crop) {
    throw InputError(name,
                     concat("an image of ", image.width, "×", image.height, " is smaller than the crop of ",
                            options.crop, " pixels"),
                     "lower `crop`, or raise `resize`");
  }
  const int frames = kEntries[number].frames;
  check_made_size(int64_t{frames} * options.crop, options.crop, name);
  Random random(options.seed, RandomPurpose::kCorrupt, kFirstStream + number, index);
  Call call{image, frames, options.crop, random};
  return call_opencv(name, image, [&] { return kEntries[number].make(call); });
}

}  // namespace assemble
