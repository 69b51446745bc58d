// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupt_set.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/corruption_options.h"
#include "common/numbers.h"
#include "images/derived_set_command.h"

namespace assemble::cli {
namespace {

class CorruptCommand : public DerivedSetCommand {
 public:
  CorruptCommand()
      : DerivedSetCommand("corrupt", "Write an ImageNet-C or ImageNet-C-bar of a data set, at 5 severities") {}

  std::string purpose() const override {
    return "Makes the images of ImageNet-C of any data set: noise, blur, weather and digital damage at five "
           "severities, each a data set of its own. `assemble robustness c` makes them as it goes and needs no copy.";
  }
  std::vector<Example> examples() const override {
    return {{"Make all corruptions", "assemble corrupt --data photos --out photos-c"},
            {"Two of them at one severity",
             "assemble corrupt --data photos --out noisy --corruptions gaussian_noise,shot_noise --severities 3"}};
  }

  void declare(CLI::App& app) override {
    declare_paths(app, "CORRUPTION/SEVERITY/CLASS/NAME.JPEG");
    corruptions_.declare(app);
    app.add_option("--severities", options_.severities, "Which of 1 to 5, separated by commas")
        ->transform(whole(1, 5))
        ->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the crop, pixels; 0: as it is")->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the square cut from the middle, pixels; 0: none")
        ->transform(side(0));
    add_choice(app, "--exif", options_.exif, kExifRules, "Pixels turned by their EXIF orientation, or as stored");
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    app.add_option("--frost-dir", options_.frost_dir, "Folder of the published generator's frost photographs");
    add_choice(app, "--format", options_.format, kCorruptFormats,
               "Of the files: jpeg as published, or png without loss");
    app.add_option("--quality", options_.quality, "Quality of the JPEG files")->transform(whole(1, 100));
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

 protected:
  DerivedReport make(const Dataset& dataset, const std::string& out, const std::string& split) override {
    options_.split = split;
    options_.corruptions = corruptions_.chosen();
    warn_of_needless_resizing(dataset, options_);
    return corrupt_dataset(dataset, out, options_);
  }

 private:
  CorruptionOptions corruptions_;
  CorruptSetOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_corrupt_command() { return std::make_unique<CorruptCommand>(); }

}  // namespace assemble::cli
