// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace assemble {

bool is_utf8(std::string_view text);

/// Text of unknown encoding as UTF-8: what is UTF-8 stays, every other byte is taken as Windows-1252.
std::string to_utf8(std::string_view text);

/// The name of a file or folder as UTF-8 in composed form (NFC), so that "é" is the same whether Linux, Windows or
/// macOS stored it. Files are opened by the bytes of their names, which this need not keep.
std::string name_text(std::string_view name);

/// As to_utf8, on one line: control characters become \x0A and the like. For messages, tables and records.
std::string one_line(std::string_view text);

}  // namespace assemble
