// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include "assemble/core/math.h"
#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

constexpr uint8_t kGray = 128;

/// Place of a square in the grid, as Python's int() and negative indices find it.
size_t place(double coordinate, int side) {
  const auto index = static_cast<int>(coordinate) % side;
  return static_cast<size_t>(index < 0 ? index + side : index);
}

}  // namespace

Checkerboard draw_checkerboard(const FieldSize& size, Call& call) {
  Random& random = call.random;
  const int side = shorter_side(size);
  Checkerboard board;
  board.angle = random.uniform(0, 2 * std::numbers::pi);
  board.scale = std::max(random.uniform(0.1, 0.25) * side, 1.0);
  board.side = static_cast<int>(4 * side / board.scale);
  const double fraction = call.pick<double>({2, 3, 4, 5, 6}) / 10;
  board.gray.resize(static_cast<size_t>(board.side) * static_cast<size_t>(board.side));
  for (uint8_t& gray : board.gray) gray = random.uniform() < fraction;
  return board;
}

Image checkerboard_cutout(const Image& image, const Checkerboard& board) {
  const double cosine = math::cos(board.angle), sine = math::sin(board.angle);
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    const double row = (cosine * y + sine * x) / board.scale, column = (-sine * y + cosine * x) / board.scale;
    const bool may_be_gray = static_cast<int>(floor_modulus(row, 2)) == static_cast<int>(floor_modulus(column, 2));
    const size_t square = place(row, board.side) * static_cast<size_t>(board.side) + place(column, board.side);
    const bool is_gray = may_be_gray && board.gray[square] != 0;
    for (int c = 0; c < Image::kChannels; ++c) out[c] = is_gray ? kGray : from[c];
  });
}

Image checkerboard_cutout(const Image& image, Call& call) {
  return checkerboard_cutout(image, draw_checkerboard(size_of(image), call));
}

}  // namespace assemble::corruptions
