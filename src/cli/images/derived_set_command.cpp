// SPDX-License-Identifier: Apache-2.0
#include "images/derived_set_command.h"

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/outputs.h"

namespace assemble::cli {

void DerivedSetCommand::declare_paths(CLI::App& app, const std::string& layout) {
  app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
  app.add_option("--out", out_, "Folder for " + layout)->required();
  add_choice(app, "--split", split_, "auto", kSplits, "Part of the data set; auto: validation, else all images");
  declare_record_files(app, files_);
}

void DerivedSetCommand::run() {
  check_output_folder("--out", out_, {data_});
  keep_freed_memory();
  check_apart(out_, data_);
  const auto dataset = open_images(data_, split_, Split::kValidation, files_);
  const DerivedReport report = make(*dataset, out_, split_ ? split_name(*split_) : "auto");
  print({{"out", out_},
         {"images", dataset->size()},
         {"written", report.written},
         {"kept", report.kept},
         {"unreadable", report.unreadable}},
        format_table({{"images", "written", "already there", "images left out"},
                      {std::to_string(dataset->size()), std::to_string(report.written), std::to_string(report.kept),
                       std::to_string(report.unreadable.size())}}));
  if (report.unreadable.empty()) return;
  throw InputError(dataset->where(),
                   concat(report.unreadable.size(), " of ", dataset->size(),
                          " images were left out; the first: ", report.unreadable.front()),
                   "mend them and run this again");
}

}  // namespace assemble::cli
