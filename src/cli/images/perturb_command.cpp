// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/perturb_set.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/numbers.h"
#include "images/derived_set_command.h"

namespace assemble::cli {
namespace {

class PerturbCommand : public DerivedSetCommand {
 public:
  PerturbCommand() : DerivedSetCommand("perturb", "Write an ImageNet-P of a data set: sequences of perturbed frames") {}

  std::string purpose() const override {
    return "Makes the sequences of ImageNet-P of any data set: short videos in which an image is moved, turned, "
           "brightened or covered with noise a little more in each frame. `assemble robustness p` makes them as it "
           "goes and needs no copy.";
  }
  std::vector<Example> examples() const override {
    return {{"Make all kinds of sequences", "assemble perturb --data photos --out photos-p"}};
  }

  void declare(CLI::App& app) override {
    declare_paths(app, "KIND/CLASS/NAME.mp4, or NAME/frame_NN.png");
    app.add_option("--kinds", options_.kinds, "Which, separated by commas")->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the sequence is made, pixels; 0: as it is")
        ->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the frames, pixels")->transform(side(1));
    add_choice(app, "--exif", options_.exif, kExifRules, "Pixels turned by their EXIF orientation, or as stored");
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    add_choice(app, "--format", options_.format, kPerturbFormats,
               "Of the sequences: mp4 as published, or frames, a folder of PNG files without loss");
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

 protected:
  DerivedReport make(const Dataset& dataset, const std::string& out, const std::string& split) override {
    options_.split = split;
    return perturb_dataset(dataset, out, options_);
  }

 private:
  PerturbSetOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_perturb_command() { return std::make_unique<PerturbCommand>(); }

}  // namespace assemble::cli
