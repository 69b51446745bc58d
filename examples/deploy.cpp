// SPDX-License-Identifier: Apache-2.0
// deploy MODEL DATA OUT.onnx: writes a model file as ONNX in 8 bits, calibrated on training images of DATA, and
// measures on its validation images what that costs. It links the runtime library alone: no LibTorch.
#include <assemble/core/error.h>
#include <assemble/deploy/onnx_export.h>
#include <assemble/deploy/passes.h>
#include <assemble/deploy/quantise.h>
#include <assemble/eval/classification.h>

#include <algorithm>
#include <iostream>

namespace {

constexpr int64_t kCalibrationImages = 64;

void quantise_to(const assemble::fs::path& model, const assemble::Dataset& images, const assemble::fs::path& out) {
  const assemble::ModelCard card = assemble::read_model_card(model);
  const assemble::Graph graph = optimise(assemble::read_graph(model, card.preprocessing.eval_size));

  const assemble::EvenlySpread chosen(images, std::min(kCalibrationImages, images.size()));
  assemble::LoaderOptions options;
  options.batch_size = chosen.size();
  options.preprocessing = card.preprocessing;
  assemble::Loader loader(chosen, options);
  loader.start(0);
  assemble::Batch batch;
  loader.next(batch);

  const assemble::Graph quantised = quantise(pools_as_convolutions(graph), {images_of(batch)}, {}).graph;
  const assemble::Metadata metadata = to_metadata(card, assemble::Precision::kInt8);
  assemble::write_file(out, serialise(to_onnx(quantised, metadata)));
}

double top1(const assemble::fs::path& file, const assemble::Dataset& images) {
  assemble::DeployedModel model = assemble::open_engine(file, {.batch = 16});
  assemble::LoaderOptions options;
  options.preprocessing = model.card.preprocessing;
  assemble::Loader loader(images, options);
  return evaluate(assemble::make_network(std::move(model.engine)), outputs_of(model.card, file.string()), loader).top1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw assemble::UsageError("deploy", "needs three arguments", "usage: deploy MODEL DATA OUT.onnx");
  quantise_to(argv[1], *assemble::open_dataset(argv[2], assemble::Split::kTrain), argv[3]);
  const auto validation = assemble::open_dataset(argv[2], assemble::Split::kValidation);
  std::cout << "top-1 f32 " << top1(argv[1], *validation) << ", int8 " << top1(argv[3], *validation) << '\n';
} catch (const assemble::Error& error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.code());
}
