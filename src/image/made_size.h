// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "assemble/image/image.h"

namespace assemble {

/// The most pixels of an image that is made of another one: resized, padded, corrupted. A few bytes can hold an image
/// of 1×65535, whose short side resized to 256 would give 256×16776960.
inline constexpr int64_t kMaxMadePixels = int64_t{1} << 28;

/// The most pixels of an image that is resized as a whole: it is made in floats.
inline constexpr int64_t kMaxResizedPixels = int64_t{1} << 26;

/// The longest side of an image of which a part is made.
inline constexpr int64_t kMaxMadeSide = int64_t{1} << 30;

/// To be called before an image is made.
/// @param where file or record, or the operation; named in the error
/// @param most pixels
/// @throws InputError, saying size and limit, when it would have more
void check_made_size(int64_t height, int64_t width, const std::string& where, int64_t most = kMaxMadePixels);

/// The same for an image of which no more is made than `part`: its sides may be up to kMaxMadeSide.
void check_made_size(int64_t height, int64_t width, const Window& part, const std::string& where);

}  // namespace assemble
