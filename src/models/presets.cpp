// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/arch.h"

namespace assemble {

const std::vector<Preset>& presets() {
  static const std::vector<Preset> table{
      {"vanilla_resnet50", "resnet50", 224, "Row 'R50 vanilla': the baseline of every table"},
      {"resnet50_d", "resnet50+d", 224, "Rows 'R50+d', with label smoothing and with mixup"},
      {"resnet50_d_se", "resnet50+d+se", 224, "Rows '+ se' and '+ DropBlock'"},
      {"resnet50_d_sk", "resnet50+d+sk", 224, "Rows 'sk for se', '+ KD' and '600 epochs'"},
      {"resnet50_bl_sk", "resnet50+bl+sk", 256, "Row '+ bl': a big-little stem and stages in place of d"},
      {"assemble_resnet50", "resnet50+bl+sk+aa3", 256, "Rows '+ aa' and '+ AutoAugment': Assemble-ResNet-50"},
      {"assemble_resnet152", "resnet152+bl(1,2)+sk+aa3", 256, "Row 'Assemble-ResNet-152'"},
      {"assemble_fgvc50", "resnet50+bl+sk+aa3", 256, "Transfer: Assemble-FGVC-50, fine-tuned from assemble_resnet50"},
      {"vanilla_mobilenet_v1", "mobilenet_v1", 224, "MobileNetV1, the baseline"},
      {"mobilenet_v1_se16", "mobilenet_v1+se", 224, "MobileNetV1 row 'se16'"},
      {"mobilenet_v1_se2", "mobilenet_v1+se2", 224, "MobileNetV1 row 'se2', trained with DropBlock"},
      {"assemble_resnet50_tf2", "resnet50+d+bl+sk+aa3+tf2", 256,
       "Assemble-ResNet-50 as the original's tf2.1 branch builds it"},
      {"mobilenet_v1_slim", "mobilenet_v1+slim", 224, "MobileNetV1 as TensorFlow-Slim and Keras build it"},
      {"mobilenet_v1_timm", "mobilenet_v1+timm", 224, "MobileNetV1 as timm builds it"},
  };
  return table;
}

}  // namespace assemble
