// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "assemble/core/error.h"
#include "assemble/core/math.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/image/encode.h"

namespace assemble {
namespace {

using Color = std::array<float, 3>;

struct Point {
  float x = 0;
  float y = 0;
};

enum class Shape { kDisc, kTriangle, kStar, kCross, kBar };
enum class Texture { kStriped, kDotted, kPlain };

constexpr std::array kShapes{Shape::kDisc, Shape::kTriangle, Shape::kStar, Shape::kCross};
constexpr std::array kTextures{Texture::kStriped, Texture::kDotted};
constexpr float kPi = std::numbers::pi_v<float>;

void check_side(int side) {
  if (side < 16 || side > 4096) throw UsageError("draw", concat("side of ", side, " pixels, expected 16…4096"));
}

float between(Random& random, double low, double high) { return static_cast<float>(random.uniform(low, high)); }

Color random_color(Random& random) {
  return {between(random, 0, 255), between(random, 0, 255), between(random, 0, 255)};
}

float luma(const Color& color) { return 0.299f * color[0] + 0.587f * color[1] + 0.114f * color[2]; }

Color color_of_brightness(float low, float high, Random& random) {
  for (;;) {
    const Color color = random_color(random);
    if (luma(color) >= low && luma(color) <= high) return color;
  }
}

/// A colour whose brightness differs from `other`'s by at least `contrast`.
Color contrasting_color(const Color& other, float contrast, Random& random) {
  for (;;) {
    const Color color = random_color(random);
    if (std::abs(luma(color) - luma(other)) >= contrast) return color;
  }
}

float distance_to_triangle(Point p) {
  const float side = std::sqrt(3.f) / 2;
  return std::max({p.y, side * p.x - 0.5f * p.y, -side * p.x - 0.5f * p.y}) - 0.5f;
}

float distance_to_star(Point p) {
  constexpr float kHalfSector = kPi / 5, kInner = 0.45f;
  const float angle = std::remainder(math::atan2(p.y, p.x), 2 * kHalfSector);
  const float radius = math::hypot(p.x, p.y);
  // Folded onto one half of one point, the border is the line from the tip (1, 0) to the inner corner.
  const Point folded{radius * math::cos(angle), radius * std::abs(math::sin(angle))};
  const Point edge{kInner * math::cos(kHalfSector) - 1, kInner * math::sin(kHalfSector)};
  return (edge.y * (folded.x - 1) - edge.x * folded.y) / math::hypot(edge.x, edge.y);
}

float distance_to_cross(Point p) {
  constexpr float kArm = 0.34f;
  const float x = std::abs(p.x), y = std::abs(p.y);
  return std::min(std::max(x - 1, y - kArm), std::max(x - kArm, y - 1));
}

/// Signed distance (negative inside) to a shape that fits the unit circle.
float distance_to(Shape shape, Point p) {
  switch (shape) {
    case Shape::kDisc:
      return math::hypot(p.x, p.y) - 0.85f;
    case Shape::kTriangle:
      return distance_to_triangle(p);
    case Shape::kStar:
      return distance_to_star(p);
    case Shape::kCross:
      return distance_to_cross(p);
    case Shape::kBar:
      break;
  }
  return std::max(std::abs(p.x) - 1, std::abs(p.y) - 0.3f);
}

/// A pattern over the plane: period, direction and offset in pixels.
struct Pattern {
  Texture texture = Texture::kPlain;
  float period = 8;
  float angle = 0;
  Point offset;

  /// Share of the second colour, 0…1, with edges one pixel wide.
  float operator()(Point p) const {
    if (texture == Texture::kPlain) return 0;
    const float c = math::cos(angle), s = math::sin(angle);
    const float u = std::remainder(c * p.x + s * p.y + offset.x, period);
    if (texture == Texture::kStriped) return std::clamp(0.5f + period / 4 - std::abs(u), 0.f, 1.f);
    const float v = std::remainder(-s * p.x + c * p.y + offset.y, period);
    return std::clamp(0.5f + period * 0.34f - math::hypot(u, v), 0.f, 1.f);
  }
};

Pattern random_pattern(Texture texture, double min_period, double max_period, Random& random) {
  const float period = between(random, min_period, max_period);
  return {texture, period, between(random, 0, kPi), {between(random, 0, period), between(random, 0, period)}};
}

/// Where and how one shape is painted.
struct Item {
  Shape shape = Shape::kDisc;
  Pattern pattern;
  Point center;
  float radius = 1;
  float angle = 0;
  Color first{};
  Color second{};
};

void blend(Color& pixel, const Color& color, float share) {
  for (size_t c = 0; c < 3; ++c) pixel[c] += (color[c] - pixel[c]) * share;
}

/// A square image in floats.
class Canvas {
 public:
  explicit Canvas(int side) : side_(side), pixels_(static_cast<size_t>(side) * side) {}

  int side() const { return side_; }

  template <typename Change>
  void for_each(Change change) {
    const auto end = static_cast<float>(side_);
    for_each_between({0, 0}, {end, end}, change);
  }

  void paint(const Item& item) {
    const float c = math::cos(item.angle) / item.radius, s = math::sin(item.angle) / item.radius;
    const float reach = item.radius + 1;
    const Point low{item.center.x - reach, item.center.y - reach}, high{item.center.x + reach, item.center.y + reach};
    for_each_between(low, high, [&](Point p, Color& pixel) {
      const float x = p.x - item.center.x, y = p.y - item.center.y;
      const float distance = distance_to(item.shape, {c * x + s * y, c * y - s * x}) * item.radius;
      const float share = std::clamp(0.5f - distance, 0.f, 1.f);
      if (share <= 0) return;
      Color color = item.first;
      blend(color, item.second, item.pattern({x, y}));
      blend(pixel, color, share);
    });
  }

  void draw_line(Point from, Point to, float half_width, const Color& color) {
    const Point along{to.x - from.x, to.y - from.y};
    const float length = along.x * along.x + along.y * along.y + 1e-6f;
    const float reach = half_width + 1;
    const Point low{std::min(from.x, to.x) - reach, std::min(from.y, to.y) - reach};
    const Point high{std::max(from.x, to.x) + reach, std::max(from.y, to.y) + reach};
    for_each_between(low, high, [&](Point p, Color& pixel) {
      const float t = std::clamp(((p.x - from.x) * along.x + (p.y - from.y) * along.y) / length, 0.f, 1.f);
      const float distance = math::hypot(p.x - from.x - t * along.x, p.y - from.y - t * along.y);
      blend(pixel, color, std::clamp(0.5f + half_width - distance, 0.f, 1.f));
    });
  }

  Image to_image(float noise, Random& random) {
    Image image = Image::create(side_, side_);
    uint8_t* out = image.pixels.data();
    for (const Color& pixel : pixels_) {
      for (const float value : pixel) {
        const float noisy = value + noise * static_cast<float>(random.uniform(-1, 1));
        *out++ = static_cast<uint8_t>(std::lround(std::clamp(noisy, 0.f, 255.f)));
      }
    }
    return image;
  }

 private:
  template <typename Change>
  void for_each_between(Point low, Point high, Change change) {
    const auto within = [&](float value) { return std::clamp(static_cast<int>(value), 0, side_); };
    for (int y = within(low.y); y < within(high.y + 1); ++y) {
      for (int x = within(low.x); x < within(high.x + 1); ++x) {
        change(Point{static_cast<float>(x), static_cast<float>(y)}, pixels_[static_cast<size_t>(y) * side_ + x]);
      }
    }
  }

  int side_;
  std::vector<Color> pixels_;
};

/// A dark gradient under a faint texture of either kind, so that the presence of a texture tells nothing.
void draw_ground(Canvas& canvas, Random& random) {
  const auto side = static_cast<float>(canvas.side());
  const Color from = color_of_brightness(0, 110, random), to = color_of_brightness(0, 110, random);
  const float angle = between(random, 0, 2 * kPi);
  const Texture texture = kTextures[random.integer(kTextures.size())];
  const Pattern pattern = random_pattern(texture, side * 0.08, side * 0.18, random);
  const float strength = between(random, 8, 28);
  canvas.for_each([&](Point p, Color& pixel) {
    const float t = 0.5f + ((p.x / side - 0.5f) * math::cos(angle) + (p.y / side - 0.5f) * math::sin(angle)) * 0.7f;
    pixel = from;
    blend(pixel, to, t);
    for (float& value : pixel) value += (pattern(p) - 0.5f) * strength;
  });
}

void draw_clutter(Canvas& canvas, Random& random) {
  const double side = canvas.side();
  const auto anywhere = [&] { return Point{between(random, 0, side), between(random, 0, side)}; };
  for (uint64_t i = 0, lines = 2 + random.integer(4); i < lines; ++i) {
    const Point from = anywhere(), to = anywhere();
    const Color color = random_color(random);
    canvas.draw_line(from, to, between(random, 0.2, side * 0.02), color);
  }
  for (uint64_t i = 0, bars = 1 + random.integer(3); i < bars; ++i) {
    Item item;
    item.shape = Shape::kBar;
    item.pattern = random_pattern(kTextures[random.integer(kTextures.size())], side * 0.06, side * 0.12, random);
    item.center = anywhere();
    item.radius = between(random, side * 0.1, side * 0.22);
    item.angle = between(random, 0, kPi);
    item.first = random_color(random);
    item.second = random_color(random);
    canvas.paint(item);
  }
}

Item labelled_item(int64_t label, int side, Random& random) {
  Item item;
  item.shape = kShapes[static_cast<size_t>(label) / kTextures.size()];
  item.radius = between(random, 0.3, 0.44) * static_cast<float>(side);
  item.pattern = random_pattern(kTextures[static_cast<size_t>(label) % kTextures.size()], item.radius * 0.32,
                                item.radius * 0.5, random);
  const double margin = item.radius * 0.95;
  item.center = {between(random, margin, side - margin), between(random, margin, side - margin)};
  item.angle = between(random, -0.6, 0.6);
  item.first = color_of_brightness(150, 255, random);
  item.second = contrasting_color(item.first, 80, random);
  return item;
}

void check(const DrawOptions& options) {
  if (options.train_per_class < 1 || options.validation_per_class < 1 || options.train_per_class > 99999 ||
      options.validation_per_class > 99999) {
    throw UsageError("images per class", "expected 1…99999 in each split");
  }
  check_side(options.side);
}

/// Makes the folder of a set, or takes that of an earlier drawing of the same images.
void claim(const fs::path& directory, const DrawOptions& options) {
  const ResumableFolder folder(directory, {.record = kDrawnSetManifest,
                                           .what = "the record of a drawn set",
                                           .made_with = "was drawn with",
                                           .other_hint = "draw into another folder, or remove this one",
                                           .damaged_hint = "draw into another folder, or remove this one"});
  nlohmann::ordered_json settings{{"train_per_class", options.train_per_class},
                                  {"validation_per_class", options.validation_per_class},
                                  {"side", options.side},
                                  {"seed", options.seed},
                                  {"zero_shot", options.zero_shot}};
  folder.require_own(settings, {"train", "validation"});
  folder.prepare();
  settings["made_by"] = concat("assemble ", ASSEMBLE_VERSION);
  folder.write(settings);
}

/// Labels of a split, 0 training's.
std::vector<int64_t> labels_of(uint32_t split, bool zero_shot) {
  std::vector<int64_t> labels;
  const auto textures = static_cast<int64_t>(kTextures.size());
  for (int64_t label = 0; label < static_cast<int64_t>(drawn_classes().size()); ++label) {
    if (!zero_shot || (label / textures + label % textures) % 2 == split) labels.push_back(label);
  }
  return labels;
}

}  // namespace

const std::vector<std::string>& drawn_classes() {
  static const std::vector<std::string> names{"striped disc", "dotted disc", "striped triangle", "dotted triangle",
                                              "striped star", "dotted star", "striped cross",    "dotted cross"};
  return names;
}

Image draw_image(int64_t label, int side, Random& random) {
  const auto classes = static_cast<int64_t>(drawn_classes().size());
  if (label < 0 || label >= classes) throw UsageError("draw", concat("label ", label, ", expected 0…", classes - 1));
  check_side(side);
  Canvas canvas(side);
  draw_ground(canvas, random);
  draw_clutter(canvas, random);
  canvas.paint(labelled_item(label, side, random));
  return canvas.to_image(between(random, 4, 20), random);
}

void draw_dataset(const fs::path& directory, const DrawOptions& options) {
  check(options);
  claim(directory, options);
  ThreadPool pool(options.threads > 0 ? options.threads : available_cores());
  const std::vector<std::string>& names = drawn_classes();
  const std::pair<const char*, int> splits[] = {{"train", options.train_per_class},
                                                {"validation", options.validation_per_class}};
  for (uint32_t split = 0; split < std::size(splits); ++split) {
    const auto& [split_name, per_class] = splits[split];
    const fs::path folder = directory / split_name;
    const std::vector<int64_t> labels = labels_of(split, options.zero_shot);
    for (const int64_t label : labels) {
      make_directories(folder / names[static_cast<size_t>(label)]);
      remove_stale_temporaries(folder / names[static_cast<size_t>(label)]);
    }
    pool.parallel_for(per_class * static_cast<int64_t>(labels.size()), [&, per_class = per_class](int64_t i) {
      const int64_t label = labels[static_cast<size_t>(i / per_class)];
      const std::string number = zero_padded(static_cast<uint64_t>(i % per_class), 5);
      const fs::path file = folder / names[static_cast<size_t>(label)] / (number + ".png");
      if (fs::exists(file)) return;
      const int64_t key = label * per_class + i % per_class;
      Random random(options.seed, RandomPurpose::kDraw, split, static_cast<uint64_t>(key));
      write_file(file, encode_png(draw_image(label, options.side, random)));
    });
  }
}

}  // namespace assemble
