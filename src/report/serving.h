// SPDX-License-Identifier: Apache-2.0
// What the servers of a package read. Fields are those of OpenVINO Model Server's configuration (its src/schema.cpp)
// and of Triton's ModelConfig (model_config.proto).
#pragma once

#include "assemble/report/package.h"

namespace assemble::report {

inline constexpr const char* kLabelsFile = "labels.txt";

std::string openvino_server_config(const PackagedModel& model);
std::string triton_config(const PackagedModel& model);
/// A line a class; control characters within a name are escaped.
std::string labels(const PackagedModel& model);

/// Shape of the input without the batch, and its type as KServe's protocol calls it.
std::vector<int64_t> input_shape(const PackagedModel& model);
const char* input_type(const PackagedModel& model);

}  // namespace assemble::report
