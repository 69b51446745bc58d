// SPDX-License-Identifier: Apache-2.0
#include "codec/libav.h"

#include <dlfcn.h>

#include <mutex>

#include "assemble/core/error.h"

namespace assemble::libav {
namespace {

template <typename Function>
void look_up(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw RunError("video", concat("cannot be read or written: ", dlerror()));
}

Functions load() {
  void* const util = load_library("libavutil", LIBAVUTIL_VERSION_MAJOR);
  void* const codec = load_library("libavcodec", LIBAVCODEC_VERSION_MAJOR);
  void* const format = load_library("libavformat", LIBAVFORMAT_VERSION_MAJOR);
  void* const scale = load_library("libswscale", LIBSWSCALE_VERSION_MAJOR);
  Functions found;
#define ASSEMBLE_LIBAV_LOOK_UP(library, name) look_up(library, #name, found.name);
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

void* load_library(const std::string& name, int version) {
  void* const library = dlopen(concat(name, ".so.", version).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  throw RunError("video", concat("cannot be read or written without FFmpeg's libraries: ", dlerror()),
                 concat("install Debian's package ", name, version, ", or use frames in place of videos"));
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
