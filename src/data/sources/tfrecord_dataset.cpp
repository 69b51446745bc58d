// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/tfrecord_dataset.h"

#include <algorithm>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/handle_cache.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/io/tf_example.h"
#include "sources/inflated_shards.h"

namespace assemble {
namespace {

/// RecordPlace of one record; 16 bytes.
struct RecordPlace {
  uint64_t offset;
  uint32_t length;
  uint32_t shard;
};

/// The values of a feature, or null when the record lacks it.
template <typename Value>
const std::vector<Value>* find(const Example& example, const std::string& key, const std::string& where) {
  const auto feature = example.find(key);
  if (feature == example.end()) return nullptr;
  const auto* values = std::get_if<std::vector<Value>>(&feature->second);
  if (values == nullptr) throw InputError(where, "'" + key + "' has another type than expected");
  return values;
}

template <typename Value>
const Value& require_one(const Example& example, const std::string& key, const std::string& where) {
  const auto* values = find<Value>(example, key, where);
  if (values == nullptr || values->size() != 1) {
    throw InputError(where,
                     concat("has ", values == nullptr ? 0 : values->size(), " values of '", key, "', expected 1"),
                     "build the data set again");
  }
  return values->front();
}

std::vector<BoundingBox> read_boxes(const Example& example, const std::string& where) {
  const std::string prefix = "image/object/bbox/";
  const std::vector<float>* sides[4] = {};
  const char* names[4] = {"ymin", "xmin", "ymax", "xmax"};
  for (int i = 0; i < 4; ++i) {
    sides[i] = find<float>(example, prefix + names[i], where);
    const size_t count = sides[i] == nullptr ? 0 : sides[i]->size();
    const size_t first = sides[0] == nullptr ? 0 : sides[0]->size();
    if (count != first)
      throw InputError(where, concat("has ", first, " values of bbox/ymin and ", count, " of bbox/", names[i]));
  }
  std::vector<BoundingBox> boxes(sides[0] == nullptr ? 0 : sides[0]->size());
  for (size_t i = 0; i < boxes.size(); ++i) {
    float values[4];
    for (int side = 0; side < 4; ++side) {
      values[side] = (*sides[side])[i];
      if (!(values[side] >= 0 && values[side] <= 1)) {
        throw InputError(where, concat("bbox/", names[side], " is ", values[side], ", expected 0…1"));
      }
    }
    boxes[i] = {values[0], values[1], values[2], values[3]};
  }
  return boxes;
}

/// Records that name a synset must be of the class that their label says: else the names are in another order.
void require_synset(const Example& example, const std::string& class_name, const Sample& sample) {
  const auto* synsets = find<std::string>(example, "image/class/synset", sample.name);
  const std::string_view expected = synset_of(class_name);
  if (synsets == nullptr || synsets->size() != 1 || expected.empty()) return;
  if (synset_of(synsets->front()).empty() || synsets->front() == expected) return;
  throw InputError(sample.name,
                   concat("label ", sample.label, " is ", expected, ", the record says ", one_line(synsets->front())),
                   "the names of the classes must be in the order of the labels");
}

bool is_compressed(const fs::path& shard) {
  if (!has_deflated_start(shard)) return false;
  std::string defect;
  return TfRecordReader(shard).index(&defect).empty();
}

}  // namespace

struct TfRecordDataset::Shards {
  explicit Shards(const std::vector<fs::path>& shards)
      : stored(shards), inflated(shards, is_compressed), readers(inflated.readable()) {}

  std::vector<fs::path> stored;  // as named by the user
  InflatedShards inflated;
  HandleCache<TfRecordReader> readers;
  std::vector<RecordPlace> places;
  std::vector<size_t> first_record;  // of each shard, in places
  std::vector<std::string> defects;
};

TfRecordDataset::TfRecordDataset(std::vector<fs::path> shards, std::vector<std::string> class_names, ClassRule rule)
    : shards_(std::make_unique<Shards>(shards)), class_names_(std::move(class_names)), rule_(rule) {
  std::vector<std::vector<RecordSpan>> found(shards.size());
  std::vector<std::vector<std::string>> defects(shards.size());
  ThreadPool pool(available_cores());
  pool.parallel_for(static_cast<int64_t>(shards.size()), [&](int64_t i) {
    const auto shard = static_cast<size_t>(i);
    found[shard] = shards_->readers.get(shard)->recover(&defects[shard]);
  });
  for (size_t shard = 0; shard < found.size(); ++shard) {
    shards_->first_record.push_back(shards_->places.size());
    shards_->defects.insert(shards_->defects.end(), defects[shard].begin(), defects[shard].end());
    for (const RecordSpan& record : found[shard]) {
      if (record.length > UINT32_MAX) {
        throw InputError(shards[shard].string(),
                         concat("record at offset ", record.offset, " has ", record.length, " bytes"));
      }
      shards_->places.push_back({record.offset, static_cast<uint32_t>(record.length), static_cast<uint32_t>(shard)});
    }
  }
  if (!shards_->places.empty()) return;
  throw InputError(where(), "the TFRecords hold no records", shards_->defects.empty() ? "" : shards_->defects.front());
}

TfRecordDataset::~TfRecordDataset() = default;

int64_t TfRecordDataset::size() const { return static_cast<int64_t>(shards_->places.size()); }

std::string TfRecordDataset::where() const {
  return shards_->stored.empty() ? "no TFRecords" : shards_->stored.front().parent_path().string();
}

std::vector<std::string> TfRecordDataset::defects() const { return shards_->defects; }

Example TfRecordDataset::parse(int64_t index, std::string& name) const {
  const RecordPlace& place = shards_->places.at(static_cast<size_t>(index));
  name = concat(shards_->stored[place.shard].string(), " record ",
                static_cast<size_t>(index) - shards_->first_record[place.shard]);
  return parse_example(shards_->readers.get(place.shard)->read({place.offset, place.length}), name);
}

Example TfRecordDataset::example(int64_t index) const {
  std::string name;
  return parse(index, name);
}

Sample TfRecordDataset::read(int64_t index) const {
  Sample sample;
  const Example example = parse(index, sample.name);
  if (const auto* names = find<std::string>(example, "image/filename", sample.name); names && !names->empty()) {
    sample.name += " (" + names->front() + ")";
  }
  const std::string& encoded = require_one<std::string>(example, "image/encoded", sample.name);
  sample.encoded.assign(encoded.begin(), encoded.end());
  sample.label = require_one<int64_t>(example, "image/class/label", sample.name);
  sample.boxes = read_boxes(example, sample.name);
  if (rule_ != ClassRule::kOfTraining) return sample;
  if (sample.label < 0 || sample.label >= classes()) {
    throw InputError(sample.name, concat("label ", sample.label, ", expected 0…", classes() - 1),
                     "classes.txt must name every class");
  }
  require_synset(example, class_names_[static_cast<size_t>(sample.label)], sample);
  if (const auto* logits = find<float>(example, "image/logit", sample.name)) {
    if (static_cast<int64_t>(logits->size()) != classes()) {
      throw InputError(sample.name, concat(logits->size(), " teacher logits for ", classes(), " classes"),
                       "teach with the classes of this data set: 'assemble teach' puts logits into their order");
    }
    sample.logits = *logits;
  }
  return sample;
}

}  // namespace assemble
