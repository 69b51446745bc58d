// SPDX-License-Identifier: Apache-2.0
// Files of every format, which tests/make_image_files.py has written, against the pixels that it says they show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "../../src/image/codec/exif.h"
#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "assemble/io/safetensors.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

Bytes read_seed(const std::string& name) {
  return read_file(fs::path(ASSEMBLE_SOURCE_DIR) / "tests/fuzz_seeds/image" / name);
}

const SafetensorsFile& golden() {
  static const SafetensorsFile file(fs::path(ASSEMBLE_SOURCE_DIR) / "tests/golden/image_files.safetensors");
  return file;
}

bool is_lossy(ImageFormat format) { return format == ImageFormat::kHeic || format == ImageFormat::kAvif; }

/// By how much values differ at most, and on average.
struct Difference {
  int largest = 0;
  double mean = 0;
};

Difference difference(const Image& a, const Image& b) {
  Difference found;
  if (a.height != b.height || a.width != b.width) return {256, 256};
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const int distance = std::abs(a.pixels[i] - b.pixels[i]);
    found.largest = std::max(found.largest, distance);
    found.mean += distance;
  }
  found.mean /= static_cast<double>(a.pixels.size());
  return found;
}

/// Files of formats that this build reads, with what they show.
std::map<std::string, Image> readable_files() {
  std::map<std::string, Image> files;
  for (const auto& [name, entry] : golden().tensors()) {
    if (reads_format(format_of_extension(name))) files[name] = test::read_image(golden(), name);
  }
  return files;
}

TEST(ImageFiles, ShowThePixelsThatWereDrawn) {
  for (const auto& [name, drawn] : readable_files()) {
    const Bytes bytes = read_seed(name);
    const ImageFormat format = detect_format(bytes);
    EXPECT_EQ(format, format_of_extension(name)) << name;
    const Difference found = difference(decode_image(bytes, name), drawn);
    std::cout << name << ": largest difference " << found.largest << ", mean " << found.mean << "\n";
    // CMYK is rounded by libtiff in its own way; sharp edges of colour are what lossy codecs lose.
    EXPECT_LE(found.largest, is_lossy(format) ? 100 : name == "cmyk.tif" ? 1 : 0) << name;
    EXPECT_LE(found.mean, is_lossy(format) ? 4 : 0.5) << name;
  }
}

TEST(ImageFiles, WindowsAreCropsOfThem) {
  for (const auto& [name, drawn] : readable_files()) {
    const Bytes bytes = read_seed(name);
    const Image whole = decode_image(bytes, name);
    for (const Window window :
         {Window{0, 0, 1, 1}, Window{7, 5, 9, 11}, Window{whole.height - 3, whole.width - 2, 3, 2}}) {
      const auto choose = [&](ImageSize size) {
        EXPECT_EQ(size.height, whole.height) << name;
        EXPECT_EQ(size.width, whole.width) << name;
        return window;
      };
      EXPECT_EQ(decode_window(bytes, name, choose).pixels, crop(whole, window).pixels) << name;
    }
  }
}

TEST(ImageFiles, TooManyPixelsAreRefusedByTheirHeader) {
  for (const auto& [name, drawn] : readable_files()) {
    const DecodeOptions options{.max_pixels = int64_t{drawn.height} * drawn.width - 1};
    EXPECT_THAT(error_of<InputError>([&] { decode_image(read_seed(name), name, options); }),
                HasSubstr(concat("image of ", drawn.width, "×", drawn.height, " pixels; at most")))
        << name;
  }
}

TEST(ImageFiles, TruncatedOnesAreRefusedOrWhole) {
  for (const auto& [name, drawn] : readable_files()) {
    const Bytes bytes = read_seed(name);
    for (size_t size = 0; size + 1 < bytes.size(); size += std::max<size_t>(bytes.size() / 40, 1)) {
      try {
        const Image image = decode_image(std::span(bytes.data(), size), name);
        EXPECT_EQ(image.pixels.size(), size_t{3} * image.height * image.width) << name;
      } catch (const InputError& error) {
        EXPECT_EQ(error.where(), name);
        EXPECT_FALSE(error.hint().empty()) << error.what();
      }
    }
    EXPECT_THROW(decode_image(std::span(bytes.data(), bytes.size() / 4), name), InputError) << name;
  }
}

TEST(ImageFiles, DamagedOnesNeverCrash) {
  for (const auto& [name, drawn] : readable_files()) {
    const Bytes bytes = read_seed(name);
    int refused = 0;
    for (size_t i = 0; i < bytes.size(); i += std::max<size_t>(bytes.size() / 100, 1)) {
      Bytes damaged = bytes;
      damaged[i] ^= static_cast<uint8_t>(1 + i % 255);
      try {
        decode_image(damaged, name, {.max_pixels = 1 << 16});
      } catch (const InputError&) {
        ++refused;
      }
    }
    EXPECT_GT(refused, 0) << name;
  }
}

TEST(ImageFiles, OrientationsOfTiffAreRead) {
  EXPECT_EQ(exif_orientation(read_seed("turned.tif")), 8);
  EXPECT_EQ(exif_orientation(read_seed("big.tif")), 6);
  EXPECT_EQ(exif_orientation(read_seed("deep_big.tif")), 1);
  if (!reads_format(ImageFormat::kTiff)) return;
  const Image stored = test::read_image(golden(), "turned.tif");
  const Image turned = decode_image(read_seed("turned.tif"), "turned.tif", {.apply_exif_orientation = true});
  EXPECT_EQ(turned.pixels, turn(stored, 8).pixels);
}

TEST(ImageFiles, HeicAndAvifAreTurnedByTheirFormatOnce) {
  for (const char* name : {"turned.heic", "turned.avif"}) {
    const Bytes bytes = read_seed(name);
    EXPECT_EQ(exif_orientation(bytes), 1);
    if (!reads_format(detect_format(bytes))) continue;
    const Image plain = decode_image(bytes, name);
    EXPECT_EQ(plain.height, 56) << name;
    EXPECT_EQ(plain.pixels, decode_image(bytes, name, {.apply_exif_orientation = true}).pixels) << name;
  }
}

TEST(ImageFiles, SamplesThatAreNoPixelsAreRefusedByName) {
  if (!reads_format(ImageFormat::kTiff)) GTEST_SKIP() << "this build reads no TIFF";
  EXPECT_THAT(error_of<InputError>([] { decode_image(read_seed("floats.tif"), "floats.tif"); }),
              AllOf(HasSubstr("floats.tif: a TIFF that is not read"), HasSubstr("32")));
}

TEST(ImageFiles, AFormatThatIsNotReadIsNamedWithItsLibrary) {
  const std::map<std::string, std::string> libraries{{"plain.gif", "built without giflib"},
                                                     {"gray.tif", "built without libtiff"},
                                                     {"plain.heic", "built without libheif"},
                                                     {"plain.avif", "built without libheif"}};
  int absent = 0;
  for (const auto& [name, reason] : libraries) {
    const ImageFormat format = format_of_extension(name);
    if (reads_format(format)) continue;
    ++absent;
    EXPECT_THAT(error_of<InputError>([&, &file = name] { read_image_size(read_seed(file), file); }),
                AllOf(HasSubstr(concat("this build reads no ", format_name(format))), HasSubstr(reason)));
  }
  if (absent == 0) GTEST_SKIP() << "this build reads " << readable_formats();
}

TEST(BmpFiles, HeadersThatLieAreRefused) {
  const Bytes plain = read_seed("plain.bmp");
  const auto with = [&](size_t at, std::vector<uint8_t> values) {
    Bytes bytes = plain;
    std::ranges::copy(values, bytes.begin() + static_cast<ptrdiff_t>(at));
    return error_of<InputError>([&] { decode_image(bytes, "lie.bmp", {.max_pixels = INT64_MAX}); });
  };
  EXPECT_THAT(with(18, {0, 0, 0, 0}), HasSubstr("broken BMP: 0×20 pixels"));
  EXPECT_THAT(with(18, {0xFF, 0xFF, 0xFF, 0xFF}), HasSubstr("-1×20 pixels"));
  EXPECT_THAT(with(22, {0, 0, 0, 0x80}), HasSubstr("28×-2147483648 pixels"));
  EXPECT_THAT(with(22, {0xFF, 0xFF, 0xFF, 0x7F}), HasSubstr("the file ends early"));
  EXPECT_THAT(with(18, {0xFF, 0xFF, 0xFF, 0x7F}), HasSubstr("the file ends early"));
  EXPECT_THAT(with(10, {0xFF, 0xFF, 0xFF, 0xFF}), HasSubstr("the file ends early"));
  EXPECT_THAT(with(28, {13, 0}), HasSubstr("a BMP of 13 bits and compression 0"));
  EXPECT_THAT(with(30, {4, 0, 0, 0}), HasSubstr("a BMP of 24 bits and compression 4"));
}

TEST(ImageFormats, AreToldByExtensionInAnyCase) {
  EXPECT_EQ(format_of_extension("a/photo.JPG"), ImageFormat::kJpeg);
  EXPECT_EQ(format_of_extension("IMG_0001.HEIC"), ImageFormat::kHeic);
  EXPECT_EQ(format_of_extension("scan.Tif"), ImageFormat::kTiff);
  EXPECT_EQ(format_of_extension("x.gif"), ImageFormat::kGif);
  EXPECT_EQ(format_of_extension("x.avif"), ImageFormat::kAvif);
  EXPECT_EQ(format_of_extension("notes.txt"), ImageFormat::kUnknown);
  EXPECT_EQ(format_of_extension("jpg"), ImageFormat::kUnknown);
  EXPECT_EQ(format_of_extension("trailing."), ImageFormat::kUnknown);
  EXPECT_THAT(readable_formats(), AllOf(HasSubstr("JPEG, PNG, WebP"), HasSubstr(" and ")));
}

TEST(ImageFormats, AreToldByTheirFirstBytes) {
  const auto format = [](std::string_view start) {
    return detect_format({reinterpret_cast<const uint8_t*>(start.data()), start.size()});
  };
  EXPECT_EQ(format("BM is how this text begins"), ImageFormat::kUnknown);
  EXPECT_EQ(format(std::string_view("\0\0\0\x18"
                                    "ftypmif1\0\0\0\0avifmif1",
                                    24)),
            ImageFormat::kAvif);
  EXPECT_EQ(format(std::string_view("\0\0\0\x18"
                                    "ftypmif1\0\0\0\0heicmif1",
                                    24)),
            ImageFormat::kHeic);
  EXPECT_EQ(format(std::string_view("\0\0\0\x18"
                                    "ftypisom\0\0\0\0isomavc1",
                                    24)),
            ImageFormat::kUnknown);
  EXPECT_EQ(format(std::string_view("\xFF\xFF\xFF\xFF"
                                    "ftyp",
                                    8)),
            ImageFormat::kUnknown);
}

}  // namespace
}  // namespace assemble
