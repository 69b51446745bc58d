// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/teach.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/data/loader.h"
#include "assemble/data/shards.h"
#include "assemble/eval/flat_answers.h"
#include "assemble/image/decode.h"
#include "assemble/io/tf_example.h"
#include "assemble/io/tfrecord.h"

namespace assemble {
namespace {

constexpr const char* kLogit = "image/logit";
constexpr int64_t kImagesPerShard = 1024;
constexpr int kMostShards = 99999;

int shard_count(int64_t images, int wanted) {
  if (wanted < 0 || wanted > kMostShards) throw UsageError("shards", concat("expected 0…", kMostShards));
  if (wanted > 0) return wanted;
  return static_cast<int>(std::clamp<int64_t>((images + kImagesPerShard - 1) / kImagesPerShard, 1, kMostShards));
}

/// Writes or keeps the shards of one split.
class SplitTeacher {
 public:
  SplitTeacher(const Dataset& dataset, Split split, const fs::path& output, const TeachOptions& options,
               const std::stop_token& stop)
      : dataset_(dataset), options_(options), split_(split_name(split)), output_(output), stop_(stop) {
    options.ranks.check();
    report_.shards = shard_count(dataset.size(), options.shards);
    require_no_other_set(output, split_, report_.shards);
  }
  virtual ~SplitTeacher() = default;

  TeachReport run() {
    int64_t images = 0;
    for_own_shards([&](int shard) { images += begin(shard + 1) - begin(shard); });
    Progress progress(concat("teaching ", split_), images, "images");
    for_own_shards([&](int shard) {
      if (!keep(shard, progress)) write(shard, progress);
    });
    return report_;
  }

 protected:
  /// Writes the examples of a range that is not empty, with logits.
  virtual void write_range(const DatasetRange& range, TfRecordWriter& writer, Progress& progress) = 0;
  /// Whether logits that are stored already can be the teacher's.
  virtual bool is_answer(const Sample&, const Example&, const std::vector<float>&) { return true; }

  void check_stop() const {
    if (!stop_.stop_requested()) return;
    throw RunError(output_.string(), "interrupted", "the same command goes on where it stopped");
  }

  void count_broken(int64_t more) {
    report_.broken += more;
    if (report_.broken <= options_.max_broken) return;
    throw InputError(dataset_.where(), concat("more than ", options_.max_broken, " broken images"),
                     "repair or remove them (see the warnings above), or raise `max_broken`");
  }

  void write_example(Example example, std::vector<float> logits, int64_t label, TfRecordWriter& writer) {
    count_taught(logits, label);
    example[kLogit] = std::move(logits);
    writer.write(serialise_example(example));
  }

  /// Of an example's image, where it can be decoded.
  static bool is_readable(const Dataset& dataset, int64_t index) {
    try {
      const Sample sample = dataset.read(index);
      decode_image(sample.encoded, sample.name);
      return true;
    } catch (const InputError&) {
      return false;
    }
  }

  const Dataset& dataset_;
  const TeachOptions& options_;

 private:
  template <typename Function>
  void for_own_shards(const Function& function) const {
    for (int shard = options_.ranks.rank; shard < report_.shards; shard += options_.ranks.world) function(shard);
  }

  fs::path path(int shard) const { return output_ / shard_name(split_, shard, report_.shards); }
  int64_t begin(int shard) const { return dataset_.size() * shard / report_.shards; }

  void count_taught(const std::vector<float>& logits, int64_t label) {
    ++report_.images;
    report_.correct += std::max_element(logits.begin(), logits.end()) - logits.begin() == label;
  }

  /// Takes a shard as finished when it holds this part of the data set with logits.
  bool keep(int shard, Progress& progress) {
    if (!fs::exists(path(shard))) return false;
    const TeachReport before = report_;
    try {
      compare(shard);
    } catch (const InputError& error) {
      report_ = before;
      log_warning(concat(error.what(), "; the shard is written again"));
      return false;
    }
    count_broken(0);
    ++report_.kept_shards;
    progress.advance(begin(shard + 1) - begin(shard));
    return true;
  }

  /// @throws InputError unless the shard is the data set's part, less the images that do not decode
  void compare(int shard) {
    const TfRecordReader reader(path(shard));
    const std::vector<RecordSpan> records = reader.index();
    size_t next = 0;
    std::optional<Example> stored;
    for (int64_t index = begin(shard); index < begin(shard + 1); ++index) {
      check_stop();
      if (!stored && next < records.size()) {
        stored = parse_example(reader.read(records[next]), concat(path(shard).string(), " record ", next));
      }
      if (stored && is_taught(*stored, index)) {
        stored.reset();
        ++next;
      } else if (is_readable(dataset_, index)) {
        throw InputError(concat(path(shard).string(), " record ", next), "is not the data set's example with logits");
      } else {
        ++report_.broken;
      }
    }
    if (next != records.size()) throw InputError(path(shard).string(), "holds more than the data set's part");
  }

  /// Is it the data set's example with logits? Counts it when it is.
  bool is_taught(Example stored, int64_t index) {
    const auto logits = stored.extract(kLogit);
    if (logits.empty()) return false;
    const auto* values = std::get_if<std::vector<float>>(&logits.mapped());
    if (values == nullptr || static_cast<int64_t>(values->size()) != dataset_.classes()) return false;
    try {
      Example source = dataset_.example(index);
      source.erase(kLogit);
      if (source != stored) return false;
      const Sample sample = dataset_.read(index);
      if (!is_answer(sample, source, *values)) return false;
      count_taught(*values, sample.label);
    } catch (const InputError&) {
      return false;
    }
    return true;
  }

  void write(int shard, Progress& progress) {
    TfRecordWriter writer(path(shard));
    const DatasetRange range(dataset_, begin(shard), begin(shard + 1));
    if (range.size() > 0) write_range(range, writer, progress);
    writer.commit();
  }

  const std::string split_;
  const fs::path& output_;
  const std::stop_token stop_;
  TeachReport report_;
};

/// Logits that a network computes.
class NetworkTeacher : public SplitTeacher {
 public:
  NetworkTeacher(const Dataset& dataset, Split split, const Network& teacher, const fs::path& output,
                 const TeachOptions& options, const std::stop_token& stop)
      : SplitTeacher(dataset, split, output, options, stop), teacher_(teacher) {}

 private:
  void write_range(const DatasetRange& range, TfRecordWriter& writer, Progress& progress) override {
    LoaderOptions loading;
    loading.batch_size = options_.batch_size;
    loading.threads = options_.loader_threads;
    loading.preprocessing = options_.preprocessing;
    loading.max_broken = std::numeric_limits<int64_t>::max();  // counted here, over all shards
    Loader loader(range, loading);
    loader.start(0);
    Batch batch;
    int64_t broken = 0;
    while (loader.next(batch)) {
      check_stop();
      count_broken(loader.broken() - std::exchange(broken, loader.broken()));
      const Matrix logits = logits_of(batch);
      for (int64_t i = 0; i < batch.size; ++i) {
        const auto place = static_cast<size_t>(i);
        write_example(range.example(batch.indices[place]), {logits.row(i).begin(), logits.row(i).end()},
                      batch.labels[place], writer);
      }
      progress.advance(batch.size);
    }
    count_broken(loader.broken() - broken);
  }

  Matrix logits_of(const Batch& batch) {
    Matrix logits = teacher_(images_of(batch));
    if (logits.rows != batch.size || logits.columns != dataset_.classes()) {
      throw InputError(dataset_.where(),
                       concat("the teacher gives ", show_shape({logits.rows, logits.columns}), " logits for ",
                              batch.size, " images of ", dataset_.classes(), " classes"));
    }
    require_finite(logits, "the teacher", [&](int64_t row) { return name_of(batch, row); });
    if (!std::exchange(has_looked_, true)) {
      if (const std::string what = flat_answers(logits); !what.empty()) log_warning("the teacher's answers: " + what);
    }
    return logits;
  }

  const Network& teacher_;
  bool has_looked_ = false;
};

/// Logits of a file.
class StoredTeacher : public SplitTeacher {
 public:
  StoredTeacher(const Dataset& dataset, Split split, StoredLogits& logits, const fs::path& output,
                const TeachOptions& options, const std::stop_token& stop)
      : SplitTeacher(dataset, split, output, options, stop), logits_(logits) {
    if (logits.classes() == dataset.classes()) return;
    throw InputError(logits.where(), concat("holds logits of ", logits.classes(), " classes, the data set ",
                                            dataset.where(), " has ", dataset.classes()));
  }

 private:
  void write_range(const DatasetRange& range, TfRecordWriter& writer, Progress& progress) override {
    for (int64_t i = 0; i < range.size(); ++i) {
      check_stop();
      write_one(range, i, writer);
      progress.advance(1);
    }
  }

  void write_one(const DatasetRange& range, int64_t index, TfRecordWriter& writer) {
    Sample sample;
    Example example;
    try {
      sample = range.read(index);
      example = range.example(index);
    } catch (const InputError& error) {
      log_warning(concat(error.what(), "; left out"));
      return count_broken(1);
    }
    const auto logits = logits_.take(file_name(sample, example), sample.name);
    if (logits) {
      write_example(std::move(example), {logits->begin(), logits->end()}, sample.label, writer);
    } else if (is_readable(range, index)) {
      throw InputError(logits_.where(),
                       concat("has no logits for ", sample.name, ", '", file_name(sample, example), "'"),
                       concat("its names are like '", logits_.first_name(), "'"));
    } else {
      log_warning(sample.name + ": cannot be decoded; left out");
      count_broken(1);
    }
  }

  bool is_answer(const Sample& sample, const Example& example, const std::vector<float>& logits) override {
    const auto expected = logits_.take(file_name(sample, example), sample.name);
    return expected && std::ranges::equal(*expected, logits);
  }

  /// With the folders that are known: a record knows the file's own name alone.
  static std::string file_name(const Sample& sample, const Example& example) {
    const auto found = example.find("image/filename");
    const auto* texts = found == example.end() ? nullptr : std::get_if<std::vector<std::string>>(&found->second);
    if (texts == nullptr || texts->empty()) return sample.name;
    const bool is_path = fs::path(sample.name).filename() == fs::path(texts->front()).filename();
    return is_path ? sample.name : texts->front();
  }

  StoredLogits& logits_;
};

}  // namespace

TeachReport teach(const Dataset& dataset, Split split, const Network& teacher, const fs::path& output,
                  const TeachOptions& options, const std::stop_token& stop) {
  return NetworkTeacher(dataset, split, teacher, output, options, stop).run();
}

TeachReport teach(const Dataset& dataset, Split split, StoredLogits& logits, const fs::path& output,
                  const TeachOptions& options, const std::stop_token& stop) {
  return StoredTeacher(dataset, split, logits, output, options, stop).run();
}

void prepare_teacher_folder(const fs::path& output, const nlohmann::ordered_json& identity) {
  const ResumableFolder folder(output, {.record = "teacher.json",
                                        .what = "the record of a teacher",
                                        .damaged_hint = "remove the folder or choose another one"});
  folder.prepare();
  // Looked at first: another process that shares the work may begin meanwhile, and writes the record before the files.
  const std::vector<std::string> sets = record_sets(output);
  if (const nlohmann::ordered_json earlier = folder.read(); !earlier.is_null()) {
    if (!ResumableFolder::first_change(earlier, identity)) return;
    throw UsageError(output.string(), "holds the logits of another teacher (see its teacher.json)",
                     "remove the folder or choose another one");
  }
  for (const char* split : {"train", "validation"}) {
    if (std::ranges::find(sets, split) == sets.end()) continue;
    throw UsageError(output.string(), "holds TFRecords without a teacher.json, which 'assemble teach' did not write",
                     "choose another folder");
  }
  folder.require_new({"classes.txt"});
  folder.write(identity);
}

}  // namespace assemble
