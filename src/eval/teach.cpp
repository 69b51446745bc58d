// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/teach.h"

#include <algorithm>
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
  SplitTeacher(const Dataset& dataset, Split split, const Network& teacher, const fs::path& output,
               const TeachOptions& options, const std::stop_token& stop)
      : dataset_(dataset),
        split_(split_name(split)),
        teacher_(teacher),
        output_(output),
        options_(options),
        stop_(stop) {
    report_.shards = shard_count(dataset.size(), options.shards);
    require_no_other_set(output, split_, report_.shards);
  }

  TeachReport run() {
    Progress progress(concat("teaching ", split_), dataset_.size(), "images");
    for (int shard = 0; shard < report_.shards; ++shard) {
      if (!keep(shard, progress)) write(shard, progress);
    }
    return report_;
  }

 private:
  fs::path path(int shard) const { return output_ / shard_name(split_, shard, report_.shards); }
  int64_t begin(int shard) const { return dataset_.size() * shard / report_.shards; }

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
      } else if (is_readable(index)) {
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
      count_taught(*values, dataset_.read(index).label);
    } catch (const InputError&) {
      return false;
    }
    return true;
  }

  bool is_readable(int64_t index) const {
    try {
      const Sample sample = dataset_.read(index);
      decode_image(sample.encoded, sample.name);
      return true;
    } catch (const InputError&) {
      return false;
    }
  }

  void write(int shard, Progress& progress) {
    TfRecordWriter writer(path(shard));
    const DatasetRange range(dataset_, begin(shard), begin(shard + 1));
    if (range.size() > 0) write_range(range, writer, progress);
    writer.commit();
  }

  void write_range(const DatasetRange& range, TfRecordWriter& writer, Progress& progress) {
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
        std::vector<float> values(logits.row(i).begin(), logits.row(i).end());
        count_taught(values, batch.labels[static_cast<size_t>(i)]);
        Example example = range.example(batch.indices[static_cast<size_t>(i)]);
        example[kLogit] = std::move(values);
        writer.write(serialise_example(example));
      }
      progress.advance(batch.size);
    }
    count_broken(loader.broken() - broken);
  }

  Matrix logits_of(const Batch& batch) const {
    Matrix logits = teacher_(images_of(batch));
    if (logits.rows != batch.size || logits.columns != dataset_.classes()) {
      throw InputError(dataset_.where(),
                       concat("the teacher gives ", show_shape({logits.rows, logits.columns}), " logits for ",
                              batch.size, " images of ", dataset_.classes(), " classes"));
    }
    require_finite(logits, "the teacher", [&](int64_t row) { return name_of(batch, row); });
    return logits;
  }

  const Dataset& dataset_;
  const std::string split_;
  const Network& teacher_;
  const fs::path& output_;
  const TeachOptions& options_;
  const std::stop_token stop_;
  TeachReport report_;
};

}  // namespace

TeachReport teach(const Dataset& dataset, Split split, const Network& teacher, const fs::path& output,
                  const TeachOptions& options, const std::stop_token& stop) {
  return SplitTeacher(dataset, split, teacher, output, options, stop).run();
}

void prepare_teacher_folder(const fs::path& output, const nlohmann::ordered_json& identity) {
  const ResumableFolder folder(output, {.record = "teacher.json",
                                        .what = "the record of a teacher",
                                        .damaged_hint = "remove the folder or choose another one"});
  folder.prepare();
  if (const nlohmann::ordered_json earlier = folder.read(); !earlier.is_null()) {
    if (!ResumableFolder::first_change(earlier, identity)) return;
    throw UsageError(output.string(), "holds the logits of another teacher (see its teacher.json)",
                     "remove the folder or choose another one");
  }
  for (const char* split : {"train", "validation"}) {
    if (find_shards(output, split).empty()) continue;
    throw UsageError(output.string(), "holds TFRecords without a teacher.json, which 'assemble teach' did not write",
                     "choose another folder");
  }
  folder.write(identity);
}

}  // namespace assemble
