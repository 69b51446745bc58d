// SPDX-License-Identifier: Apache-2.0
#include "torch/train/survey.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "assemble/models/classifier.h"
#include "torch/train/epoch_time.h"

namespace assemble::cli {
namespace {

constexpr int64_t kSurveyed = 64;  // images whose sizes are looked at
/// Whose speed tells that of the others, by their multiply-adds.
constexpr const char* kTimedArch = "resnet50+d+sk+w16";
constexpr int kTimedSide = 64;

}  // namespace

int median_side(const Dataset& dataset) {
  const EvenlySpread surveyed(dataset, std::min(kSurveyed, dataset.size()));
  std::vector<int> sides;
  for (int64_t i = 0; i < surveyed.size(); ++i) {
    try {
      const Sample sample = surveyed.read(i);
      const ImageSize size = read_image_size(sample.encoded, sample.name);
      sides.push_back(std::min(size.height, size.width));
    } catch (const InputError&) {  // training counts and names what is broken
    }
  }
  if (sides.empty()) throw InputError(dataset.where(), "none of its images can be read");
  const auto middle = sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2);
  std::nth_element(sides.begin(), middle, sides.end());
  return *middle;
}

std::function<double(const std::string& arch, int side)> training_speed(const Dataset& train, const Dataset& validation,
                                                                        const TrainOptions& options,
                                                                        const std::stop_token& stop) {
  const int64_t classes = train.classes();
  const auto work = [classes](const std::string& arch, int side) {
    return static_cast<double>(measure_cost(Arch::parse(arch), classes, side).multiply_adds);
  };
  TrainOptions timed = options;
  timed.arch = kTimedArch;
  timed.preprocessing.train_size = kTimedSide;
  timed.small_size = 0;
  timed.batch_size = std::clamp<int64_t>(train.size() / 2, 1, options.batch_size);  // mixup may read twice as many
  const double seconds = seconds_an_epoch(train, validation, timed, stop);
  const double speed = static_cast<double>(train.size()) / seconds * work(kTimedArch, kTimedSide);
  return [work, speed](const std::string& arch, int side) { return speed / work(arch, side); };
}

}  // namespace assemble::cli
