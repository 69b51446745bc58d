// SPDX-License-Identifier: Apache-2.0
#include "common/data_options.h"

namespace assemble::cli {

void declare_record_files(CLI::App& app, RecordFiles& files) {
  const char* group = "TFRecords";
  app.add_option("--train-files", files.train_files, "Names of the training files in --data, such as 'part-*.tfrecord'")
      ->group(group);
  app.add_option("--validation-files", files.validation_files, "Names of the validation files in --data")->group(group);
  app.add_flag("--allow-missing-shards", files.allow_missing_shards,
               "Go on where files of a numbered set are missing; they are named in a warning")
      ->group(group);
}

void declare_pairing(CLI::App& app, PairingOptions& pairing) {
  const char* group = "Classes of the data and outputs of the model";
  app.add_option("--label-offset", pairing.label_offset,
                 "Pair by numbers: output = label + this; 1 for labels from 0 and a model with a background output")
      ->group(group);
  app.add_option("--class-map", pairing.class_map,
                 "Pair by a file in UTF-8, a line CLASS,OUTPUT for each class (names or numbers); imagenet: by the "
                 "table of ImageNet's synsets")
      ->group(group);
}

}  // namespace assemble::cli
