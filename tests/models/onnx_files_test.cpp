// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "assemble/core/text.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/models/model_file.h"
#include "assemble/trace/arrays.h"
#include "engines.h"
#include "lively_network.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Runs python with onnx.checker and ONNX Runtime on what the exporter writes.
TEST(OnnxFiles, PassTheCheckerAndRunInOnnxRuntime) {
  ASSEMBLE_NEEDS_OPENVINO();
  const char* python = std::getenv("ASSEMBLE_ONNX_PYTHON");
  if (!python) GTEST_SKIP() << "ASSEMBLE_ONNX_PYTHON names no Python with onnx and onnxruntime";
  const test::TemporaryFolder folder;
  int number = 0;
  for (const char* arch : {"resnet50+w8", "resnet50+d+se+w8", "resnet50+d+eca+w8", "resnet50+bl+sk+aa3+w8",
                           "resnet50+aa5(proj,sconv)+gem+w8", "resnet50+aa1+w8", "resnet50+flatten+emb16+nodown+w8",
                           "resnet50+d+se+timm+w8", "mobilenet_v1+se2+w8", "mobilenet_v1+w8+slim"}) {
    const Classifier model = lively_network(arch, 7, 64);
    torch::Tensor kept;
    const torch::Tensor noise = torch::randn({2, 3, 64, 64});
    const Images images = to_images(noise, kept);
    const Graph graph = optimise(trace(*model, 64));
    for (const bool int8 : {false, true}) {
      const Graph written = int8 ? quantise(graph, {images}, {}).graph : graph;
      const Precision precision = int8 ? Precision::kInt8 : Precision::kF32;
      const Matrix logits = make_engine(written, {.precision = precision, .batch = 2})->run(images);
      const std::string stem = concat(number++, int8 ? "_int8" : "_f32");
      write_file(folder / (stem + ".onnx"), serialise(to_onnx(written)));
      const auto raw = [&](const char* ending, const float* values, int64_t count) {
        write_file(folder / (stem + ending),
                   std::span(reinterpret_cast<const uint8_t*>(values), static_cast<size_t>(count) * sizeof(float)));
      };
      const torch::Tensor planes = noise.contiguous();
      raw(".images", planes.const_data_ptr<float>(), planes.numel());
      raw(".logits", logits.values.data(), static_cast<int64_t>(logits.values.size()));
    }
  }
  const std::string command = concat(python, " ", ASSEMBLE_SOURCE_DIR, "/tests/onnx_check.py ", (folder / "").string());
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace assemble
