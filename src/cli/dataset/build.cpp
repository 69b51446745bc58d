// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/build.h"

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/sharing.h"
#include "dataset/dataset.h"

namespace assemble::cli {
namespace {

class BuildCommand : public Subcommand {
 public:
  explicit BuildCommand(const Hooks& hooks) : Subcommand("build", "Write a data set as TFRecords"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Writes a data set as TFRecords, which are read faster than single files: a public one as it was "
           "downloaded, or a folder of your own. Goes on where it was stopped.";
  }
  std::vector<Example> examples() const override {
    return {{"Build a public data set", "assemble dataset build food101 --raw food-101 --out food101-records"},
            {"Build your own", "assemble dataset build folder --raw photos --out photos-records"}};
  }

  void declare(CLI::App& app) override {
    std::vector<std::string> names;
    std::string known;
    for (const Builder& builder : builders()) {
      names.push_back(builder.name);
      known += concat("\n  ", builder.name, ": ", builder.summary);
    }
    app.add_option("name", name_, "Which data set:" + known)->required()->check(one_of(names));
    app.add_option("--raw", raw_, "Folder of the data set as it was downloaded")->required();
    app.add_option("--out", out_, "Folder for the TFRecords")->required();
    app.add_option("--train-shards", options_.train_shards, "Files of the training split; 0: the data set's own")
        ->transform(at_least(0));
    app.add_option("--validation-shards", options_.validation_shards,
                   "Files of the validation split; 0: the data set's own")
        ->transform(at_least(0));
    app.add_option("--max-side", options_.max_side, "Scale larger images down to this longer side, pixels; 0: never")
        ->transform(side(0));
    app.add_option("--quality", options_.quality,
                   "Store images as JPEGs of this quality where that makes them smaller: other pixels, read faster; 0: "
                   "keep files as they are, 95 for images that are scaled")
        ->transform(whole(0, 100));
    app.add_flag("--crop-to-box", options_.crop_to_box,
                 "Cut each image to its object's box, the largest of several, and store it as a JPEG of quality 95 "
                 "(Cars, CUB, Food-100)");
    add_choice(
        app, "--exif", options_.exif, kExifRules,
        "EXIF orientation: kept beside pixels as stored; turn: images without boxes become turned JPEGs of quality "
        "100");
    app.add_flag("--seekable", options_.seekable,
                 "Store JPEGs so that training decodes little more than the window it samples: the same pixels, read "
                 "faster; files about 1 % larger, metadata dropped");
    app.add_option("--seed", options_.seed, "Seed of the training split's shuffle")->transform(seed());
    app.add_option("--threads", options_.threads, "Threads; 0: every core")->transform(thread_count());
    sharing_.declare(app, "Processes that share the files, in one --out that all reach");
  }

  void run() override {
    sharing_.run(hooks_, [&](Exchange& ranks) { build(ranks); });
  }

 private:
  void build(Exchange& ranks) {
    check_output_folder("--out", out_, {raw_});
    options_.threads = sharing_.threads(options_.threads);
    const BuildReport report = build_records(name_, raw_, out_, options_, ranks);
    if (!ranks.is_first()) return;
    if (report.skipped > 0) log_warning(concat(report.skipped, " unreadable files were left out"));
    print({{"out", out_},
           {"classes", report.classes},
           {"train_images", report.train_images},
           {"validation_images", report.validation_images},
           {"skipped", report.skipped},
           {"resumed_shards", report.resumed}},
          format_table({{"classes", "training images", "validation images", "left out"},
                        {std::to_string(report.classes), std::to_string(report.train_images),
                         std::to_string(report.validation_images), std::to_string(report.skipped)}}));
  }

  Hooks hooks_;
  SharingOptions sharing_;
  std::string name_;
  std::string raw_;
  std::string out_;
  BuildOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_build_command(const Hooks& hooks) { return std::make_unique<BuildCommand>(hooks); }

}  // namespace assemble::cli
