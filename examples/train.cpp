// SPDX-License-Identifier: Apache-2.0
// train DATA RUN [MODEL]: trains on DATA/train/CLASS/IMAGE, validates on DATA/validation, and leaves models, metrics
// and a checkpoint in the folder RUN. With a model file it fine-tunes that network, whatever its classes were.
#include <assemble/core/error.h>
#include <assemble/train/run_observers.h>
#include <assemble/train/trainer.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 3) throw assemble::UsageError("train", "two arguments at least", "usage: train DATA RUN [MODEL]");
  const auto train = assemble::open_dataset(argv[1], assemble::Split::kTrain);
  const auto validation = assemble::open_dataset(argv[1], assemble::Split::kValidation);

  assemble::TrainOptions options;
  options.epochs = 2;
  options.batch_size = 8;
  options.schedule.base = 0.01;
  options.label_smoothing = 0.1;
  options.arch = "resnet50+d+w8";  // an eighth of ResNet-50-D's width
  options.preprocessing = assemble::Preprocessing::from_type("imagenet_64");
  if (argc > 3) {
    const assemble::ModelCard card = assemble::read_model_card(argv[3]);
    options.pretrained = argv[3];
    options.arch = card.arch;
    options.preprocessing = card.preprocessing;
  }

  assemble::RunFolder folder(argv[2], /*resume=*/false);
  assemble::RunObservers observers(folder, options);
  assemble::Trainer trainer(*train, *validation, options, observers.all());
  const assemble::TrainResult result = trainer.run();
  std::cout << result.steps << " steps, " << result.metric << ' ' << *result.best << ": " << folder.best().string()
            << '\n';
} catch (const assemble::Error& error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.code());
}
