// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/models/resnet.h"
#include "name_maps.h"

namespace assemble {
namespace {

class Tf2Names {
 public:
  explicit Tf2Names(const Arch& arch) : arch_(arch) {}

  std::vector<TfVariable> run() {
    stem();
    const std::vector<int64_t> blocks = resnet_stage_blocks(arch_);
    for (int64_t stage = 1; stage <= 4; ++stage) {
      const int64_t count = blocks[static_cast<size_t>(stage - 1)];
      const std::string ours = concat("layer", stage);
      if (arch_.big_little && stage < 4) {
        big_little_stage(stage, ours, count);
      } else {
        stack(stage, "", ours + ".", count);
      }
    }
    variables_.push_back({"fc.weight", "fc1000/kernel", TfLayout::kDense});
    variables_.push_back({"fc.bias", "fc1000/bias", TfLayout::kSame});
    return std::move(variables_);
  }

 private:
  void convolution(const std::string& ours, const std::string& theirs) {
    variables_.push_back({ours + ".weight", theirs + "/kernel", TfLayout::kKernel});
  }
  void batch_norm(const std::string& ours, const std::string& theirs) {
    variables_.push_back({ours + ".weight", theirs + "/gamma", TfLayout::kSame});
    variables_.push_back({ours + ".bias", theirs + "/beta", TfLayout::kSame});
    variables_.push_back({ours + ".running_mean", theirs + "/moving_mean", TfLayout::kSame});
    variables_.push_back({ours + ".running_var", theirs + "/moving_variance", TfLayout::kSame});
  }
  void conv_bn(const std::string& ours, const std::string& conv, const std::string& bn) {
    convolution(ours + ".0", conv);
    batch_norm(ours + ".1", bn);
  }

  void stem() {
    if (arch_.resnet_d && !arch_.big_little) {
      convolution("conv1.0", "dconv1");
      batch_norm("conv1.1", "bn_dconv1");
      convolution("conv1.3", "dconv2");
      batch_norm("conv1.4", "bn_dconv2");
      convolution("conv1.6", "dconv3");
    } else {
      convolution("conv1", "conv1");
    }
    batch_norm("bn1", "bn_conv1");
    if (!arch_.big_little) return;
    conv_bn("stem.big", "big1_conv", "big1_bn");
    for (int i = 0; i < 3; ++i) {
      conv_bn(concat("stem.little.", i), concat("little1_conv", i), concat("little1_bn", i));
    }
    conv_bn("stem.merge", "merge1_conv0", "merge1_bn0");
  }

  void big_little_stage(int64_t stage, const std::string& ours, int64_t blocks) {
    const int64_t theirs = stage + 1;
    stack(stage, concat("big", theirs, "_"), ours + ".big.", blocks - 1);
    stack(stage, concat("little", theirs, "_"), ours + ".little.", std::max<int64_t>(1, blocks / arch_.beta - 1));
    conv_bn(ours + ".expand", concat("little_e_conv", theirs), concat("little_e_bn", theirs));
    block(stage, concat("merge", theirs, "_"), ours + ".merge", 0);
  }

  void stack(int64_t stage, const std::string& prefix, const std::string& ours, int64_t blocks) {
    for (int64_t i = 0; i < blocks; ++i) block(stage, prefix, concat(ours, i), i);
  }

  void block(int64_t stage, const std::string& prefix, const std::string& ours, int64_t number) {
    const std::string conv = concat(prefix, "res", stage + 1, "_", number, "_branch");
    const std::string bn = concat(prefix, "bn", stage + 1, "_", number, "_branch");
    if (number == 0) {
      const int first = arch_.resnet_d ? 1 : 0;
      convolution(concat(ours, ".downsample.", first), conv + (arch_.resnet_d ? "d1" : "1"));
      batch_norm(concat(ours, ".downsample.", first + 1), bn + "1");
    }
    convolution(ours + ".conv1", conv + "2a");
    batch_norm(ours + ".bn1", bn + "2a");
    if (arch_.selective_kernel) {
      selective_kernel(ours + ".conv2");
    } else {
      convolution(ours + ".conv2", conv + "2b");
      batch_norm(ours + ".bn2", bn + "2b");
    }
    convolution(ours + ".conv3", conv + "2c");
    batch_norm(ours + ".bn3", bn + "2c");
    if (arch_.se_ratio > 0) squeeze_excite(ours + ".se");
  }

  static std::string numbered(const std::string& layer, int& used) {
    const int number = used++;
    return number == 0 ? layer + "/" : concat(layer, "_", number, "/");
  }
  void selective_kernel(const std::string& ours) {
    const std::string theirs = numbered("sk_block", selective_kernels_);
    convolution(ours + ".conv", theirs + "skconv1");
    batch_norm(ours + ".bn", theirs + "bn_skconv1");
    convolution(ours + ".fc_reduce", theirs + "sk_fc_1");
    batch_norm(ours + ".fc_bn", theirs + "bn_fc");
    convolution(ours + ".fc_select", theirs + "sk_fc_2");
  }
  void squeeze_excite(const std::string& ours) {
    const std::string theirs = numbered("se_block", squeezes_);
    convolution(ours + ".fc1", theirs + "se_fc_1");
    convolution(ours + ".fc2", theirs + "se_fc_2");
  }

  const Arch& arch_;
  std::vector<TfVariable> variables_;
  int selective_kernels_ = 0;
  int squeezes_ = 0;
};

}  // namespace

std::vector<TfVariable> tf2_variables(const Arch& arch) {
  if (!is_resnet(arch)) {
    throw UsageError(concat("arch '", arch.str(), "'"),
                     "the names are those of ResNets of the original's tf2.1 branch");
  }
  return Tf2Names(arch).run();
}

}  // namespace assemble
