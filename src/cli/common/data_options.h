// SPDX-License-Identifier: Apache-2.0
// Options of every command that opens a data set.
#pragma once

#include <CLI/CLI.hpp>
#include <array>

#include "assemble/eval/class_pairing.h"
#include "assemble/image/preprocess.h"

namespace assemble::cli {

/// --train-files, --validation-files, --split-file, --allow-missing-shards.
void declare_record_files(CLI::App& app, RecordFiles& files);

/// --label-offset, --class-map.
void declare_pairing(CLI::App& app, PairingOptions& pairing);

/// --all-outputs, of commands that measure.
void declare_competition(CLI::App& app, PairingOptions& pairing);

/// --tta, and --ten-crop for one of its words.
std::array<CLI::Option*, 2> declare_views(CLI::App& app, TestViews& views);

}  // namespace assemble::cli
