// SPDX-License-Identifier: Apache-2.0
#include "common/dataset_page.h"

#include "assemble/core/encoding.h"
#include "assemble/core/text.h"
#include "assemble/report/report.h"

namespace assemble::cli {

std::string dataset_page(const std::string& data, const std::vector<OpenSplit>& splits, const CheckResult& result) {
  constexpr int kThumbnail = 160;
  const auto small = [&](int64_t i) {
    const CheckedImage& image = result.images[static_cast<size_t>(i)];
    return thumbnail(*splits[image.split].images, image.index, kThumbnail);
  };
  return dataset_report(concat("Check of ", one_line(fs::path(data).lexically_normal().string())), result, small);
}

}  // namespace assemble::cli
