// SPDX-License-Identifier: Apache-2.0
// A report as one HTML file that needs nothing else: readable in light and dark, on wide and narrow screens.
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble::report {

/// Text as it may stand in HTML and in attributes.
std::string escape(const std::string& text);

/// A whole document. @param body HTML
std::string page(const std::string& title, const std::string& body);

/// A share as "12.3 %", or "–" for what is not known.
std::string percent(double share);

/// Rows of text; the first one is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// A paragraph of text.
std::string paragraph(const std::string& text);

std::string paragraphs(const std::vector<std::string>& texts);

/// The last folder and the file of a path: enough to find an image by.
std::string short_path(const std::string& path);

/// A PNG or JPEG as the source of an <img>.
std::string data_uri(const Bytes& image);

/// Class of the elements that have the colour of a series.
std::string series_class(size_t series);

}  // namespace assemble::report
