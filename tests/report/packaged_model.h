// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/report/package.h"

namespace assemble::test {

inline PackagedModel packaged_model() {
  PackagedModel model;
  model.name = "flowers";
  model.version = 3;
  model.card.arch = "resnet50+d";
  model.card.class_names = {"rose", "tulip", "daisy"};
  model.card.preprocessing = Preprocessing::from_type("imagenet_32");
  model.source = "best.safetensors";
  model.hash = "0123";
  model.parameters = 1234567;
  model.multiply_adds = 89;
  return model;
}

}  // namespace assemble::test
