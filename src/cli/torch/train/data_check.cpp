// SPDX-License-Identifier: Apache-2.0
#include "torch/train/data_check.h"

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/check.h"
#include "assemble/data/label_file.h"
#include "assemble/train/run_folder.h"

namespace assemble::cli {
namespace {

constexpr int kThumbnail = 160;

std::string shown_name(const std::string& path) { return one_line(fs::path(path).lexically_normal().string()); }

std::string page_of(const std::string& path, const std::vector<OpenSplit>& splits, const CheckResult& result) {
  return dataset_report(concat("Check of ", shown_name(path)), result, [&](int64_t i) {
    const CheckedImage& image = result.images[static_cast<size_t>(i)];
    return thumbnail(*splits[image.split].images, image.index, kThumbnail);
  });
}

}  // namespace

DataFindings check_data(const std::string& path, const std::shared_ptr<Dataset>& train,
                        const std::shared_ptr<Dataset>& validation) {
  const std::vector<OpenSplit> splits{{Split::kTrain, train}, {Split::kValidation, validation}};
  const CheckResult result = check_dataset(images_root(path), splits);
  const std::vector<Finding> found = findings_of(result);
  for (const Finding& finding : found) {
    if (!finding.spoils_figures) continue;
    log_warning(concat(shown_name(path), ": ", finding.groups.size(), " × ", finding.title, ", for example ",
                       result.images[static_cast<size_t>(finding.groups.front().front().image)].name,
                       ": `assemble dataset check` shows them"));
  }
  if (found.empty()) {
    return {{concat("Nothing odd was found about the ", result.images.size(), " images of the data set."), {}}, ""};
  }
  return {{concat("What was found among the ", result.images.size(), " images of the data set before the run."),
           table_of(found, result), RunFolder::data_page("").string()},
          page_of(path, splits, result)};
}

}  // namespace assemble::cli
