// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "corruptions/c_bar.h"

namespace assemble::corruptions {
namespace {

/// Where a coordinate lies in the lattice.
struct Cell {
  size_t left = 0;
  size_t right = 0;
  double offset = 0;
  double weight = 0;  ///< of the right side
};

Cell cell_of(double coordinate) {
  const double shifted = coordinate + 16 * PerlinLattice::kSide, whole = std::floor(shifted);
  Cell cell;
  cell.left = static_cast<size_t>(whole) % PerlinLattice::kSide;
  cell.right = (cell.left + 1) % PerlinLattice::kSide;
  cell.offset = shifted - whole;
  cell.weight = cell.offset * cell.offset * (3 - 2 * cell.offset);
  return cell;
}

double noise(const PerlinLattice& lattice, double y, double x) {
  const Cell down = cell_of(y), across = cell_of(x);
  const auto slope = [&](size_t i, size_t j, double dy, double dx) {
    const auto& gradient = lattice.gradients[lattice.permutation[(lattice.permutation[i] + j) % PerlinLattice::kSide]];
    return dy * gradient[0] + dx * gradient[1];
  };
  const auto edge = [&](size_t j, double dx) {
    const double upper = slope(down.left, j, down.offset, dx), lower = slope(down.right, j, down.offset - 1, dx);
    return upper + down.weight * (lower - upper);
  };
  const double left = edge(across.left, across.offset), right = edge(across.right, across.offset - 1);
  return 1.5 * (left + across.weight * (right - left));
}

double turbulence(const PerlinLattice& lattice, double y, double x) {
  double sum = 0;
  for (int octave = 1; octave <= 16; octave *= 2) sum += std::abs(noise(lattice, octave * y, octave * x)) / octave;
  return sum;
}

}  // namespace

PerlinLattice draw_perlin_lattice(Call& call) {
  PerlinLattice lattice;
  const auto component = [&] { return static_cast<double>(call.random.integer(512)) - 256; };
  for (auto& gradient : lattice.gradients) {
    do {
      gradient = {component(), component()};
    } while (gradient[0] == 0 && gradient[1] == 0);  // has no direction
    const double length = std::sqrt(gradient[0] * gradient[0] + gradient[1] * gradient[1]);
    for (double& value : gradient) value /= length;
  }
  for (size_t i = 0; i < PerlinLattice::kSide; ++i) lattice.permutation[i] = static_cast<uint8_t>(i);
  // Any place is swapped with any other: as published, not quite uniform.
  for (size_t i = PerlinLattice::kSide; i > 0; --i) {
    std::swap(lattice.permutation[i - 1], lattice.permutation[call.random.integer(PerlinLattice::kSide)]);
  }
  lattice.alpha = call.pick<double>({4.6, 5.2, 5.8, 7.6, 8.8}) * 0.5 / 10;
  return lattice;
}

Image perlin_noise(const Image& image, const PerlinLattice& lattice) {
  const double scale = 1 / (32.0 * shorter_side(size_of(image)) / 224);
  const auto kept = static_cast<float>(1 - lattice.alpha);
  return changed(image, [&](int y, int x, const uint8_t* from, uint8_t* out) {
    const double cloud = std::clamp(0.5 * turbulence(lattice, y * scale, x * scale) + 0.5, 0.0, 1.0);
    const double added = 255 * lattice.alpha * cloud;
    for (int c = 0; c < Image::kChannels; ++c) *out++ = level(kept * static_cast<float>(*from++) + added);
  });
}

Image perlin_noise(const Image& image, Call& call) { return perlin_noise(image, draw_perlin_lattice(call)); }

}  // namespace assemble::corruptions
