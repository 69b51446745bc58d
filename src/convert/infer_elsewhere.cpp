// SPDX-License-Identifier: Apache-2.0
// Networks under the names of the original's tf2.1 branch, and MobileNetV1 under those of other libraries.
#include "outline.h"

namespace assemble {
namespace {

void find_big_little(const Outline& outline, Arch& arch) {
  Pairs widths{{arch.width, outline.extent("little1_conv1/kernel", 4, -1)}};
  std::vector<int64_t> little;
  for (int64_t stage = 1; stage <= 3; ++stage) {
    const std::string prefix = concat("little", stage + 1, "_res", stage + 1, "_");
    widths.emplace_back(int64_t{arch.width} << (stage - 1), outline.extent(prefix + "0_branch2a/kernel", 4, -1));
    little.push_back(outline.consecutive(prefix, "_branch2a/kernel"));
  }
  arch.alpha = find_alpha(outline, widths);
  arch.beta = find_beta(outline, resnet_stage_blocks(arch), little);
}

}  // namespace

InferredArch infer_tf2_arch(const Shapes& shapes, const std::string& where) {
  const Outline outline(shapes, where);
  InferredArch inferred;
  Arch& arch = inferred.arch;
  arch.big_little = outline.has("big1_conv/kernel");
  arch.resnet_d = outline.any_contains("_branchd1/kernel");
  arch.tf2 = arch.resnet_d || arch.big_little;
  arch.width = static_cast<int>(outline.extent(outline.has("dconv3/kernel") ? "dconv3/kernel" : "conv1/kernel", 4, -1));
  const auto base = find_base(arch, [&](const std::vector<int64_t>& blocks) {
    for (int64_t stage = 1; stage <= 4; ++stage) {
      const bool two = arch.big_little && stage < 4;
      const std::string prefix = concat(two ? concat("big", stage + 1, "_") : "", "res", stage + 1, "_");
      const int64_t found = outline.consecutive(prefix, "_branch2a/kernel") + (two ? 1 : 0);
      if (found != blocks[static_cast<size_t>(stage - 1)]) return false;
    }
    return true;
  });
  if (!base) outline.fail("the blocks of its stages are those of no depth");
  arch.base = *base;
  if (arch.big_little) find_big_little(outline, arch);
  arch.selective_kernel = outline.any_contains("/skconv1/kernel");
  const Pairs squeezes = squeezes_of(outline, "/se_fc_1/kernel", true);
  if (!squeezes.empty()) arch.se_ratio = find_se_ratio(outline, squeezes);
  find_pool(outline, outline.extent("fc1000/kernel", 2, 0), inferred);
  assume_unseen(inferred);
  return inferred;
}

InferredArch infer_mobilenet_arch(const Shapes& shapes, Naming naming, const std::string& where) {
  const Outline outline(shapes, where);
  InferredArch inferred;
  inferred.arch.base = "mobilenet_v1";
  inferred.arch.timm = naming == Naming::kTimmMobileNet;
  inferred.arch.slim = !inferred.arch.timm;
  const char* stem = naming == Naming::kSlim    ? "MobilenetV1/Conv2d_0/weights"
                     : naming == Naming::kKeras ? "conv1/kernel"
                                                : "conv_stem.weight";
  inferred.arch.width = static_cast<int>(outline.extent(stem, 4, inferred.arch.timm ? 0 : 3));
  return inferred;
}

}  // namespace assemble
