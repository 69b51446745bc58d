// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/image/video.h"
#include "codec/libav.h"

namespace assemble {
namespace {

constexpr int kMaxQuality = 51;

void check(const std::string& where, const std::vector<Image>& frames, const VideoOptions& options) {
  if (frames.empty()) throw UsageError(where, "no frames to write");
  for (const Image& frame : frames) {
    if (frame.width < 1 || frame.width != frames[0].width || frame.height != frames[0].height) {
      throw UsageError(where, "frames of a video must have one size");
    }
  }
  if (options.quality < 0 || options.quality > kMaxQuality) {
    throw UsageError("quality", concat(options.quality, " is out of range, expected 0…", kMaxQuality));
  }
}

class VideoWriter {
 public:
  VideoWriter(const fs::path& path, const Image& first, const VideoOptions& options) : where_(path.string()) {
    const AVCodec* codec = libav_.avcodec_find_encoder_by_name("libx264");
    if (codec == nullptr) {
      throw RunError(where_, "this libavcodec cannot write H.264",
                     "install one with libx264, or write `format` frames");
    }
    AVFormatContext* format = nullptr;
    require(libav_.avformat_alloc_output_context2(&format, nullptr, "mp4", nullptr));
    format_.reset(format);
    require(libav_.avio_open_dyn_buf(&format_->pb));
    open_encoder(codec, first, options);
    stream_ = libav_.avformat_new_stream(format_.get(), nullptr);
    stream_->time_base = encoder_->time_base;
    require(libav_.avcodec_parameters_from_context(stream_->codecpar, encoder_.get()));
    require(libav_.avformat_write_header(format_.get(), nullptr));
    scaler_ = libav::make_scaler(first.width, first.height, AV_PIX_FMT_RGB24, encoder_->pix_fmt);
  }
  void add(const Image& image) {
    const libav::Frame frame(libav_.av_frame_alloc());
    frame->format = encoder_->pix_fmt;
    frame->width = image.width;
    frame->height = image.height;
    frame->pts = next_++;
    require(libav_.av_frame_get_buffer(frame.get(), 0));
    const uint8_t* const rows[] = {image.pixels.data()};
    const int stride = image.width * Image::kChannels;
    libav_.sws_scale(scaler_.get(), rows, &stride, 0, image.height, frame->data, frame->linesize);
    encode(frame.get());
  }

  Bytes finish() {
    encode(nullptr);
    require(libav_.av_write_trailer(format_.get()));
    uint8_t* bytes = nullptr;
    const int size = libav_.avio_close_dyn_buf(format_->pb, &bytes);
    format_->pb = nullptr;
    Bytes result(bytes, bytes + size);
    libav_.av_free(bytes);
    return result;
  }

 private:
  void require(int status) const {
    if (status < 0) throw RunError(where_, "cannot be encoded: " + libav::message(status));
  }

  void open_encoder(const AVCodec* codec, const Image& first, const VideoOptions& options) {
    encoder_.reset(libav_.avcodec_alloc_context3(codec));
    encoder_->width = first.width;
    encoder_->height = first.height;
    encoder_->time_base = {1, 1};
    encoder_->framerate = {1, 1};
    encoder_->pix_fmt = AV_PIX_FMT_YUV444P;
    encoder_->thread_count = 1;
    if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* settings = nullptr;
    libav_.av_dict_set(&settings, "preset", "veryslow", 0);
    libav_.av_dict_set_int(&settings, "crf", options.quality, 0);
    if (options.grain) libav_.av_dict_set(&settings, "tune", "grain", 0);
    const int status = libav_.avcodec_open2(encoder_.get(), codec, &settings);
    libav_.av_dict_free(&settings);
    require(status);
  }

  void encode(const AVFrame* frame) {
    require(libav_.avcodec_send_frame(encoder_.get(), frame));
    const libav::Packet packet(libav_.av_packet_alloc());
    for (;;) {
      const int status = libav_.avcodec_receive_packet(encoder_.get(), packet.get());
      if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
      require(status);
      packet->duration = 1;
      libav_.av_packet_rescale_ts(packet.get(), encoder_->time_base, stream_->time_base);
      require(libav_.av_write_frame(format_.get(), packet.get()));
    }
  }

  const libav::Functions& libav_ = libav::functions();
  std::string where_;
  libav::Output format_;
  AVStream* stream_ = nullptr;
  libav::CodecContext encoder_;
  libav::Scaler scaler_;
  int64_t next_ = 0;
};

}  // namespace

void write_video(const fs::path& path, const std::vector<Image>& frames, const VideoOptions& options) {
  check(path.string(), frames, options);
  const libav::Silence silence;
  VideoWriter writer(path, frames[0], options);
  for (const Image& frame : frames) writer.add(frame);
  write_file(path, std::span<const uint8_t>(writer.finish()));
}

}  // namespace assemble
