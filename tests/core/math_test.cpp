// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <vector>

#include "assemble/core/checksum.h"
#include "assemble/core/random.h"

namespace assemble {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Distance from the value in units of its last place.
template <typename Real>
double units_off(Real value, long double exact) {
  const Real magnitude = std::abs(static_cast<Real>(exact));
  const long double unit = std::nextafter(magnitude, std::numeric_limits<Real>::infinity()) - magnitude;
  return static_cast<double>(std::abs(static_cast<long double>(value) - exact) / unit);
}

/// Numbers of every size between 2^low and 2^high, of both signs.
std::vector<double> numbers(int low, int high, int count = 20000) {
  Random random(1, RandomPurpose::kDraw, static_cast<uint32_t>(high), static_cast<uint64_t>(low + 2000));
  std::vector<double> result(static_cast<size_t>(count));
  for (double& value : result) {
    const double mantissa = 1 + random.uniform();
    value = std::ldexp(mantissa, low + static_cast<int>(random.integer(static_cast<uint64_t>(high - low))));
    if (random.bernoulli(0.5)) value = -value;
  }
  return result;
}

template <typename Exact>
double most_units_off(const std::vector<double>& arguments, double (*function)(double), Exact exact) {
  double most = 0;
  for (const double x : arguments) {
    most = std::max(most, units_off(function(x), exact(static_cast<long double>(x))));
  }
  return most;
}

using Long = long double;

TEST(Math, IsWithinALittleMoreThanHalfAUnit) {
  const auto print = [](const char* name, double most) {
    std::cout << name << ": " << most << " units\n";
    return most;
  };
  const std::vector<double> angles = numbers(-30, 20);
  EXPECT_LT(print("sin", most_units_off(angles, math::sin, [](Long x) { return std::sin(x); })), 0.51);
  EXPECT_LT(print("cos", most_units_off(angles, math::cos, [](Long x) { return std::cos(x); })), 0.51);
  EXPECT_LT(print("exp", most_units_off(numbers(-40, 9), math::exp, [](Long x) { return std::exp(x); })), 0.51);
  std::vector<double> positive = numbers(-1000, 1000), near_one = numbers(-40, -1);
  for (double& x : positive) x = std::abs(x);
  for (const double x : near_one) positive.push_back(1 + x);
  EXPECT_LT(print("log", most_units_off(positive, math::log, [](Long x) { return std::log(x); })), 0.51);
}

TEST(Math, OfTwoArgumentsIsWithinALittleMoreThanHalfAUnit) {
  const std::vector<double> first = numbers(-20, 20), second = numbers(-20, 19);
  double angle = 0, power = 0, single = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    const Long x = first[i], y = second[i];
    angle = std::max(angle, units_off(math::atan2(first[i], second[i]), std::atan2(x, y)));
    const double base = std::abs(first[i]), exponent = second[i] / 0x1p14;
    const Long exact = std::pow(static_cast<Long>(base), static_cast<Long>(exponent));
    if (exact > 0x1p-64L && exact < 0x1p64L) power = std::max(power, units_off(math::pow(base, exponent), exact));
    const auto a = static_cast<float>(base), b = static_cast<float>(exponent);
    const Long of_floats = std::pow(static_cast<Long>(a), static_cast<Long>(b));
    if (of_floats > 0x1p-120L && of_floats < 0x1p120L) single = std::max(single, units_off(math::pow(a, b), of_floats));
  }
  std::cout << "atan2: " << angle << " pow: " << power << " pow of floats: " << single << " units\n";
  EXPECT_LT(angle, 0.51);
  EXPECT_LT(power, 0.52);
  EXPECT_LT(single, 0.51);
}

TEST(Math, NearMultiplesOfHalfPiIsAsExact) {
  for (int i = 1; i < 2000; ++i) {
    const double x = i * (std::numbers::pi / 2);
    EXPECT_LT(units_off(math::sin(x), std::sin(static_cast<Long>(x))), 0.51) << i;
    EXPECT_LT(units_off(math::cos(x), std::cos(static_cast<Long>(x))), 0.51) << i;
  }
}

TEST(Math, OfFarAnglesIsThatOfANeighbour) {
  for (const double x : numbers(20, 60, 1000)) {
    const double neighbour = std::nextafter(x, kInfinity) - x;
    EXPECT_NEAR(math::sin(x), std::sin(x), neighbour);
    EXPECT_NEAR(math::cos(x), std::cos(x), neighbour);
  }
  EXPECT_LE(std::abs(math::sin(1e300)), 1);
}

TEST(Math, HasTheSpecialValuesOfTheCLibrary) {
  const std::vector<double> special{0.0,  -0.0, 1.0,       -1.0,       0.5,    2.0,   1e-310, 1e308,
                                    -745, 709,  kInfinity, -kInfinity, 1e-320, 746.0, 5e-324, kNan};
  const auto same = [](double a, double b) {
    return std::isnan(a) ? std::isnan(b) : std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
  };
  for (const double x : special) {
    EXPECT_TRUE(same(math::exp(x), std::exp(x)) || std::abs(math::exp(x) / std::exp(x) - 1) < 1e-15) << x;
    EXPECT_TRUE(same(math::log(x), std::log(x)) || std::abs(math::log(x) / std::log(x) - 1) < 1e-15) << x;
    if (std::isinf(x) || x == 0) {
      EXPECT_TRUE(same(math::sin(x), std::sin(x))) << x;
      EXPECT_TRUE(same(math::cos(x), std::cos(x))) << x;
    }
    for (const double y : special) {
      const double angle = std::atan2(x, y), power = std::pow(x, y);
      EXPECT_TRUE(same(math::atan2(x, y), angle) || std::abs(math::atan2(x, y) / angle - 1) < 1e-15) << x << " " << y;
      if (x < 0 || std::signbit(x)) continue;
      EXPECT_TRUE(same(math::pow(x, y), power) || std::abs(math::pow(x, y) / power - 1) < 1e-13) << x << " " << y;
      const auto a = static_cast<float>(x), b = static_cast<float>(y);
      const float single = std::pow(a, b);
      EXPECT_TRUE(same(math::pow(a, b), single) || std::abs(math::pow(a, b) / single - 1) < 1e-6f) << a << " " << b;
    }
  }
  EXPECT_TRUE(std::isnan(math::pow(-2.0, 2.0)));
}

// Random numbers and pixels rest on these bits, on every processor.
TEST(Math, HasTheBitsThatItHad) {
  std::vector<double> values;
  for (const double x : numbers(-10, 9)) {
    for (const double value : {math::sin(x), math::cos(x), math::exp(x), math::log(std::abs(x)), math::atan2(x, 0.7),
                               math::pow(std::abs(x), 1.4)}) {
      values.push_back(value);
    }
    values.push_back(math::pow(static_cast<float>(std::abs(x)), 0.3f));
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  EXPECT_EQ(content_hash(std::span(bytes, values.size() * sizeof(double))), "8da08f2a9127623d4c308a6821e3f7bd");
}

}  // namespace
}  // namespace assemble
