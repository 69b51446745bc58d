// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tensorboard_writer.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
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

constexpr const char* kFilePrefix = "events.out.tfevents.";

/// TensorBoard wants "tfevents" in the name, and reads the files of a folder in the order of their names.
std::string file_name() {
  static std::atomic<int> files{0};
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return concat(kFilePrefix, static_cast<int64_t>(now()), ".", host, ".", getpid(), ".", files++);
}

std::span<const uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// 0 where the event has none, as the file's version.
int64_t step_of(const Bytes& event) {
  protozero::pbf_reader message(reinterpret_cast<const char*>(event.data()), event.size());
  return message.next(kEventStep) ? message.get_int64() : 0;
}

void rewind_file(const fs::path& path, int64_t step) {
  std::vector<Bytes> kept;
  std::string defect;
  const TfRecordReader reader(path);
  const std::vector<RecordSpan> records = reader.index(&defect);
  for (const RecordSpan& record : records) {
    Bytes event = reader.read(record);
    if (step_of(event) <= step) kept.push_back(std::move(event));
  }
  if (records.empty() || (defect.empty() && kept.size() == records.size())) return;
  TfRecordWriter writer(path);
  for (const Bytes& event : kept) writer.write(event);
  writer.commit();
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

void rewind_events(const fs::path& folder, int64_t step) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename().string().starts_with(kFilePrefix)) {
      files.push_back(entry.path());
    }
  }
  for (const fs::path& file : files) {
    try {
      rewind_file(file, step);
    } catch (const InputError& error) {
      log_warning(concat(error.what(), "; its events stay as they are"));
    } catch (const protozero::exception& error) {
      log_warning(concat(file.string(), ": ", error.what(), "; its events stay as they are"));
    }
  }
}

}  // namespace assemble
