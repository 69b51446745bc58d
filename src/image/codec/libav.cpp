// SPDX-License-Identifier: Apache-2.0
#include "codec/libav.h"

#include <mutex>

#include "assemble/core/error.h"

namespace assemble::libav {
namespace {

Functions load() {
  const codecs::SharedLibrary util = load_library("libavutil", LIBAVUTIL_VERSION_MAJOR);
  const codecs::SharedLibrary codec = load_library("libavcodec", LIBAVCODEC_VERSION_MAJOR);
  const codecs::SharedLibrary format = load_library("libavformat", LIBAVFORMAT_VERSION_MAJOR);
  const codecs::SharedLibrary scale = load_library("libswscale", LIBSWSCALE_VERSION_MAJOR);
  Functions found;
#define ASSEMBLE_LIBAV_LOOK_UP(library, name) library.look_up(#name, found.name);
  ASSEMBLE_LIBAV_FUNCTIONS(ASSEMBLE_LIBAV_LOOK_UP)
#undef ASSEMBLE_LIBAV_LOOK_UP
  return found;
}

std::mutex silence_mutex;
int silences = 0;
int level_before = 0;

}  // namespace

Silence::Silence() {
  const Functions& av = functions();
  const std::lock_guard lock(silence_mutex);
  if (silences++ > 0) return;
  level_before = av.av_log_get_level();
  av.av_log_set_level(AV_LOG_QUIET);
}

Silence::~Silence() {
  const std::lock_guard lock(silence_mutex);
  if (--silences == 0) functions().av_log_set_level(level_before);
}

codecs::SharedLibrary load_library(const std::string& name, int version) {
  return {"video", concat(name, ".so.", version), concat(name, version, ", or use frames in place of videos")};
}

const Functions& functions() {
  static const Functions found = load();
  return found;
}

void OutputDeleter::operator()(AVFormatContext* context) const {
  const Functions& av = functions();
  if (context->pb != nullptr) {
    uint8_t* bytes = nullptr;
    av.avio_close_dyn_buf(context->pb, &bytes);
    av.av_free(bytes);
  }
  av.avformat_free_context(context);
}

std::string message(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  functions().av_strerror(code, text, sizeof(text));
  return text;
}

Scaler make_scaler(int width, int height, AVPixelFormat from, AVPixelFormat to) {
  constexpr int kFlags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  return Scaler(functions().sws_getContext(width, height, from, width, height, to, kFlags, nullptr, nullptr, nullptr));
}

}  // namespace assemble::libav
