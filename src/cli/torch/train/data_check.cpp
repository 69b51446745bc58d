// SPDX-License-Identifier: Apache-2.0
#include "torch/train/data_check.h"

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/check.h"
#include "assemble/data/label_file.h"
#include "assemble/train/run_folder.h"
#include "common/dataset_page.h"

namespace assemble::cli {
DataFindings check_data(const std::string& path, const std::shared_ptr<Dataset>& train,
                        const std::shared_ptr<Dataset>& validation) {
  const std::string shown = one_line(fs::path(path).lexically_normal().string());
  const std::vector<OpenSplit> splits{{Split::kTrain, train}, {Split::kValidation, validation}};
  const CheckResult result = check_dataset(images_root(path), splits);
  const std::vector<Finding> found = findings_of(result);
  for (const Finding& finding : found) {
    if (!finding.spoils_figures) continue;
    log_warning(concat(shown, ": ", finding.groups.size(), " × ", finding.title, ", for example ",
                       result.images[static_cast<size_t>(finding.groups.front().front().image)].name,
                       ": `assemble dataset check` shows them"));
  }
  if (found.empty()) {
    return {{concat("Nothing odd was found about the ", result.images.size(), " images of the data set."), {}}, ""};
  }
  return {{concat("What was found among the ", result.images.size(), " images of the data set before the run."),
           table_of(found, result), RunFolder::data_page("").string()},
          dataset_page(path, splits, result)};
}

}  // namespace assemble::cli
