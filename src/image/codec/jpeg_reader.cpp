// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/image/encode.h"
#include "codec/codecs.h"
#include "codec/jpeg_library.h"
#include "codec/jpeg_part.h"

namespace assemble::codecs {
namespace {

// A progressive file of a few kilobytes can ask for thousands of passes over a large image.
constexpr int kMaxScans = 500;

struct Reports : JpegErrors {
  bool input_ended;   ///< a read went past the last byte
  bool data_missing;  ///< and pixels were asked for after that
};

Reports& reports_of(j_common_ptr common) { return *reinterpret_cast<Reports*>(common->err); }

void note_warning(j_common_ptr common, int level) {
  if (level >= 0) return;
  Reports& reports = reports_of(common);
  if (reports.manager.msg_code == JWRN_JPEG_EOF) reports.input_ended = true;
  if (reports.manager.msg_code == JWRN_HIT_MARKER && reports.input_ended) reports.data_missing = true;
}

void limit_scans(j_common_ptr common) {
  auto decompress = reinterpret_cast<j_decompress_ptr>(common);
  if (decompress->input_scan_number <= kMaxScans) return;
  Reports& reports = reports_of(common);
  std::snprintf(reports.message, sizeof(reports.message), "more than %d scans", kMaxScans);
  std::longjmp(reports.jump, 1);
}

/// CMYK as the original converts it: an Adobe marker means that values are stored inverted.
void cmyk_to_rgb(const uint8_t* cmyk, int pixels, bool inverted, uint8_t* rgb) {
  const int flip = inverted ? 0 : 255;
  for (int i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int key = cmyk[3] ^ flip;
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>((cmyk[c] ^ flip) * key / 255);
  }
}

/// Most MCUs between two restart markers: fewer would cost more bytes than they let skip.
constexpr int kRestartMcus = 4;

/// The largest number of MCUs up to kRestartMcus that divides a row of them evenly; a row where only 1 does.
int restart_interval(int mcus_in_row) {
  for (int interval = std::min(kRestartMcus, mcus_in_row); interval > 1; --interval) {
    if (mcus_in_row % interval == 0) return interval;
  }
  return mcus_in_row;
}

class JpegReader {
 public:
  JpegReader(std::span<const uint8_t> bytes, const std::string& where) : where_(where) {
    decompress_.err = jpeg_std_error(&reports_.manager);
    reports_.manager.error_exit = leave_jpeg;
    reports_.manager.emit_message = note_warning;
    progress_.progress_monitor = limit_scans;
    guard([&] {
      jpeg_create_decompress(&decompress_);
      decompress_.progress = &progress_;
      jpeg_mem_src(&decompress_, bytes.data(), bytes.size());
      jpeg_read_header(&decompress_, TRUE);
    });
  }
  ~JpegReader() { jpeg_destroy_decompress(&decompress_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImageSize size() const {
    return {static_cast<int>(decompress_.image_height), static_cast<int>(decompress_.image_width)};
  }

  int components() const { return decompress_.num_components; }

  /// A smaller file that holds what `window` needs, where restart markers allow to cut one out of `bytes`.
  std::optional<JpegPart> part_for(const Window& window, std::span<const uint8_t> bytes,
                                   const DecodeOptions& options) const {
    const auto& d = decompress_;
    const bool one_scan = d.comps_in_scan == d.num_components && !d.progressive_mode && !d.arith_code;
    if (!one_scan || d.restart_interval == 0) return {};
    const bool gray = d.num_components == 1, fast = options.decoding == Decoding::kFast;
    if (gray && (d.max_h_samp_factor != 1 || d.max_v_samp_factor != 1)) return {};
    return cut_jpeg(bytes,
                    {.scan_offset = bytes.size() - d.src->bytes_in_buffer,
                     .size = size(),
                     .mcu_height = DCTSIZE * d.max_v_samp_factor,
                     .mcu_width = DCTSIZE * d.max_h_samp_factor,
                     .restart_interval = static_cast<int>(d.restart_interval),
                     // Interpolation looks at the next chroma sample, beyond the columns that start() adds.
                     .margin_y = fast ? 0 : d.max_v_samp_factor,
                     .margin_x = more_columns(options) * (1 + d.max_h_samp_factor)},
                    window);
  }

  Image decode(const Window& asked, const DecodeOptions& options) {
    const int reduction = decode_reduction(asked, options);
    const Window window = reduced(asked, reduction);
    Image image = Image::create(window.height, window.width);
    const bool cmyk = decompress_.jpeg_color_space == JCS_CMYK || decompress_.jpeg_color_space == JCS_YCCK;
    const int first = start(window, cmyk, reduction, options);
    scratch_.resize(size_t{decompress_.output_width} * decompress_.output_components);
    if (cmyk) {
      read_rows(window.height, [&](int y) {
        cmyk_to_rgb(scratch_.data() + first * 4, window.width, decompress_.saw_Adobe_marker, image.row(y));
      });
    } else if (window.width == static_cast<int>(decompress_.output_width)) {
      guard([&] {
        for (JSAMPROW row = image.row(0), end = image.row(window.height); row != end; row += window.width * 3) {
          jpeg_read_scanlines(&decompress_, &row, 1);
        }
      });
    } else {
      read_rows(window.height,
                [&](int y) { std::copy_n(scratch_.data() + first * 3, window.width * 3, image.row(y)); });
    }
    if (!options.allow_truncated) require_whole();
    return image;
  }

  Bytes seekable() {
    JpegTarget target(reports_.manager);
    guard([&] {
      jvirt_barray_ptr* coefficients = jpeg_read_coefficients(&decompress_);
      j_compress_ptr compress = target.open();
      jpeg_copy_critical_parameters(&decompress_, compress);
      compress->optimize_coding = TRUE;
      const int mcu_width = DCTSIZE * (components() == 1 ? 1 : decompress_.max_h_samp_factor);
      compress->restart_interval = static_cast<unsigned>(restart_interval((size().width + mcu_width - 1) / mcu_width));
      jpeg_write_coefficients(compress, coefficients);
      jpeg_finish_compress(compress);
    });
    require_whole();
    return target.bytes();
  }

 private:
  static Window reduced(const Window& window, int reduction) {
    const int bottom = (window.y + window.height + reduction - 1) / reduction;
    const int right = (window.x + window.width + reduction - 1) / reduction;
    const int y = window.y / reduction, x = window.x / reduction;
    return {y, x, bottom - y, right - x};
  }

  template <typename Step>
  void guard(Step step) {
    if (setjmp(reports_.jump) != 0) {
      throw_report();
    }
    step();
  }

  void require_whole() {
    if (reports_.data_missing || (reports_.input_ended && jpeg_has_multiple_scans(&decompress_))) {
      throw InputError(where_, "truncated JPEG: the file ends before the last pixels", "copy it again or remove it");
    }
  }

  [[noreturn]] void throw_report() {
    const std::string message = reports_.message;
    jpeg_destroy_decompress(&decompress_);
    refuse_broken(where_, "broken JPEG: " + message);
  }

  /// Columns to decode on each side of the window: chroma at the border of what is decoded lacks a neighbour to blend
  /// with.
  static int more_columns(const DecodeOptions& options) {
    return options.window_ends_image || options.decoding == Decoding::kFast ? 0 : 1;
  }

  /// Goes to the window's first row; returns the first wanted column of the rows that follow.
  int start(const Window& window, bool cmyk, int reduction, const DecodeOptions& options) {
    const bool fast = options.decoding == Decoding::kFast;
    const int more = more_columns(options);
    const int left = std::max(window.x - more, 0);
    JDIMENSION offset = left;
    guard([&] {
      decompress_.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
      decompress_.dct_method = fast || options.fast_dct ? JDCT_IFAST : JDCT_ISLOW;
      decompress_.do_fancy_upsampling = fast ? FALSE : TRUE;
      decompress_.scale_num = 1;
      decompress_.scale_denom = reduction;
      jpeg_start_decompress(&decompress_);
      const int right = std::min<int>(window.x + window.width + 2 * more, decompress_.output_width);
      JDIMENSION width = right - left;
      if (width < decompress_.output_width) jpeg_crop_scanline(&decompress_, &offset, &width);
      if (window.y > 0) jpeg_skip_scanlines(&decompress_, window.y);
    });
    return window.x - static_cast<int>(offset);
  }

  template <typename Take>
  void read_rows(int rows, Take take) {
    guard([&] {
      JSAMPROW row = scratch_.data();
      for (int y = 0; y < rows; ++y) {
        jpeg_read_scanlines(&decompress_, &row, 1);
        take(y);
      }
    });
  }

  const std::string& where_;
  Reports reports_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct decompress_{};
  std::vector<uint8_t> scratch_;
};

}  // namespace

ImageSize read_jpeg_size(std::span<const uint8_t> bytes, const std::string& where) {
  return JpegReader(bytes, where).size();
}

int jpeg_components(std::span<const uint8_t> bytes, const std::string& where) {
  return JpegReader(bytes, where).components();
}

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& where, const ChooseWindow& choose,
                  const DecodeOptions& options) {
  JpegReader reader(bytes, where);
  const Window window = choose(reader.size());
  if (const auto part = reader.part_for(window, bytes, options)) {
    return JpegReader(part->bytes, where)
        .decode({window.y - part->y, window.x - part->x, window.height, window.width}, options);
  }
  return reader.decode(window, options);
}

}  // namespace assemble::codecs

namespace assemble {

Bytes seekable_jpeg(std::span<const uint8_t> jpeg, const std::string& where) {
  return codecs::JpegReader(jpeg, where).seekable();
}

}  // namespace assemble
