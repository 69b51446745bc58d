// SPDX-License-Identifier: Apache-2.0
#include "common/data_options.h"

#include "common/choice_option.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

constexpr const char* kPairing = "Classes of the data and outputs of the model";
constexpr int64_t kMostOffset = 1 << 20;

}  // namespace

void declare_record_files(CLI::App& app, RecordFiles& files) {
  const char* group = "TFRecords";
  app.add_option("--train-files", files.train_files, "Names of the training files in --data, such as 'part-*.tfrecord'")
      ->group(group);
  app.add_option("--validation-files", files.validation_files, "Names of the validation files in --data")->group(group);
  app.add_option("--split-file", files.split_file,
                 "File that says split and class of the images in the folder --data (such as a run's split.csv)");
  app.add_flag("--allow-missing-shards", files.allow_missing_shards,
               "Go on where files of a numbered set are missing; they are named in a warning")
      ->group(group);
}

void declare_pairing(CLI::App& app, PairingOptions& pairing) {
  app.add_option("--label-offset", pairing.label_offset,
                 "Pair by numbers: output = label + this; 1 for labels from 0 and a model with a background output")
      ->transform(whole(-kMostOffset, kMostOffset))
      ->group(kPairing);
  app.add_option("--class-map", pairing.class_map,
                 "Pair by a file in UTF-8, a line CLASS,OUTPUT for each class (names or numbers); imagenet: by the "
                 "table of ImageNet's synsets")
      ->group(kPairing);
}

void declare_competition(CLI::App& app, PairingOptions& pairing) {
  app.add_flag("--all-outputs", pairing.all_outputs,
               "All outputs compete, also those of classes that the data has no images of")
      ->group(kPairing);
}

std::array<CLI::Option*, 2> declare_views(CLI::App& app, TestViews& views) {
  CLI::Option* tta = add_choice(app, "--tta", views, kTestViews,
                                "Test-time augmentation, views of every image: mirror (2), five-crop, ten-crop, or "
                                "scales (3 sizes, mirrored too: 6)");
  CLI::Option* ten_crop = app.add_flag_function(
      "--ten-crop", [&views](int64_t) { views = TestViews::kTenCrop; }, "The same as --tta ten-crop");
  return {tta, ten_crop->excludes(tta)};
}

}  // namespace assemble::cli
