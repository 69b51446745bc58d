// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace assemble::cli {

/// The config.toml of a run of version 0.1, which was not always TOML (`lr=.1`, `data="back\slash"`, `data=007`), as
/// TOML with the same lines. Nothing when the text is no such file.
std::optional<std::string> from_earlier_config(const std::string& text);

}  // namespace assemble::cli
