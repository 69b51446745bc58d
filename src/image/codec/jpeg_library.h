// SPDX-License-Identifier: Apache-2.0
// What reading and writing with libjpeg share.
#pragma once

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs cstdio before it.
#include <jpeglib.h>
// jerror.h needs jpeglib.h before it.
#include <jerror.h>

#include "assemble/core/file.h"

namespace assemble::codecs {

/// What the C library reports. It leaves by longjmp, so no frame between setjmp and it may own anything.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

/// As jpeg_error_mgr::error_exit.
[[noreturn]] inline void leave_jpeg(j_common_ptr common) {
  auto errors = reinterpret_cast<JpegErrors*>(common->err);
  errors->manager.format_message(common, errors->message);
  std::longjmp(errors->jump, 1);
}

/// A JPEG being written to memory.
class JpegTarget {
 public:
  explicit JpegTarget(jpeg_error_mgr& errors) { compress_.err = &errors; }
  ~JpegTarget() {
    jpeg_destroy_compress(&compress_);
    std::free(data_);
  }
  JpegTarget(const JpegTarget&) = delete;
  JpegTarget& operator=(const JpegTarget&) = delete;

  j_compress_ptr open() {
    jpeg_create_compress(&compress_);
    jpeg_mem_dest(&compress_, &data_, &size_);
    return &compress_;
  }
  Bytes bytes() const { return {data_, data_ + size_}; }

 private:
  jpeg_compress_struct compress_{};
  unsigned char* data_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace assemble::codecs
