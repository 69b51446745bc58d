// SPDX-License-Identifier: Apache-2.0
#include "builders/raw_record.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "assemble/io/tf_example.h"

namespace assemble {
namespace {

using Texts = std::vector<std::string>;
using Integers = std::vector<int64_t>;
using Floats = std::vector<float>;

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr int kRepairQuality = 100, kScaledQuality = 95;

Bytes read_raw(const RawImage& raw) {
  if (raw.member.empty()) return read_file(raw.path, kMaxFileBytes);
  if (raw.length > kMaxFileBytes) throw InputError(raw.where(), concat("has ", raw.length, " bytes"));
  Bytes bytes(raw.length);
  RandomAccessFile(raw.path).read(raw.offset, bytes);
  return bytes;
}

bool needs_repair(const Bytes& bytes, const RawImage& raw) {
  const ImageFormat format = detect_format(bytes);
  const std::string extension = to_lower(fs::path(raw.file_name()).extension().string());
  if (format == ImageFormat::kPng) return extension == ".jpg" || extension == ".jpeg";
  if (format != ImageFormat::kJpeg && format != ImageFormat::kWebP) return true;  // few programs read it in records
  return format == ImageFormat::kJpeg && is_cmyk_jpeg(bytes, raw.where());
}

Image scaled_to(const Image& image, int longer_side) {
  const double ratio = static_cast<double>(longer_side) / std::max(image.height, image.width);
  const int height = std::max(1, static_cast<int>(std::lround(image.height * ratio)));
  const int width = std::max(1, static_cast<int>(std::lround(image.width * ratio)));
  std::vector<float> values(static_cast<size_t>(height) * width * Image::kChannels);
  resize_antialiased_crop(image, height, width, {0, 0, height, width}, false, values);
  Image scaled = Image::create(height, width);
  std::transform(values.begin(), values.end(), scaled.pixels.begin(),
                 [](float value) { return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L)); });
  return scaled;
}

/// The largest box, as far as it lies in the image.
Window largest_box(const RawImage& raw, const Image& image) {
  Window largest;
  for (const Window& box : raw.pixel_boxes) {
    const int y = std::max(box.y, 0), x = std::max(box.x, 0);
    const Window inside{y, x, std::min(box.y + box.height, image.height) - y,
                        std::min(box.x + box.width, image.width) - x};
    if (inside.height < 1 || inside.width < 1) continue;
    if (int64_t{inside.height} * inside.width > int64_t{largest.height} * largest.width) largest = inside;
  }
  if (largest.height < 1) throw InputError(raw.where(), "has no box to be cut to");
  return largest;
}

std::vector<BoundingBox> boxes_of(const RawImage& raw, const Image& image) {
  std::vector<BoundingBox> boxes = raw.boxes;
  const auto relative = [](int value, int size) { return std::clamp(static_cast<float>(value) / size, 0.f, 1.f); };
  for (const Window& box : raw.pixel_boxes) {
    boxes.push_back({relative(box.y, image.height), relative(box.x, image.width),
                     relative(box.y + box.height, image.height), relative(box.x + box.width, image.width)});
  }
  return boxes;
}

void add_boxes(const std::vector<BoundingBox>& boxes, int64_t label, Example& example) {
  if (boxes.empty()) return;
  Floats sides[4];
  for (const BoundingBox& box : boxes) {
    sides[0].push_back(box.ymin);
    sides[1].push_back(box.xmin);
    sides[2].push_back(box.ymax);
    sides[3].push_back(box.xmax);
  }
  const char* names[] = {"ymin", "xmin", "ymax", "xmax"};
  for (int i = 0; i < 4; ++i) example[std::string("image/object/bbox/") + names[i]] = sides[i];
  example["image/object/bbox/label"] = Integers(boxes.size(), label);
}

}  // namespace

Bytes make_record(const RawImage& raw, const std::string& class_name, const BuildOptions& options) {
  Bytes encoded = read_raw(raw);
  // Boxes are those of the stored pixels.
  const bool turns = options.exif == ExifRule::kTurn && raw.boxes.empty() && raw.pixel_boxes.empty();
  const bool is_turned = turns && exif_orientation(encoded) != 1;
  Image image = decode_image(encoded, raw.where(), {.apply_exif_orientation = is_turned});
  std::vector<BoundingBox> boxes;
  if (options.crop_to_box) {
    image = crop(image, largest_box(raw, image));
  } else {
    boxes = boxes_of(raw, image);
  }
  const auto encoded_at = [&](int quality) {
    return encode_jpeg(image, options.quality > 0 ? options.quality : quality);
  };
  if (options.max_side > 0 && std::max(image.height, image.width) > options.max_side) {
    image = scaled_to(image, options.max_side);
    encoded = encoded_at(kScaledQuality);
  } else if (options.crop_to_box) {
    encoded = encoded_at(kScaledQuality);
  } else if (is_turned || needs_repair(encoded, raw)) {
    encoded = encoded_at(kRepairQuality);
  } else if (options.quality > 0) {
    Bytes anew = encode_jpeg(image, options.quality);
    if (anew.size() < encoded.size()) encoded = std::move(anew);
  }
  if (options.seekable && detect_format(encoded) == ImageFormat::kJpeg) {
    encoded = seekable_jpeg(encoded, raw.where());
  }
  Example example{{"image/encoded", Texts{std::string(encoded.begin(), encoded.end())}},
                  {"image/filename", Texts{raw.file_name()}},
                  {"image/format", Texts{format_name(detect_format(encoded))}},
                  {"image/height", Integers{image.height}},
                  {"image/width", Integers{image.width}},
                  {"image/class/label", Integers{raw.label}},
                  {"image/class/text", Texts{raw.text.empty() ? class_name : raw.text}}};
  if (!raw.synset.empty()) example["image/class/synset"] = Texts{raw.synset};
  add_boxes(boxes, raw.label, example);
  return serialise_example(example);
}

}  // namespace assemble
