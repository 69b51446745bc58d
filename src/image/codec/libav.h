// SPDX-License-Identifier: Apache-2.0
// libav, which is loaded when a video is first read or written: it brings a hundred shared objects with it. Its objects
// with owners.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "shared_library.h"

namespace assemble::libav {

/// What is called, and of which of the libraries.
#define ASSEMBLE_LIBAV_FUNCTIONS(X)         \
  X(util, av_dict_free)                     \
  X(util, av_dict_set)                      \
  X(util, av_dict_set_int)                  \
  X(util, av_frame_alloc)                   \
  X(util, av_frame_free)                    \
  X(util, av_frame_get_buffer)              \
  X(util, av_free)                          \
  X(util, av_log_get_level)                 \
  X(util, av_log_set_level)                 \
  X(util, av_strerror)                      \
  X(codec, av_packet_alloc)                 \
  X(codec, av_packet_free)                  \
  X(codec, av_packet_rescale_ts)            \
  X(codec, av_packet_unref)                 \
  X(codec, avcodec_alloc_context3)          \
  X(codec, avcodec_find_encoder_by_name)    \
  X(codec, avcodec_free_context)            \
  X(codec, avcodec_open2)                   \
  X(codec, avcodec_parameters_from_context) \
  X(codec, avcodec_parameters_to_context)   \
  X(codec, avcodec_receive_frame)           \
  X(codec, avcodec_receive_packet)          \
  X(codec, avcodec_send_frame)              \
  X(codec, avcodec_send_packet)             \
  X(format, av_find_best_stream)            \
  X(format, av_find_input_format)           \
  X(format, av_read_frame)                  \
  X(format, av_write_frame)                 \
  X(format, av_write_trailer)               \
  X(format, avformat_alloc_output_context2) \
  X(format, avformat_close_input)           \
  X(format, avformat_free_context)          \
  X(format, avformat_new_stream)            \
  X(format, avformat_open_input)            \
  X(format, avformat_write_header)          \
  X(format, avio_close_dyn_buf)             \
  X(format, avio_open_dyn_buf)              \
  X(scale, sws_freeContext)                 \
  X(scale, sws_getContext)                  \
  X(scale, sws_scale)

/// libav's functions under their own names.
struct Functions {
#define ASSEMBLE_LIBAV_MEMBER(library, name) decltype(&::name) name = nullptr;
  ASSEMBLE_LIBAV_FUNCTIONS(ASSEMBLE_LIBAV_MEMBER)
#undef ASSEMBLE_LIBAV_MEMBER
};

/// Those of the versions whose headers this was compiled with; any thread may call it.
/// @throws RunError, naming Debian's package, where one of the libraries is not installed
const Functions& functions();

/// Loads one of the libraries.
/// @param name    as in libavcodec
/// @param version its major version
/// @throws RunError
codecs::SharedLibrary load_library(const std::string& name, int version);

struct Deleter {
  void operator()(AVCodecContext* context) const { functions().avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { functions().av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { functions().av_packet_free(&packet); }
  void operator()(SwsContext* context) const { functions().sws_freeContext(context); }
};

struct InputDeleter {
  void operator()(AVFormatContext* context) const { functions().avformat_close_input(&context); }
};

/// Of a file that is written into memory: what was not taken out of its buffer is freed with it.
struct OutputDeleter {
  void operator()(AVFormatContext* context) const;
};

using Input = std::unique_ptr<AVFormatContext, InputDeleter>;
using Output = std::unique_ptr<AVFormatContext, OutputDeleter>;
using CodecContext = std::unique_ptr<AVCodecContext, Deleter>;
using Frame = std::unique_ptr<AVFrame, Deleter>;
using Packet = std::unique_ptr<AVPacket, Deleter>;
using Scaler = std::unique_ptr<SwsContext, Deleter>;

/// While any of them is alive libav writes nothing to stderr: what it has to say comes as errors. Its level is one of
/// the whole process, so it is put back afterwards.
class Silence {
 public:
  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
};

/// What an error code of libav means.
std::string message(int code);

/// Conversion without change of size, as exact as swscale does it.
Scaler make_scaler(int width, int height, AVPixelFormat from, AVPixelFormat to);

}  // namespace assemble::libav
