// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tensorboard_writer.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <protozero/pbf_writer.hpp>

#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"

namespace assemble {
namespace {

/// Field numbers, of tensorflow/core/util/event.proto and framework/summary.proto.
enum : protozero::pbf_tag_type {
  kEventWallTime = 1,
  kEventStep = 2,
  kEventFileVersion = 3,
  kEventSummary = 5,
  kSummaryValue = 1,
  kValueTag = 1,
  kValueSimpleValue = 2,
};

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// TensorBoard wants "tfevents" in the name, and reads the files of a folder in the order of their names.
std::string file_name() {
  static std::atomic<int> files{0};
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return concat("events.out.tfevents.", static_cast<int64_t>(now()), ".", host, ".", getpid(), ".", files++);
}

std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const fs::path& folder) : path_(folder / file_name()) {
  make_directories(folder);
  stream_.open(path_, std::ios::binary | std::ios::trunc);
  if (!stream_) throw RunError(path_.string(), "cannot create the event file", "check that the folder is writable");
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(kEventWallTime, now());
  writer.add_string(kEventFileVersion, "brain.Event:2");
  append(as_bytes(event));
}

void TensorBoardWriter::add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(kEventWallTime, now());
  writer.add_int64(kEventStep, step);
  {
    protozero::pbf_writer summary(writer, kEventSummary);
    for (const auto& [tag, number] : scalars) {
      protozero::pbf_writer value(summary, kSummaryValue);
      value.add_string(kValueTag, tag);
      value.add_float(kValueSimpleValue, static_cast<float>(number));
    }
  }
  append(as_bytes(event));
}

void TensorBoardWriter::append(std::span<const uint8_t> event) {
  const Bytes record = frame_record(event);
  stream_.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
  stream_.flush();
  if (!stream_) throw RunError(path_.string(), "cannot write the event", "is the disk full?");
}

}  // namespace assemble
