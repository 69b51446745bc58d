// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assemble {

enum class PoolType { kAverage, kGeM, kFlatten };

/// A network as its base and tweaks: `base+tweak+tweak…`, for example `resnet50+bl+sk+aa3`.
///
/// Bases: resnet50, resnet101, resnet152, resnet200, mobilenet_v1, and what register_network() has added, each with the
/// tweaks that it takes. Tweaks: d, se / seR, eca, sk, aaN / aaN(proj,sconv,max),
/// bl / bl(alpha,beta), gem, flatten, embN, nodown, wN, timm, slim, tf2. A preset's name stands for its arch and takes
/// further tweaks.
struct Arch {
  std::string base = "resnet50";  ///< name of a registered network
  bool resnet_d = false;          ///< d
  int se_ratio = 0;               ///< se: 16; 0 is off
  bool eca = false;               ///< eca: in the place of se
  bool selective_kernel = false;  ///< sk
  int blur_size = 0;              ///< aaN: N = 1 … 7; 0 is off
  bool blur_conv = false;         ///< sconv (the default place of aaN)
  bool blur_projection = false;   ///< proj
  bool blur_max = false;          ///< max: accepted and without effect, as in the original
  bool big_little = false;        ///< bl (version 2)
  int alpha = 2;                  ///< width divisor of the little branch
  int beta = 4;                   ///< depth divisor of the little branch
  PoolType pool = PoolType::kAverage;
  int embedding = 0;           ///< embN; 0 is off
  bool no_downsample = false;  ///< nodown: the last stage has stride 1
  int width = 64;              ///< wN: channels of the stem; the default is the network's
  /// timm: built as torchvision and timm build ResNets, where the original differs. The max pooling is padded by one on
  /// both sides (the original: at the end), shortcuts of `d` average over existing pixels alone and only at stride 2,
  /// and `se` has biases. `assemble convert` sets it for weights from there; without bl. MobileNetV1 as timm builds it
  /// has ReLU6 in place of ReLU.
  bool timm = false;
  /// slim: MobileNetV1 as TensorFlow-Slim and Keras build it: "SAME" padding (even sides at the end alone), ReLU6, and
  /// an epsilon of 0.001 in batch norms.
  bool slim = false;
  /// tf2: networks with `d` or `bl` as the original's tf2.1 branch builds them. With `d` shortcuts average 2×2 pixels
  /// at larger strides, also in big-little stages (which otherwise average 3×3), and nothing at stride 1; under `bl`
  /// the stem keeps its 7×7 convolution. `bl` without `d` strides in the shortcuts' 1×1 convolutions.
  bool tf2 = false;

  /// @throws UsageError for unknown, repeated or contradictory tweaks, saying what is allowed and the nearest match
  static Arch parse(const std::string& text);
  /// Canonical string; parse(str()) gives the same Arch.
  std::string str() const;
  /// Input sides must be multiples of this (32 for big-little networks, else 1).
  int size_multiple() const { return big_little ? 32 : 1; }
  bool operator==(const Arch&) const = default;
};

/// A named row of the paper's tables.
struct Preset {
  std::string name;
  std::string arch;
  int image_size;  ///< evaluation size of that row, pixels
  std::string description;
};

const std::vector<Preset>& presets();

}  // namespace assemble
