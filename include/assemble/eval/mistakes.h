// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/data/loader.h"
#include "assemble/deploy/array.h"
#include "assemble/deploy/loss_type.h"
#include "assemble/image/image.h"

namespace assemble {

/// An image that was taken for another class.
struct Mistake {
  std::string name;  ///< Sample::name
  int64_t label = 0;
  int64_t predicted = 0;
  double confidence = 0;   ///< probability of `predicted`
  double probability = 0;  ///< of `label`
  Image seen;              ///< as the network saw it
};

/// Keeps those of an evaluation's mistakes of which the network was surest.
class Mistakes {
 public:
  /// @param preprocessing of the images, loss of the logits
  /// @param most how many are kept
  Mistakes(const Preprocessing& preprocessing, LossType loss, size_t most = 24)
      : preprocessing_(preprocessing), loss_(loss), most_(most) {}

  /// @param logits [batch.size, classes]. Images whose logits are not finite are passed over
  void add(const Batch& batch, const Matrix& logits);
  /// The surest first.
  const std::vector<Mistake>& kept() const { return kept_; }

 private:
  Preprocessing preprocessing_;
  LossType loss_;
  size_t most_;
  std::vector<Mistake> kept_;
};

}  // namespace assemble
