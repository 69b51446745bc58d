// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/draw.h"

#include "assemble/core/error.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "dataset/dataset.h"

namespace assemble::cli {
namespace {

class DrawCommand : public Subcommand {
 public:
  DrawCommand() : Subcommand("draw", "Draw a labelled data set of textured shapes") {}

  std::string purpose() const override {
    return "Draws a small labelled data set of textured shapes: to try commands without photos at hand.";
  }
  std::vector<Example> examples() const override { return {{"Draw it", "assemble dataset draw --out shapes"}}; }

  void declare(CLI::App& app) override {
    app.add_option("--out", out_, "Folder for train/ and validation/")->required();
    app.add_option("--train-per-class", options_.train_per_class, "Training images a class")->transform(at_least(1));
    app.add_option("--validation-per-class", options_.validation_per_class, "Validation images a class")
        ->transform(at_least(1));
    app.add_option("--side", options_.side, "Height and width, pixels")->transform(whole(16, 4096));
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    app.add_flag("--zero-shot", options_.zero_shot, "Half of the classes train, the others validate: for retrieval");
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

  void run() override {
    check_output_folder("--out", out_, {});
    draw_dataset(out_, options_);
    const int64_t all = static_cast<int64_t>(drawn_classes().size()), classes = options_.zero_shot ? all / 2 : all;
    print({{"out", out_},
           {"classes", classes},
           {"train_images", classes * options_.train_per_class},
           {"validation_images", classes * options_.validation_per_class}},
          concat("Drew ", classes * options_.train_per_class, " training and ", classes * options_.validation_per_class,
                 " validation images of ", classes, options_.zero_shot ? " classes each" : " classes", " into ", out_,
                 "\n"));
  }

 private:
  std::string out_;
  DrawOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_draw_command() { return std::make_unique<DrawCommand>(); }

}  // namespace assemble::cli
