// SPDX-License-Identifier: Apache-2.0
// Images that may be alike are found without comparing all with all.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace assemble::check {

/// Finds hashes that differ in few bits, by multi-index hashing (Norouzi, Punjani & Fleet, "Fast search in Hamming
/// space with multi-index hashing", 2012): of two hashes that differ in at most 11 bits, one of four parts of 16 bits
/// differs in at most 2.
class HashIndex {
 public:
  static constexpr int kMostBits = 11;

  explicit HashIndex(std::vector<uint64_t> hashes);

  /// Calls `found(place, bits)` once for each hash that differs in at most kMostBits.
  void search(uint64_t hash, const std::function<void(uint32_t place, int bits)>& found) const;

 private:
  static constexpr int kParts = 4;
  static constexpr int kPartBits = 16;

  struct Part {
    std::vector<uint32_t> starts;  ///< by value
    std::vector<uint32_t> places;
  };

  std::vector<uint64_t> hashes_;
  Part parts_[kParts];
};

}  // namespace assemble::check
