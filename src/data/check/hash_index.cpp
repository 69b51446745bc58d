// SPDX-License-Identifier: Apache-2.0
#include "check/hash_index.h"

#include <bit>
#include <numeric>

namespace assemble::check {
namespace {

/// Values of a part that differ from another in at most two bits, as what to change.
const std::vector<uint32_t>& changes() {
  static const std::vector<uint32_t> all = [] {
    std::vector<uint32_t> masks{0};
    for (uint32_t first = 0; first < 16; ++first) {
      masks.push_back(1u << first);
      for (uint32_t second = 0; second < first; ++second) masks.push_back(1u << first | 1u << second);
    }
    return masks;
  }();
  return all;
}

}  // namespace

HashIndex::HashIndex(std::vector<uint64_t> hashes) : hashes_(std::move(hashes)) {
  for (int p = 0; p < kParts; ++p) {
    Part& part = parts_[p];
    const auto value = [&](uint64_t hash) { return hash >> (p * kPartBits) & 0xFFFF; };
    part.starts.assign((size_t{1} << kPartBits) + 1, 0);
    for (const uint64_t hash : hashes_) ++part.starts[value(hash) + 1];
    std::partial_sum(part.starts.begin(), part.starts.end(), part.starts.begin());
    part.places.resize(hashes_.size());
    std::vector<uint32_t> next(part.starts.begin(), part.starts.end() - 1);
    for (size_t place = 0; place < hashes_.size(); ++place) {
      part.places[next[value(hashes_[place])]++] = static_cast<uint32_t>(place);
    }
  }
}

void HashIndex::search(uint64_t hash, const std::function<void(uint32_t, int)>& found) const {
  const auto differs_little = [](uint64_t difference, int part) {
    return std::popcount(difference >> (part * kPartBits) & 0xFFFF) <= 2;
  };
  for (int p = 0; p < kParts; ++p) {
    const auto value = static_cast<uint32_t>(hash >> (p * kPartBits) & 0xFFFF);
    for (const uint32_t change : changes()) {
      const uint32_t other = value ^ change;
      for (uint32_t i = parts_[p].starts[other]; i < parts_[p].starts[other + 1]; ++i) {
        const uint32_t place = parts_[p].places[i];
        const uint64_t difference = hash ^ hashes_[place];
        const int bits = std::popcount(difference);
        if (bits > kMostBits) continue;
        bool earlier = false;  // found by another part already
        for (int q = 0; q < p && !earlier; ++q) earlier = differs_little(difference, q);
        if (!earlier) found(place, bits);
      }
    }
  }
}

}  // namespace assemble::check
