// SPDX-License-Identifier: Apache-2.0
// Built without fused multiply-adds (CMakeLists.txt), by which each operation is one of IEEE 754's and has one result.
#include "assemble/core/math.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <utility>

namespace assemble::math {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The sum of two doubles, of which the second is below half a unit of the first: 106 bits (Dekker 1971).
struct Pair {
  double high = 0;
  double low = 0;
};

/// a + b, where |a| >= |b| or a is 0.
constexpr Pair sum_of_ordered(double a, double b) {
  const double rounded = a + b;
  return {rounded, b - (rounded - a)};
}

/// a + b (Knuth).
constexpr Pair sum(double a, double b) {
  const double rounded = a + b, part = rounded - a;
  return {rounded, (a - (rounded - part)) + (b - part)};
}

/// The upper 26 bits of 53, and the others (Veltkamp).
constexpr Pair halves(double a) {
  const double shifted = 0x8000001p0 * a, high = shifted - (shifted - a);
  return {high, a - high};
}

/// a · b (Dekker).
constexpr Pair product(double a, double b) {
  const double rounded = a * b;
  const Pair x = halves(a), y = halves(b);
  return {rounded, ((x.high * y.high - rounded) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

constexpr Pair operator-(Pair a) { return {-a.high, -a.low}; }

constexpr Pair operator+(Pair a, Pair b) {
  const Pair high = sum(a.high, b.high);
  return sum_of_ordered(high.high, high.low + (a.low + b.low));
}

constexpr Pair operator*(Pair a, Pair b) {
  const Pair high = product(a.high, b.high);
  return sum_of_ordered(high.high, high.low + (a.high * b.low + a.low * b.high));
}

constexpr Pair operator/(Pair a, Pair b) {
  const double quotient = a.high / b.high;
  const Pair back = product(quotient, b.high);
  const double rest = ((a.high - back.high) - back.low) + (a.low - quotient * b.low);
  return sum_of_ordered(quotient, rest / b.high);
}

constexpr Pair inverse(double n) { return Pair{1, 0} / Pair{n, 0}; }

constexpr double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

/// coefficients[0] + x · coefficients[1] + x² · coefficients[2] + …
template <size_t kCount>
constexpr double polynomial(double x, const std::array<double, kCount>& coefficients) {
  double value = coefficients[kCount - 1];
  for (size_t i = kCount - 1; i-- > 0;) value = value * x + coefficients[i];
  return value;
}

/// A power series: its first coefficients, and the others, for which a double is enough.
template <size_t kLeading, size_t kOthers>
struct Series {
  std::array<Pair, kLeading> leading{};
  std::array<double, kOthers> others{};

  /// @param coefficient of x^i
  template <typename Coefficient>
  explicit constexpr Series(Coefficient coefficient) {
    for (size_t i = 0; i < kLeading; ++i) leading[i] = coefficient(static_cast<int>(i));
    for (size_t i = 0; i < kOthers; ++i) others[i] = coefficient(static_cast<int>(kLeading + i)).high;
  }
  constexpr Pair operator()(Pair x) const {
    Pair value{polynomial(x.high, others), 0};
    for (size_t i = kLeading; i-- > 0;) value = leading[i] + x * value;
    return value;
  }
};

constexpr Pair signed_by(int i, Pair value) { return i % 2 == 0 ? value : -value; }

/// Of x²: sin x / x, cos x, atanh x / x and atan x / x; of x: exp x.
constexpr Series<2, 8> kSine([](int i) { return signed_by(i, inverse(factorial(2 * i + 1))); });
constexpr Series<3, 7> kCosine([](int i) { return signed_by(i, inverse(factorial(2 * i))); });
constexpr Series<3, 11> kInverseTangentH([](int i) { return inverse(2 * i + 1); });
constexpr Series<2, 6> kArcTangent([](int i) { return signed_by(i, inverse(2 * i + 1)); });
constexpr Series<4, 13> kExponential([](int i) { return inverse(factorial(i)); });

/// π / 2 and ln 2 in parts: all but the last have so many zeros at their end that their products with the whole numbers
/// below are exact.
constexpr std::array<double, 4> kHalfPi{0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};
constexpr std::array<double, 3> kLogOf2{0x1.62e42fefa38p-1, 0x1.ef35793c76p-45, 0x1.cc01f97b57a08p-87};
constexpr Pair kPi{0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};

/// The nearest whole number, of less than 2^51.
double nearest(double x) {
  constexpr double kShift = 0x1.8p52;  // numbers of its size have no bits behind the point
  return (x + kShift) - kShift;
}

/// An angle as a multiple of π / 2 and a rest of at most π / 4.
struct Reduced {
  Pair rest;
  int quadrant = 0;
};

Reduced reduced(double x) {
  constexpr double kFarthest = 0x1p20;
  if (!(std::abs(x) <= kFarthest)) x = std::remainder(x, 2 * kPi.high);
  const double turns = nearest(x * (2 / kPi.high));
  const Pair first = sum(x - turns * kHalfPi[0], -turns * kHalfPi[1]);
  const Pair second = sum(-turns * kHalfPi[2], -turns * kHalfPi[3]);
  return {first + second, static_cast<int>(static_cast<int64_t>(turns) & 3)};
}

double sine_of_quadrant(Pair rest, int quadrant) {
  const Pair square = rest * rest;
  const Pair value = quadrant % 2 == 0 ? rest * kSine(square) : kCosine(square);
  return quadrant & 2 ? -value.high : value.high;
}

/// x · 2^exponent.
Pair scaled(Pair x, int exponent) { return {std::ldexp(x.high, exponent), std::ldexp(x.low, exponent)}; }

/// Of a positive finite number.
Pair log_of(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < std::numbers::sqrt2 / 2) {
    mantissa *= 2;
    --exponent;
  }
  const Pair ratio = Pair{mantissa - 1, 0} / sum(mantissa, 1);  // mantissa - 1 is exact
  const Pair of_mantissa = Pair{2 * ratio.high, 2 * ratio.low} * kInverseTangentH(ratio * ratio);
  const Pair of_exponent = sum(exponent * kLogOf2[0], exponent * kLogOf2[1]);
  return (of_exponent + Pair{exponent * kLogOf2[2], 0}) + of_mantissa;
}

double exp_of(Pair x) {
  constexpr double kLargest = 710, kSmallest = -746;  // beyond them infinity and 0
  if (x.high > kLargest) return kInfinity;
  if (x.high < kSmallest) return 0;
  const double powers = nearest(x.high * (1 / kLogOf2[0]));
  const Pair near = sum(x.high - powers * kLogOf2[0], -powers * kLogOf2[1]);
  const Pair value = kExponential(near + Pair{x.low, -powers * kLogOf2[2]});
  return scaled(value, static_cast<int>(powers)).high;
}

constexpr int kArcs = 16;

/// atan(i / 16), each from the one before.
constexpr std::array<Pair, kArcs + 1> kArcTangents = [] {
  std::array<Pair, kArcs + 1> arcs{};
  constexpr Series<20, 2> series([](int i) { return signed_by(i, inverse(2 * i + 1)); });
  for (int i = 0; i < kArcs; ++i) {
    const Pair step = Pair{kArcs, 0} * inverse(kArcs * kArcs + i * (i + 1));
    arcs[static_cast<size_t>(i + 1)] = arcs[static_cast<size_t>(i)] + step * series(step * step);
  }
  return arcs;
}();

/// atan(numerator / denominator) of finite numbers, 0 <= numerator <= denominator > 0.
Pair arc_tangent(double numerator, double denominator) {
  const double steps = nearest(kArcs * (numerator / denominator)), at = steps / kArcs;
  const Pair rest = (Pair{numerator, 0} + -product(at, denominator)) / (Pair{denominator, 0} + product(at, numerator));
  return kArcTangents[static_cast<size_t>(steps)] + rest * kArcTangent(rest * rest);
}

/// x^y of a base above 0, to 2^-35: more than enough for a float.
double quick_power(double x, double y) {
  constexpr auto kLog = [] {
    std::array<double, 8> coefficients{};
    for (size_t i = 0; i < coefficients.size(); ++i) coefficients[i] = 2 / (2.0 * static_cast<double>(i) + 1);
    return coefficients;
  }();
  constexpr auto kExp = [] {
    std::array<double, 11> coefficients{};
    for (size_t i = 0; i < coefficients.size(); ++i) coefficients[i] = 1 / factorial(static_cast<int>(i));
    return coefficients;
  }();
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < std::numbers::sqrt2 / 2) {
    mantissa *= 2;
    --exponent;
  }
  const double ratio = (mantissa - 1) / (mantissa + 1);
  const double log = exponent * std::numbers::ln2 + ratio * polynomial(ratio * ratio, kLog);
  const double power = std::clamp(y * log, -746.0, 710.0), whole = nearest(power * std::numbers::log2e);
  return std::ldexp(polynomial(power - whole * std::numbers::ln2, kExp), static_cast<int>(whole));
}

/// What x^y is where x or y is 0, infinite, negative or no number; `power` makes the rest.
template <typename Real, typename Power>
Real with_special_powers(Real x, Real y, Power power) {
  if (y == 0 || x == 1) return 1;
  if (!(x >= 0) || std::isnan(y)) return std::numeric_limits<Real>::quiet_NaN();
  if (std::isinf(y)) return (x > 1) == (y > 0) ? std::numeric_limits<Real>::infinity() : 0;
  if (x == 0 || std::isinf(x)) return (x == 0) == (y > 0) ? 0 : std::numeric_limits<Real>::infinity();
  return power(x, y);
}

}  // namespace

double sin(double x) {
  if (!std::isfinite(x)) return kNan;
  if (x == 0) return x;  // keeps its sign
  const Reduced angle = reduced(x);
  return sine_of_quadrant(angle.rest, angle.quadrant);
}

double cos(double x) {
  if (!std::isfinite(x)) return kNan;
  const Reduced angle = reduced(x);
  return sine_of_quadrant(angle.rest, angle.quadrant + 1);
}

double atan2(double y, double x) {
  if (std::isnan(x) || std::isnan(y)) return kNan;
  if (std::isinf(x) || std::isinf(y)) {
    x = std::copysign(std::isinf(x) ? 1 : 0, x);
    y = std::copysign(std::isinf(y) ? 1 : 0, y);
  }
  double a = std::abs(y), b = std::abs(x);
  const bool steep = a > b;
  if (steep) std::swap(a, b);
  Pair angle;
  if (b > 0) {
    // Products of very large numbers would overflow.
    const int exponent = -std::ilogb(b);
    angle = arc_tangent(std::ldexp(a, exponent), std::ldexp(b, exponent));
  }
  if (steep) angle = Pair{kPi.high / 2, kPi.low / 2} + -angle;
  if (std::signbit(x)) angle = kPi + -angle;
  return std::copysign(angle.high, y);
}

double exp(double x) { return std::isnan(x) ? kNan : exp_of({x, 0}); }

double log(double x) {
  if (x == 0) return -kInfinity;
  if (!(x > 0)) return kNan;
  return std::isinf(x) ? x : log_of(x).high;
}

double pow(double x, double y) {
  return with_special_powers(x, y, [](double base, double exponent) {
    const Pair log = log_of(base);
    const double power = log.high * exponent;
    if (std::abs(power) > 1000) return power > 0 ? kInfinity : 0;  // which a Pair would not hold
    return exp_of(log * Pair{exponent, 0});
  });
}

float pow(float x, float y) {
  return with_special_powers(
      x, y, [](float base, float exponent) { return static_cast<float>(quick_power(base, exponent)); });
}

float sin(float x) { return static_cast<float>(sin(double{x})); }
float cos(float x) { return static_cast<float>(cos(double{x})); }
float atan2(float y, float x) { return static_cast<float>(atan2(double{y}, double{x})); }
float hypot(float x, float y) { return static_cast<float>(std::sqrt(double{x} * x + double{y} * y)); }

}  // namespace assemble::math
