// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/open_images.h"
#include "assemble/data/perturb_set.h"
#include "numbers.h"
#include "outputs.h"

namespace assemble::cli {
namespace {

class PerturbCommand : public Command {
 public:
  std::string name() const override { return "perturb"; }
  std::string summary() const override { return "Write an ImageNet-P of a data set: sequences of perturbed frames"; }

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    app.add_option("--out", out_, "Folder for KIND/CLASS/NAME.mp4, or NAME/frame_NN.png")->required();
    app.add_option("--split", split_, "validation, train or auto: validation, else all images")
        ->check(CLI::IsMember({"auto", "validation", "train"}));
    app.add_option("--kinds", options_.kinds, "Which, separated by commas")->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the sequence is made, pixels; 0: as it is")
        ->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the frames, pixels")->transform(side(1));
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    app.add_option("--format", format_, "mp4: as published; frames: a folder of PNG files, without loss")
        ->check(CLI::IsMember({"mp4", "frames"}));
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

  void run() override {
    check_output_folder("--out", out_, {data_});
    keep_freed_memory();
    options_.format = format_ == "mp4" ? PerturbFormat::kMp4 : PerturbFormat::kFrames;
    check_apart(out_, data_);
    std::optional<Split> split;
    if (split_ != "auto") split = split_ == "train" ? Split::kTrain : Split::kValidation;
    const auto dataset = open_images(data_, split);
    options_.split = split_;
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
  std::string split_ = "auto";
  std::string format_ = "mp4";
  PerturbSetOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_perturb_command() { return std::make_unique<PerturbCommand>(); }

}  // namespace assemble::cli
