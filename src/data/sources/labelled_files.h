// SPDX-License-Identifier: Apache-2.0
// Data sets that a label file names, as open_dataset() and open_splits() open them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "assemble/data/label_file.h"

namespace assemble {

enum class LabelForm { kCsv, kJson, kJsonLines };

/// The rows of a label file's text. @throws InputError as read_label_file() does
LabelRows parse_labels(const std::string& text, LabelForm form, bool labels, const std::string& where);

/// @param root  what paths are relative to
/// @param split nothing: what choose_any() takes, and labels may be missing
std::unique_ptr<Dataset> open_label_file(const fs::path& file, const fs::path& root, const std::optional<Split>& split,
                                         ClassRule rule);

/// The rows of one split, with the classes of training.
std::unique_ptr<Dataset> open_rows(const std::vector<LabelRow>& rows, bool several, const fs::path& root, Split split);

std::vector<OpenSplit> open_label_splits(const fs::path& file, const fs::path& root, bool several);

}  // namespace assemble
