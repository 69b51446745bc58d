// SPDX-License-Identifier: Apache-2.0
// What is odd about the images that a run is to learn from.
#pragma once

#include <memory>
#include <string>

#include "assemble/data/dataset.h"
#include "assemble/report/report.h"

namespace assemble::cli {

struct DataFindings {
  TextTable table;   ///< what was found, for the page of the run
  std::string page;  ///< that shows the images, HTML; empty where nothing was found
};

/// Looks over the images of a run and says on the log what spoils its figures.
/// @param path that was given as the data set
DataFindings check_data(const std::string& path, const std::shared_ptr<Dataset>& train,
                        const std::shared_ptr<Dataset>& validation);

}  // namespace assemble::cli
