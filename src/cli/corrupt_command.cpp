// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/open_images.h"
#include "numbers.h"
#include "outputs.h"

namespace assemble::cli {
namespace {

class CorruptCommand : public Command {
 public:
  std::string name() const override { return "corrupt"; }
  std::string summary() const override { return "Write an ImageNet-C of a data set: 19 corruptions, 5 severities"; }

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    app.add_option("--out", out_, "Folder for CORRUPTION/SEVERITY/CLASS/NAME.JPEG")->required();
    app.add_option("--split", split_, "validation, train or auto: validation, else all images")
        ->check(CLI::IsMember({"auto", "validation", "train"}));
    app.add_option("--corruptions", options_.corruptions, "Which, separated by commas")->delimiter(',');
    app.add_option("--severities", options_.severities, "Which of 1 to 5, separated by commas")
        ->transform(whole(1, 5))
        ->delimiter(',');
    app.add_option("--resize", options_.resize, "Short side before the crop, pixels; 0: as it is")->transform(side(0));
    app.add_option("--crop", options_.crop, "Side of the square cut from the middle, pixels; 0: none")
        ->transform(side(0));
    app.add_option("--seed", options_.seed, "Seed")->transform(seed());
    app.add_option("--frost-dir", options_.frost_dir, "Folder of the published generator's frost photographs");
    app.add_option("--format", format_, "jpeg, or png: without loss")->check(CLI::IsMember({"jpeg", "png"}));
    app.add_option("--quality", options_.quality, "Quality of the JPEG files")->transform(whole(1, 100));
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
  }

  void run() override {
    check_output_folder("--out", out_, {data_});
    keep_freed_memory();
    options_.format = format_ == "png" ? CorruptFormat::kPng : CorruptFormat::kJpeg;
    check_apart(out_, data_);
    std::optional<Split> split;
    if (split_ != "auto") split = split_ == "train" ? Split::kTrain : Split::kValidation;
    const auto dataset = open_images(data_, split);
    options_.split = split_;
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
  std::string split_ = "auto";
  std::string format_ = "jpeg";
  CorruptSetOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_corrupt_command() { return std::make_unique<CorruptCommand>(); }

}  // namespace assemble::cli
