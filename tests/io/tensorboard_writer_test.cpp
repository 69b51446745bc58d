// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tensorboard_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <numeric>
#include <protozero/pbf_reader.hpp>

#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string version;
  std::vector<std::pair<std::string, float>> scalars;
};

/// Fields of the value of an event's only summary, and of the message in it with a number.
protozero::pbf_reader message_in_value(const Bytes& bytes, protozero::pbf_tag_type number, std::string& tag) {
  protozero::pbf_reader event(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_TRUE(event.next(5));
  auto summary = event.get_message();
  EXPECT_TRUE(summary.next(1));
  auto value = summary.get_message();
  protozero::pbf_reader found;
  while (value.next()) {
    if (value.tag() == 1) {
      tag = value.get_string();
    } else {
      EXPECT_EQ(value.tag(), number);
      found = value.get_message();
    }
  }
  return found;
}

std::pair<std::string, float> parse_value(protozero::pbf_reader message) {
  std::pair<std::string, float> value;
  while (message.next()) {
    if (message.tag() == 1) value.first = message.get_string();
    if (message.tag() == 2) value.second = message.get_float();
  }
  return value;
}

Event parse_event(const Bytes& bytes) {
  Event event;
  protozero::pbf_reader message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        event.wall_time = message.get_double();
        break;
      case 2:
        event.step = message.get_int64();
        break;
      case 3:
        event.version = message.get_string();
        break;
      case 5:
        for (auto summary = message.get_message(); summary.next(1);) {
          event.scalars.push_back(parse_value(summary.get_message()));
        }
        break;
      default:
        ADD_FAILURE() << "unexpected field " << message.tag();
    }
  }
  return event;
}

std::vector<Event> read_events(const fs::path& path) {
  const TfRecordReader reader(path);
  std::vector<Event> events;
  for (const RecordSpan& record : reader.index()) events.push_back(parse_event(reader.read(record)));
  return events;
}

TEST(TensorBoardWriter, WritesEventsAsTheyCome) {
  TemporaryFolder folder;
  TensorBoardWriter writer(folder / "run/logs");
  EXPECT_THAT(writer.path().filename().string(), ::testing::StartsWith("events.out.tfevents."));
  writer.add_scalars(100, {{"loss", 1.5}, {"lr", 0.25}});
  writer.add_scalars(-1, {});

  // Read while the writer is still open: every event is flushed.
  const std::vector<Event> events = read_events(writer.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_NEAR(events[0].wall_time, static_cast<double>(std::time(nullptr)), 100);
  EXPECT_EQ(events[1].step, 100);
  EXPECT_THAT(events[1].scalars, ElementsAre(Pair("loss", 1.5f), Pair("lr", 0.25f)));
  EXPECT_EQ(events[2].step, -1);
  EXPECT_GE(events[2].wall_time, events[0].wall_time);
}

TEST(TensorBoardWriter, TwoWritersHaveTwoFiles) {
  TemporaryFolder folder;
  TensorBoardWriter first(folder.path());
  TensorBoardWriter second(folder.path());
  EXPECT_NE(first.path(), second.path());
}

TEST(RewindEvents, DropsWhatComesAfterTheStepAndWhatWasWrittenInPart) {
  TemporaryFolder folder;
  TensorBoardWriter first(folder.path());
  for (const int64_t step : {1, 2, 3, 4}) first.add_scalars(step, {{"loss", 0.5}});
  TensorBoardWriter second(folder.path());
  second.add_scalars(4, {{"loss", 0.25}});
  second.add_scalars(2, {{"loss", 0.25}});
  fs::resize_file(first.path(), fs::file_size(first.path()) - 3);
  std::ofstream(folder / "other") << "stays";
  rewind_events(folder.path(), 2);
  const auto steps = [](const fs::path& path) {
    std::vector<int64_t> steps;
    for (const Event& event : read_events(path)) steps.push_back(event.step);
    return steps;
  };
  EXPECT_THAT(steps(first.path()), ElementsAre(0, 1, 2));
  EXPECT_THAT(steps(second.path()), ElementsAre(0, 2));
  EXPECT_EQ(read_events(first.path())[0].version, "brain.Event:2");
  EXPECT_EQ(test::read_text(folder / "other"), "stays");
}

TEST(RewindEvents, LeavesFilesThatAreNoEvents) {
  TemporaryFolder folder;
  std::ofstream(folder / "events.out.tfevents.1.host.1.0") << std::string(100, 'x');
  EXPECT_NO_THROW(rewind_events(folder.path(), 2));
  EXPECT_EQ(test::read_text(folder / "events.out.tfevents.1.host.1.0"), std::string(100, 'x'));
}

TEST(TensorBoardWriter, ReportsAFullDiskAndAnImpossibleFolder) {
  TemporaryFolder folder;
  TensorBoardWriter writer(folder.path());
  {
    const test::FileSizeLimit limit(100);
    EXPECT_THAT(test::error_of<RunError>([&] {
                  for (int i = 0; i < 20; ++i) writer.add_scalars(i, {{"loss", 1.0}});
                }),
                HasSubstr("cannot write the event"));
  }
  EXPECT_THROW(TensorBoardWriter(writer.path() / "below"), RunError);
}

TEST(TensorBoardWriter, WritesImagesAndHistograms) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path());
  const std::vector<uint8_t> encoded{1, 2, 3};
  writer.add_image(7, "image", encoded, 4, 5);
  const std::vector<float> values{-1, 0, 0, 2}, equal{3, 3};
  writer.add_histogram(7, "weights", values);
  writer.add_histogram(8, "weights", equal);
  const TfRecordReader reader(writer.path());
  const std::vector<RecordSpan> records = reader.index();
  ASSERT_EQ(records.size(), 4u);
  std::string tag;
  const Bytes first = reader.read(records[1]);
  auto image = message_in_value(first, 4, tag);
  EXPECT_EQ(tag, "image");
  std::vector<int> sides;
  while (image.next()) {
    if (image.tag() <= 3)
      sides.push_back(image.get_int32());
    else
      EXPECT_EQ(image.get_string(), "\x01\x02\x03");
  }
  EXPECT_THAT(sides, ElementsAre(5, 4, 3));
  const auto figures = [&](size_t record) {
    const Bytes event = reader.read(records[record]);
    auto histogram = message_in_value(event, 5, tag);
    std::vector<double> scalars, limits, counts;
    while (histogram.next()) {
      if (histogram.tag() <= 5) {
        scalars.push_back(histogram.get_double());
        continue;
      }
      std::vector<double>& into = histogram.tag() == 6 ? limits : counts;
      for (const double value : histogram.get_packed_double()) into.push_back(value);
    }
    EXPECT_EQ(limits.size(), counts.size());
    EXPECT_EQ(limits.back(), scalars[1]);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0.0), scalars[2]);
    return std::pair(scalars, counts);
  };
  const auto [scalars, counts] = figures(2);
  EXPECT_THAT(scalars, ElementsAre(-1, 2, 4, 1, 5));
  EXPECT_EQ(counts.front(), 1);
  EXPECT_EQ(counts[10], 2);
  EXPECT_EQ(counts.back(), 1);
  EXPECT_THAT(figures(3).second, ElementsAre(2));
}

}  // namespace
}  // namespace assemble
