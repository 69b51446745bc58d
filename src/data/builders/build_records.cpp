// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/random.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/build.h"
#include "assemble/data/manifest.h"
#include "assemble/data/shards.h"
#include "assemble/io/tfrecord.h"
#include "builders/raw_record.h"

namespace assemble {
namespace {

constexpr const char* kClassesFile = "classes.txt";

/// Writes this process' shards of one split; those that an earlier call finished are kept.
class SplitWriter {
 public:
  SplitWriter(std::string split, const std::vector<RawImage>& images, const std::vector<std::string>& class_names,
              const fs::path& output, int shards, const BuildOptions& options, const Exchange& ranks)
      : split_(std::move(split)),
        images_(images),
        class_names_(class_names),
        output_(output),
        options_(options),
        ranks_(ranks),
        summaries_(static_cast<size_t>(shards)) {}

  void write(const std::vector<int64_t>& order, ThreadPool& pool) {
    std::vector<int64_t> own;
    int64_t images = 0;
    for (int64_t shard = ranks_.rank(); shard < shards(); shard += ranks_.world()) {
      own.push_back(shard);
      images += share(shard + 1) - share(shard);
    }
    Progress progress("writing " + split_, images, "images");
    std::mutex mutex;
    const auto advance = [&](int64_t more) {
      const std::lock_guard lock(mutex);
      progress.advance(more);
    };
    pool.parallel_for(static_cast<int64_t>(own.size()), [&](int64_t place) {
      const int64_t shard = own[static_cast<size_t>(place)];
      const fs::path path = output_ / shard_name(split_, static_cast<int>(shard), static_cast<int>(shards()));
      if (fs::exists(path)) {
        advance(share(shard + 1) - share(shard));
      } else {
        write_shard(path, std::span(order).subspan(share(shard), share(shard + 1) - share(shard)), advance);
      }
      summaries_[static_cast<size_t>(shard)] = summarise_shard(path);
    });
  }

  /// Of what all processes have written. Files without a record are removed, so that the next build does not go on with
  /// them.
  void require_images() const {
    if (images_.empty() || manifest().images > 0) return;
    for (int64_t shard = 0; shard < shards(); ++shard) {
      fs::remove(output_ / shard_name(split_, static_cast<int>(shard), static_cast<int>(shards())));
    }
    throw InputError(images_.front().where(),
                     concat("like all of the ", images_.size(), " images of the split ", split_, ", cannot be read"),
                     "see what `raw` must hold");
  }

  /// What was written, as add() takes it.
  nlohmann::ordered_json written() const {
    nlohmann::ordered_json written = nlohmann::ordered_json::array();
    for (int64_t shard = ranks_.rank(); shard < shards(); shard += ranks_.world()) {
      const ShardSummary& summary = summaries_[static_cast<size_t>(shard)];
      written.push_back({shard, summary.file, summary.images, summary.bytes, summary.crc32c});
    }
    return written;
  }
  /// What another process has written.
  /// @throws RunError when it is not in the folder
  void add(const nlohmann::ordered_json& written, const std::string& where) {
    for (const auto& shard : written) {
      ShardSummary& summary = summaries_.at(shard.at(0).get<size_t>());
      summary = {shard.at(1), shard.at(2), shard.at(3), shard.at(4)};
      std::error_code ignored;
      if (fs::file_size(output_ / summary.file, ignored) == summary.bytes && !ignored) continue;
      throw RunError((output_ / summary.file).string(), concat(where, " has written it, and it is not there"),
                     "give a folder that is the same for all processes");
    }
  }

  SplitManifest manifest() const {
    SplitManifest result{0, 0, summaries_};
    for (const ShardSummary& shard : summaries_) result.images += shard.images;
    result.skipped = static_cast<int64_t>(images_.size()) - result.images;
    return result;
  }

 private:
  int64_t shards() const { return static_cast<int64_t>(summaries_.size()); }
  int64_t share(int64_t shard) const { return static_cast<int64_t>(images_.size()) * shard / shards(); }

  template <typename Advance>
  void write_shard(const fs::path& path, std::span<const int64_t> order, const Advance& advance) const {
    TfRecordWriter writer(path);
    for (const int64_t index : order) {
      const RawImage& image = images_[static_cast<size_t>(index)];
      try {
        writer.write(make_record(image, class_names_[static_cast<size_t>(image.label)], options_));
      } catch (const InputError& error) {
        log_warning(std::string(error.what()) + "; skipped");
      }
      advance(1);
    }
    writer.commit();
  }

  const std::string split_;
  const std::vector<RawImage>& images_;
  const std::vector<std::string>& class_names_;
  const fs::path& output_;
  const BuildOptions& options_;
  const Exchange& ranks_;
  std::vector<ShardSummary> summaries_;
};

/// Of a zero-shot set, whose other classes come after those of training; 0 for others.
int64_t training_classes(const RawDataset& raw) {
  if (raw.train.empty() || raw.validation.empty()) return 0;
  const int64_t last = std::ranges::max(raw.train, {}, &RawImage::label).label;
  return std::ranges::min(raw.validation, {}, &RawImage::label).label > last ? last + 1 : 0;
}

/// Changes with whatever changes the records.
std::string fingerprint(const std::string& name, const RawDataset& raw, const BuildOptions& options, int train_shards,
                        int validation_shards) {
  std::string text =
      concat(name, ' ', options.seed, ' ', options.max_side, ' ', options.quality, ' ', options.crop_to_box, ' ',
             options.seekable, options.exif == ExifRule::kTurn ? " turned" : "", ' ', train_shards, ' ',
             validation_shards, ' ', join(raw.class_names, "\n"));
  for (const auto* images : {&raw.train, &raw.validation}) {
    text += concat('\n', images->size());
    for (const RawImage& image : *images) text += concat('\n', image.where(), ' ', image.label);
  }
  return concat(crc32c({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

std::vector<std::string> files_of(int train_shards, int validation_shards) {
  std::vector<std::string> files{Manifest::kFile, kClassesFile};
  for (const auto& [split, shards] : {std::pair("train", train_shards), std::pair("validation", validation_shards)}) {
    for (int shard = 0; shard < shards; ++shard) files.push_back(shard_name(split, shard, shards));
  }
  return files;
}

/// Whether a set that was finished is of these images and options.
/// @throws UsageError when it is of others
bool is_finished(const fs::path& output, const std::string& print) {
  if (!fs::exists(output / Manifest::kFile)) return false;
  try {
    if (read_manifest(output)->fingerprint == print) return true;
  } catch (const InputError&) {
    // A damaged one says nothing of what the folder holds.
  }
  throw UsageError((output / Manifest::kFile).string(), "is of a set built of other images, or with other options",
                   "build into another folder, or remove this one");
}

/// Keeps the shards of an interrupted build of the same records and removes those of a finished one, which are made
/// anew. What anything else left is not touched.
/// @return shards kept
int64_t prepare_output(const ResumableFolder& folder, const std::string& print, const std::vector<std::string>& files) {
  const nlohmann::ordered_json settings{{"fingerprint", print}};
  const bool finished = is_finished(folder.path(), print);
  const bool resumes = !folder.require_own(settings, finished ? std::vector<std::string>{} : files).is_null();
  folder.write(settings);
  int64_t kept = 0;
  for (const std::string& file : files) {
    const fs::path path = folder.path() / file;
    const bool is_shard = file != Manifest::kFile && file != kClassesFile;
    if (resumes && is_shard && fs::exists(path)) {
      ++kept;
    } else {
      fs::remove(path);
    }
  }
  if (kept > 0) log_info(concat("going on with an interrupted build: ", kept, " files are there already"));
  return kept;
}

/// Of a process that did not begin the build itself.
/// @throws RunError when it does not see that rank 0 has begun it
void require_begun(const ResumableFolder& folder, const std::string& print) {
  const nlohmann::ordered_json record = folder.read();
  if (record.is_object() && record.value("fingerprint", "") == print) return;
  throw RunError(folder.path().string(), "is not the folder in which rank 0 has begun",
                 "give a folder that is the same for all processes");
}

/// Brings to every process what all have written.
void collect(Exchange& ranks, SplitWriter& train, SplitWriter& validation) {
  if (!ranks.is_shared()) return;
  const nlohmann::ordered_json own{{"train", train.written()}, {"validation", validation.written()}};
  const std::vector<std::string> texts = ranks.gather(own.dump());
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    if (static_cast<int>(rank) == ranks.rank()) continue;
    const auto written = nlohmann::ordered_json::parse(texts[rank]);
    train.add(written.at("train"), concat("rank ", rank));
    validation.add(written.at("validation"), concat("rank ", rank));
  }
}

std::vector<int64_t> stored_order(size_t size) {
  std::vector<int64_t> order(size);
  for (size_t i = 0; i < size; ++i) order[i] = static_cast<int64_t>(i);
  return order;
}

void check_options(const BuildOptions& options, int train_shards, int validation_shards) {
  if (train_shards < 1 || validation_shards < 1 || train_shards > 99999 || validation_shards > 99999) {
    throw UsageError("shards", "expected 1…99999 files a split");
  }
  if (options.max_side < 0) throw UsageError("`max_side`", "expected 0 (keep) or more pixels");
  if (options.quality < 0 || options.quality > 100) throw UsageError("`quality`", "expected 1…100, or 0 (keep)");
}

void require_boxed(const Builder& builder) {
  if (builder.boxed) return;
  std::vector<std::string> names;
  for (const Builder& other : builders()) {
    if (other.boxed) names.push_back(other.name);
  }
  throw UsageError("`crop_to_box`", "images of the data set '" + builder.name + "' have no box each",
                   "use it with " + join(names, ", "));
}

bool any_box(const RawDataset& raw) {
  const auto has_box = [](const RawImage& image) { return !image.pixel_boxes.empty(); };
  return std::any_of(raw.train.begin(), raw.train.end(), has_box) ||
         std::any_of(raw.validation.begin(), raw.validation.end(), has_box);
}

}  // namespace

BuildReport build_records(const std::string& name, const fs::path& raw_folder, const fs::path& output,
                          const BuildOptions& options) {
  Exchange alone;
  return build_records(name, raw_folder, output, options, alone);
}

BuildReport build_records(const std::string& name, const fs::path& raw_folder, const fs::path& output,
                          const BuildOptions& options, Exchange& ranks) {
  const Builder& builder = find_builder(name);
  int train_shards = options.train_shards == 0 ? builder.train_shards : options.train_shards;
  int validation_shards = options.validation_shards == 0 ? builder.validation_shards : options.validation_shards;
  check_options(options, train_shards, validation_shards);
  if (options.crop_to_box) require_boxed(builder);
  const RawDataset raw = builder.list(raw_folder);
  if (options.crop_to_box && !any_box(raw)) {
    throw InputError(raw_folder.string(), "says no boxes to cut images to", "see what `raw` must hold");
  }
  if (raw.train.empty()) train_shards = 0;
  if (raw.validation.empty()) validation_shards = 0;
  const ResumableFolder folder(output,
                               {.record = ".build.json",
                                .what = "the record of a build",
                                .made_with = "is of an interrupted build of other images, or with other options:",
                                .other_hint = "build into another folder, or remove it with the files it began",
                                .damaged_hint = "remove it to start the build again",
                                .indent = -1});
  const std::string print = fingerprint(name, raw, options, train_shards, validation_shards);
  require_same(ranks, {{"fingerprint of images and options", print}});
  int64_t resumed = 0;
  if (ranks.is_first()) {
    folder.prepare();
    require_no_other_set(output, "train", train_shards);
    require_no_other_set(output, "validation", validation_shards);
    resumed = prepare_output(folder, print, files_of(train_shards, validation_shards));
  }
  resumed = std::stoll(ranks.broadcast(std::to_string(resumed)));
  if (!ranks.is_first()) require_begun(folder, print);

  ThreadPool pool(options.threads > 0 ? options.threads : available_cores());
  Random random(options.seed, RandomPurpose::kShuffle);
  SplitWriter train("train", raw.train, raw.class_names, output, train_shards, options, ranks);
  train.write(random_permutation(static_cast<int64_t>(raw.train.size()), random), pool);
  SplitWriter validation("validation", raw.validation, raw.class_names, output, validation_shards, options, ranks);
  validation.write(stored_order(raw.validation.size()), pool);

  collect(ranks, train, validation);
  train.require_images();
  validation.require_images();

  const Manifest manifest{
      name, options.seed, raw.class_names, train.manifest(), validation.manifest(), training_classes(raw), print};
  if (ranks.is_first()) {
    write_file(output / kClassesFile, std::string_view(join(raw.class_names, "\n") + "\n"));
    write_file(output / Manifest::kFile, std::string_view(manifest.to_json()));
    fs::remove(folder.record());
  }
  return {manifest.train.images, manifest.validation.images, manifest.train.skipped + manifest.validation.skipped,
          static_cast<int64_t>(raw.class_names.size()), resumed};
}

}  // namespace assemble
