// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/eval/measured_ensemble.h"
#include "assemble/image/decode.h"
#include "assemble/image/resize.h"
#include "frames.h"
#include "parts.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

constexpr int kMostShifts = 32;

/// Crops one pixel further down and right each, the middle one in the middle of the image.
std::vector<Image> diagonal_crops(const Image& image, int side, int shifts) {
  std::vector<Image> crops;
  for (int d = 0; d <= shifts; ++d) {
    const int top = (image.height - side - shifts) / 2 + d, left = (image.width - side - shifts) / 2 + d;
    crops.push_back(crop(image, {top, left, side, side}));
  }
  return crops;
}

int shifts_with_room(const Preprocessing& preprocessing, int wanted) {
  const int room = preprocessing.eval_resize - preprocessing.eval_size;
  const int shifts = wanted > 0 ? wanted : std::min(room, kMostShifts);
  if (shifts >= 1 && shifts <= room) return shifts;
  throw UsageError("shifts",
                   concat("no room for ", shifts, " pixels: the short side is resized to ", preprocessing.eval_resize,
                          ", the crop is ", preprocessing.eval_size),
                   concat("give 1 to ", room, ", or a larger `resize`"));
}

}  // namespace

ShiftConsistency measure_shift_consistency(const MeasuredNetwork& network, const Dataset& dataset, int shifts) {
  Exchange alone;
  return measure_shift_consistency(ensemble_of(network), dataset, shifts, alone);
}

ShiftConsistency measure_shift_consistency(const MeasuredEnsemble& ensemble, const Dataset& dataset, int wanted,
                                           Exchange& ranks) {
  const Preprocessing& preprocessing = ensemble.members.front().preprocessing;
  const int shifts = shifts_with_room(preprocessing, wanted);
  const auto make = [&](int64_t index) {
    const Sample sample = dataset.read(index);
    const Image whole =
        decode_image(sample.encoded, sample.name, {.apply_exif_orientation = preprocessing.apply_exif_orientation});
    const Image image = resize_and_crop(whole, preprocessing.eval_resize, 0, sample.name);
    return diagonal_crops(image, preprocessing.eval_size, shifts);
  };
  int64_t own_images = 0;
  std::vector<int64_t> own_alike(static_cast<size_t>(shifts), 0);  // pairs of crops so far apart, of all images
  run_frames(part_of(ensemble, ranks), dataset.size(), make, "shifting crops", [&](int64_t, const Matrix& logits) {
    std::vector<int64_t> best;
    for (int64_t f = 0; f < logits.rows; ++f) best.push_back(best_classes(logits.row(f), 1)[0]);
    for (int d = 1; d <= shifts; ++d) {
      for (int i = 0; i + d < static_cast<int>(logits.rows); ++i) {
        own_alike[static_cast<size_t>(d - 1)] += best[static_cast<size_t>(i)] == best[static_cast<size_t>(i + d)];
      }
    }
    ++own_images;
  });
  ShiftConsistency result{0, shifts, 0, std::vector<double>(static_cast<size_t>(shifts), 0.0)};
  const ordered_json own{{"size", dataset.size()}, {"images", own_images}, {"alike", own_alike}};
  for_each_part(ranks, own, [&](const ordered_json& part) {
    result.images += part.at("images").get<int64_t>();
    const auto alike = part.at("alike").get<std::vector<int64_t>>();
    for (size_t d = 0; d < result.agreement.size(); ++d) result.agreement[d] += static_cast<double>(alike.at(d));
  });
  if (result.images == 0) throw InputError(dataset.where(), "no image could be read", "see the warnings above");
  double pairs = 0;
  for (int d = 1; d <= shifts; ++d) {
    double& share = result.agreement[static_cast<size_t>(d - 1)];
    const double count = shifts + 1 - d;
    share /= count * static_cast<double>(result.images);
    result.consistency += share * count;
    pairs += count;
  }
  result.consistency /= pairs;
  return result;
}

}  // namespace assemble
