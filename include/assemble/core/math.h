// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Elementary functions with the same bits on every processor, for random numbers and pixels, which are promised to be
/// the same everywhere. Those of the C library have another last bit from one library to the next, and from processors
/// that fuse multiply-adds to others. (Square roots, remainders and roundings are exact in all of them.)
///
/// Errors are below 0.51 units in the last place unless said otherwise; special values are those of the C library.
namespace assemble::math {

/// Beyond |x| = 2^20 the result is that of an argument off by less than half a unit in its last place.
double sin(double x);
double cos(double x);
/// Angle of the point (x, y) in [-π, π].
double atan2(double y, double x);

double exp(double x);
double log(double x);
/// x^y; NaN for every x below 0. Errors are below 0.52 units where the result is within 2^±64, and 0.6 elsewhere.
double pow(double x, double y);
/// x^y in a quarter of the time: errors below 0.51 units of a float. NaN for every x below 0.
float pow(float x, float y);

/// Of floats errors are below 0.51 units of a float.
float sin(float x);
float cos(float x);
float atan2(float y, float x);
/// √(x² + y²).
float hypot(float x, float y);

}  // namespace assemble::math
