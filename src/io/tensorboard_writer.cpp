// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tensorboard_writer.h"

#include <unistd.h>

#include <algorithm>
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
  kValueImage = 4,
  kValueHistogram = 5,
  kImageHeight = 1,
  kImageWidth = 2,
  kImageColorspace = 3,
  kImageEncoded = 4,
  kHistogramMin = 1,
  kHistogramMax = 2,
  kHistogramCount = 3,
  kHistogramSum = 4,
  kHistogramSquares = 5,
  kHistogramLimits = 6,
  kHistogramBuckets = 7,
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

struct Distribution {
  double least = 0, largest = 0, sum = 0, squares = 0;
  std::vector<double> limits, counts;  // upper ends of the intervals, values in each
};

Distribution distribution_of(std::span<const float> values) {
  constexpr size_t kIntervals = 30;
  Distribution of;
  if (values.empty()) return of;
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  of.least = *least;
  of.largest = *largest;
  const double width = (of.largest - of.least) / kIntervals;
  of.counts.assign(width > 0 ? kIntervals : 1, 0);
  for (const double value : values) {
    of.sum += value;
    of.squares += value * value;
    const double place = width > 0 ? (value - of.least) / width : 0;
    ++of.counts[std::min(static_cast<size_t>(place), of.counts.size() - 1)];
  }
  for (size_t i = 1; i < of.counts.size(); ++i) of.limits.push_back(of.least + width * static_cast<double>(i));
  of.limits.push_back(of.largest);
  return of;
}

/// 0 where the event has none, as the file's version.
int64_t step_of(const Bytes& event) {
  protozero::pbf_reader message(reinterpret_cast<const char*>(event.data()), event.size());
  return message.next(kEventStep, protozero::pbf_wire_type::varint) ? message.get_int64() : 0;
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
  std::string text;
  protozero::pbf_writer summary(text);
  for (const auto& [tag, number] : scalars) {
    protozero::pbf_writer value(summary, kSummaryValue);
    value.add_string(kValueTag, tag);
    value.add_float(kValueSimpleValue, static_cast<float>(number));
  }
  add(step, text);
}

void TensorBoardWriter::add_image(int64_t step, const std::string& tag, std::span<const uint8_t> encoded, int width,
                                  int height) {
  std::string text;
  protozero::pbf_writer summary(text);
  {
    protozero::pbf_writer value(summary, kSummaryValue);
    value.add_string(kValueTag, tag);
    protozero::pbf_writer image(value, kValueImage);
    image.add_int32(kImageHeight, height);
    image.add_int32(kImageWidth, width);
    image.add_int32(kImageColorspace, 3);  // RGB
    image.add_bytes(kImageEncoded, reinterpret_cast<const char*>(encoded.data()), encoded.size());
  }
  add(step, text);
}

void TensorBoardWriter::add_histogram(int64_t step, const std::string& tag, std::span<const float> values) {
  const Distribution of = distribution_of(values);
  std::string text;
  protozero::pbf_writer summary(text);
  {
    protozero::pbf_writer value(summary, kSummaryValue);
    value.add_string(kValueTag, tag);
    protozero::pbf_writer histogram(value, kValueHistogram);
    histogram.add_double(kHistogramMin, of.least);
    histogram.add_double(kHistogramMax, of.largest);
    histogram.add_double(kHistogramCount, static_cast<double>(values.size()));
    histogram.add_double(kHistogramSum, of.sum);
    histogram.add_double(kHistogramSquares, of.squares);
    histogram.add_packed_double(kHistogramLimits, of.limits.begin(), of.limits.end());
    histogram.add_packed_double(kHistogramBuckets, of.counts.begin(), of.counts.end());
  }
  add(step, text);
}

void TensorBoardWriter::add(int64_t step, const std::string& summary) {
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(kEventWallTime, now());
  writer.add_int64(kEventStep, step);
  writer.add_message(kEventSummary, summary);
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
