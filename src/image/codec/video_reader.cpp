// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/image/video.h"
#include "codec/libav.h"
#include "made_size.h"

namespace assemble {
namespace {

class VideoReader {
 public:
  explicit VideoReader(const fs::path& path) : where_(path.string()) {
    open();
    const AVCodec* codec = nullptr;
    const int stream =
        require(libav_.av_find_best_stream(format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0), "holds no video");
    stream_ = format_->streams[stream];
    require_size(stream_->codecpar->width, stream_->codecpar->height);
    decoder_.reset(libav_.avcodec_alloc_context3(codec));
    require(libav_.avcodec_parameters_to_context(decoder_.get(), stream_->codecpar), "has an unreadable header");
    decoder_->thread_count = 1;
    decoder_->err_recognition = AV_EF_EXPLODE;
    require(libav_.avcodec_open2(decoder_.get(), codec, nullptr), "cannot be decoded");
  }

  std::vector<Image> read() {
    const libav::Packet packet(libav_.av_packet_alloc());
    int status = 0;
    while ((status = libav_.av_read_frame(format_.get(), packet.get())) >= 0) {
      if (packet->stream_index == stream_->index) decode(packet.get());
      libav_.av_packet_unref(packet.get());
    }
    if (status != AVERROR_EOF) require(status, "is damaged");
    decode(nullptr);
    const int64_t promised = stream_->nb_frames;
    if (frames_.empty() && promised <= 0) throw InputError(where_, "holds no frames", "copy or make it again");
    if (frames_.empty() || (promised > 0 && static_cast<int64_t>(frames_.size()) < promised)) {
      throw InputError(where_, concat("ends early: ", frames_.size(), " frames of ", promised),
                       "copy or make it again");
    }
    return std::move(frames_);
  }

 private:
  int require(int status, const char* what) const {
    if (status >= 0) return status;
    throw InputError(where_, concat(what, ": ", libav::message(status)), "expected an .mp4 video");
  }

  void require_size(int width, int height) const {
    if (width >= 1 && height >= 1 && width <= kMaxVideoSide && height <= kMaxVideoSide) return;
    throw InputError(where_, concat("frames of ", width, "×", height, " pixels, expected 1…", kMaxVideoSide));
  }

  /// Only the .mp4 demuxer and local files: other formats may name further files and hosts.
  void open() {
    RandomAccessFile readable(fs::path{where_});
    AVDictionary* settings = nullptr;
    libav_.av_dict_set(&settings, "protocol_whitelist", "file", 0);
    AVFormatContext* format = nullptr;
    const int status =
        libav_.avformat_open_input(&format, ("file:" + where_).c_str(), libav_.av_find_input_format("mp4"), &settings);
    format_.reset(format);
    libav_.av_dict_free(&settings);
    require(status, "is no video that can be read");
  }

  void decode(const AVPacket* packet) {
    require(libav_.avcodec_send_packet(decoder_.get(), packet), "is damaged");
    const libav::Frame frame(libav_.av_frame_alloc());
    for (;;) {
      const int status = libav_.avcodec_receive_frame(decoder_.get(), frame.get());
      if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
      require(status, "is damaged");
      if (frames_.size() == kMaxVideoFrames) {
        throw InputError(where_, concat("more than ", kMaxVideoFrames, " frames"), "expected a short sequence");
      }
      check_made_size(static_cast<int64_t>(frames_.size() + 1) * frame->height, frame->width, where_);
      frames_.push_back(to_image(*frame));
    }
  }

  Image to_image(const AVFrame& frame) {
    require_size(frame.width, frame.height);
    if (!frames_.empty() && (frame.width != frames_[0].width || frame.height != frames_[0].height)) {
      throw InputError(where_, concat("frame ", frames_.size(), " has another size than the first"));
    }
    const auto scaler =
        libav::make_scaler(frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), AV_PIX_FMT_RGB24);
    if (!scaler) throw InputError(where_, "has pixels of a kind that cannot be converted to RGB");
    // swscale may write a few bytes beyond a row's end.
    constexpr int kMargin = 64;
    const int row = frame.width * Image::kChannels, stride = row + kMargin;
    std::vector<uint8_t> rows(static_cast<size_t>(stride) * frame.height);
    uint8_t* const planes[] = {rows.data()};
    libav_.sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, planes, &stride);
    Image image = Image::create(frame.height, frame.width);
    for (int y = 0; y < frame.height; ++y)
      std::copy_n(rows.data() + static_cast<size_t>(stride) * y, row, image.row(y));
    return image;
  }

  const libav::Functions& libav_ = libav::functions();
  std::string where_;
  libav::Input format_;
  const AVStream* stream_ = nullptr;
  libav::CodecContext decoder_;
  std::vector<Image> frames_;
};

}  // namespace

std::vector<Image> read_video(const fs::path& path) {
  const libav::Silence silence;
  return VideoReader(path).read();
}

}  // namespace assemble
