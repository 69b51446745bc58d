// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "assemble/core/math.h"

namespace assemble::corruptions {

/// Draws the noisy level of a pixel with one random word, by Walker's alias method: a slot is picked evenly, then one
/// of the two outcomes that share it. One table a level.
class ShotTable {
 public:
  explicit ShotTable(int photons) {
    while ((1 << bits_) <= photons) ++bits_;
    slots_.resize(static_cast<size_t>(kLevels) << bits_);
    for (int value = 0; value < kLevels; ++value) fill(value, photons);
  }

  uint8_t draw(uint8_t value, uint32_t word) const {
    const Slot& slot = slots_[(static_cast<size_t>(value) << bits_) | (word >> (32 - bits_))];
    return (word << bits_) < slot.threshold ? slot.own : slot.alias;
  }

 private:
  static constexpr int kLevels = 256;

  struct Slot {
    uint32_t threshold = UINT32_MAX;
    uint8_t own = 0;
    uint8_t alias = 0;
  };

  /// Counts of `photons` and more saturate the pixel, so they are one outcome.
  static std::vector<double> probabilities(double mean, int photons, size_t slots) {
    std::vector<double> result(slots, 0.0);
    double term = math::exp(-mean), rest = 1;
    for (int count = 0; count < photons; ++count) {
      result[static_cast<size_t>(count)] = term;
      rest -= term;
      term *= mean / (count + 1);
    }
    result[static_cast<size_t>(photons)] = std::max(rest, 0.0);
    return result;
  }

  void fill(int value, int photons) {
    const size_t slots = size_t{1} << bits_;
    std::vector<double> mass = probabilities(value / 255.0 * photons, photons, slots);
    const auto outcome = [photons](size_t count) {
      return static_cast<uint8_t>(std::min(static_cast<double>(count) / photons, 1.0) * 255);
    };
    std::vector<size_t> small, large;
    for (size_t i = 0; i < slots; ++i) {
      mass[i] *= static_cast<double>(slots);
      (mass[i] < 1 ? small : large).push_back(i);
    }
    Slot* table = slots_.data() + (static_cast<size_t>(value) << bits_);
    for (size_t i = 0; i < slots; ++i) table[i].own = table[i].alias = outcome(i);
    while (!small.empty() && !large.empty()) {
      const size_t poor = small.back(), rich = large.back();
      small.pop_back();
      table[poor].threshold = static_cast<uint32_t>(mass[poor] * 0x1p32);
      table[poor].alias = outcome(rich);
      mass[rich] -= 1 - mass[poor];
      if (mass[rich] < 1) {
        large.pop_back();
        small.push_back(rich);
      }
    }
  }

  int bits_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace assemble::corruptions
