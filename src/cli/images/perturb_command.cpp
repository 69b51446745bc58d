// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/open_images.h"
#include "assemble/data/perturb_set.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class PerturbCommand : public Subcommand {
 public:
  PerturbCommand() : Subcommand("perturb", "Write an ImageNet-P of a data set: sequences of perturbed frames") {}

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    app.add_option("--out", out_, "Folder for KIND/CLASS/NAME.mp4, or NAME/frame_NN.png")->required();
    add_choice(app, "--split", split_, "auto", kSplits, "Part of the data set; auto: validation, else all images");
    app.add_option("--kinds", options_.kinds, "Which, separated by commas")->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the sequence is made, pixels; 0: as it is")
        ->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the frames, pixels")->transform(side(1));
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    add_choice(app, "--format", options_.format, kPerturbFormats,
               "Of the sequences: mp4 as published, or frames, a folder of PNG files without loss");
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

  void run() override {
    check_output_folder("--out", out_, {data_});
    keep_freed_memory();
    check_apart(out_, data_);
    const auto dataset = open_images(data_, split_);
    options_.split = split_ ? split_name(*split_) : "auto";
    const PerturbReport report = perturb_dataset(*dataset, out_, options_);
    print({{"out", out_},
           {"images", dataset->size()},
           {"written", report.written},
           {"kept", report.kept},
           {"unreadable", report.unreadable}},
          format_table({{"images", "sequences written", "already there", "images left out"},
                        {std::to_string(dataset->size()), std::to_string(report.written), std::to_string(report.kept),
                         std::to_string(report.unreadable.size())}}));
    if (!report.unreadable.empty()) {
      throw InputError(dataset->where(), "images were left out; the first: " + report.unreadable.front(),
                       "mend them and run this again");
    }
  }

 private:
  std::string data_;
  std::string out_;
  std::optional<Split> split_;
  PerturbSetOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_perturb_command() { return std::make_unique<PerturbCommand>(); }

}  // namespace assemble::cli
