// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/open_images.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class CorruptCommand : public Subcommand {
 public:
  CorruptCommand() : Subcommand("corrupt", "Write an ImageNet-C of a data set: 19 corruptions, 5 severities") {}

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    app.add_option("--out", out_, "Folder for CORRUPTION/SEVERITY/CLASS/NAME.JPEG")->required();
    add_choice(app, "--split", split_, "auto", kSplits, "Part of the data set; auto: validation, else all images");
    app.add_option("--corruptions", options_.corruptions, "Which, separated by commas")->delimiter(',');
    app.add_option("--severities", options_.severities, "Which of 1 to 5, separated by commas")
        ->transform(whole(1, 5))
        ->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the crop, pixels; 0: as it is")->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the square cut from the middle, pixels; 0: none")
        ->transform(side(0));
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    app.add_option("--frost-dir", options_.frost_dir, "Folder of the published generator's frost photographs");
    add_choice(app, "--format", options_.format, kCorruptFormats,
               "Of the files: jpeg as published, or png without loss");
    app.add_option("--quality", options_.quality, "Quality of the JPEG files")->transform(whole(1, 100));
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

  void run() override {
    check_output_folder("--out", out_, {data_});
    keep_freed_memory();
    check_apart(out_, data_);
    const auto dataset = open_images(data_, split_);
    options_.split = split_ ? split_name(*split_) : "auto";
    const CorruptReport report = corrupt_dataset(*dataset, out_, options_);
    print({{"out", out_},
           {"images", dataset->size()},
           {"written", report.written},
           {"kept", report.kept},
           {"unreadable", report.unreadable}},
          format_table({{"images", "files written", "already there", "images left out"},
                        {std::to_string(dataset->size()), std::to_string(report.written), std::to_string(report.kept),
                         std::to_string(report.unreadable.size())}}));
    if (!report.unreadable.empty()) {
      throw InputError(dataset->where(),
                       concat(report.unreadable.size(), " of ", dataset->size(),
                              " images were left out; the first: ", report.unreadable.front()),
                       "mend them and run this again");
    }
  }

 private:
  std::string data_;
  std::string out_;
  std::optional<Split> split_;
  CorruptSetOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_corrupt_command() { return std::make_unique<CorruptCommand>(); }

}  // namespace assemble::cli
