// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "assemble/core/error.h"
#include "name_maps.h"

namespace assemble {
namespace {

constexpr int kUnits = 13;

void require_mobilenet(const Arch& arch, const char* whose) {
  if (arch.base == "mobilenet_v1") return;
  throw UsageError(concat("arch '", arch.str(), "'"), concat("the names are those of ", whose, " MobileNetV1"),
                   "use mobilenet_v1");
}

void batch_norm(std::vector<TfVariable>& variables, const std::string& ours, const std::string& theirs) {
  variables.push_back({ours + ".weight", theirs + "/gamma", TfLayout::kSame});
  variables.push_back({ours + ".bias", theirs + "/beta", TfLayout::kSame});
  variables.push_back({ours + ".running_mean", theirs + "/moving_mean", TfLayout::kSame});
  variables.push_back({ours + ".running_var", theirs + "/moving_variance", TfLayout::kSame});
}

}  // namespace

std::vector<TfVariable> slim_variables(const Arch& arch) {
  require_mobilenet(arch, "TensorFlow-Slim's");
  std::vector<TfVariable> variables;
  const auto layer = [&](const std::string& conv, const std::string& bn, const std::string& theirs, bool depthwise) {
    const std::string scope = "MobilenetV1/" + theirs;
    variables.push_back({conv + ".weight", scope + (depthwise ? "/depthwise_weights" : "/weights"),
                         depthwise ? TfLayout::kDepthwise : TfLayout::kKernel});
    batch_norm(variables, bn, scope + "/BatchNorm");
  };
  layer("conv1", "bn1", "Conv2d_0", false);
  for (int unit = 0; unit < kUnits; ++unit) {
    const std::string ours = concat("units.", unit), theirs = concat("Conv2d_", unit + 1);
    layer(ours + ".conv_dw", ours + ".bn1", theirs + "_depthwise", true);
    layer(ours + ".conv_pw", ours + ".bn2", theirs + "_pointwise", false);
  }
  variables.push_back({"fc.weight", "MobilenetV1/Logits/Conv2d_1c_1x1/weights", TfLayout::kPointwise});
  variables.push_back({"fc.bias", "MobilenetV1/Logits/Conv2d_1c_1x1/biases", TfLayout::kSame});
  return variables;
}

std::vector<TfVariable> keras_variables(const Arch& arch) {
  require_mobilenet(arch, "Keras'");
  std::vector<TfVariable> variables{{"conv1.weight", "conv1/kernel", TfLayout::kKernel}};
  batch_norm(variables, "bn1", "conv1_bn");
  for (int unit = 0; unit < kUnits; ++unit) {
    const std::string ours = concat("units.", unit), dw = concat("conv_dw_", unit + 1),
                      pw = concat("conv_pw_", unit + 1);
    variables.push_back({ours + ".conv_dw.weight", dw + "/depthwise_kernel", TfLayout::kDepthwise});
    batch_norm(variables, ours + ".bn1", dw + "_bn");
    variables.push_back({ours + ".conv_pw.weight", pw + "/kernel", TfLayout::kKernel});
    batch_norm(variables, ours + ".bn2", pw + "_bn");
  }
  variables.push_back({"fc.weight", "conv_preds/kernel", TfLayout::kPointwise});
  variables.push_back({"fc.bias", "conv_preds/bias", TfLayout::kSame});
  return variables;
}

std::vector<TfVariable> timm_mobilenet_variables(const Arch& arch) {
  require_mobilenet(arch, "timm's");
  std::vector<TfVariable> variables;
  const auto layer = [&](const std::string& conv, const std::string& bn, const std::string& their_conv,
                         const std::string& their_bn) {
    variables.push_back({conv + ".weight", their_conv + ".weight", TfLayout::kSame});
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
      variables.push_back({bn + part, their_bn + part, TfLayout::kSame});
    }
  };
  layer("conv1", "bn1", "conv_stem", "bn1");
  constexpr std::array<int, 5> kUnitsOfStages{1, 2, 2, 6, 2};
  int unit = 0;
  for (size_t stage = 0; stage < kUnitsOfStages.size(); ++stage) {
    for (int i = 0; i < kUnitsOfStages[stage]; ++i, ++unit) {
      const std::string ours = concat("units.", unit, "."), theirs = concat("blocks.", stage, ".", i, ".");
      layer(ours + "conv_dw", ours + "bn1", theirs + "conv_dw", theirs + "bn1");
      layer(ours + "conv_pw", ours + "bn2", theirs + "conv_pw", theirs + "bn2");
    }
  }
  variables.push_back({"fc.weight", "classifier.weight", TfLayout::kSame});
  variables.push_back({"fc.bias", "classifier.bias", TfLayout::kSame});
  return variables;
}

}  // namespace assemble
