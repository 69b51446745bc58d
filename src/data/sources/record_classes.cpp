// SPDX-License-Identifier: Apache-2.0
#include "sources/record_classes.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/data/tfrecord_dataset.h"
#include "sources/listing.h"

namespace assemble {
namespace {

constexpr int64_t kFirstRead = 128;  ///< records that decide whether they are ImageNet's

template <typename Value>
std::optional<Value> value_of(const Example& example, const std::string& key) {
  const auto feature = example.find(key);
  if (feature == example.end()) return std::nullopt;
  const auto* values = std::get_if<std::vector<Value>>(&feature->second);
  if (values == nullptr || values->size() != 1) return std::nullopt;
  return values->front();
}

/// What the labels of records with synsets count from; nothing for other records.
std::optional<int64_t> first_label(const Dataset& records) {
  std::optional<int64_t> first;
  const EvenlySpread some(records, std::min(records.size(), kFirstRead));
  for (int64_t i = 0; i < some.size(); ++i) {
    const Example example = some.example(i);
    const auto label = value_of<int64_t>(example, "image/class/label");
    const auto synset = value_of<std::string>(example, "image/class/synset");
    const auto index = synset ? imagenet_index(*synset) : std::nullopt;
    if (!label || !index) return std::nullopt;
    if (first.value_or(*label - *index) != *label - *index) return std::nullopt;
    first = *label - *index;
  }
  return first == 0 || first == 1 ? first : std::nullopt;
}

/// The texts that the records of each label have.
std::map<int64_t, std::set<std::string>> texts_by_label(const Dataset& records) {
  std::map<int64_t, std::set<std::string>> texts;
  std::mutex mutex;
  Progress progress("reading labels", records.size(), "records");
  ThreadPool(available_cores()).parallel_for(records.size(), [&](int64_t i) {
    Example example;
    try {
      example = records.example(i);
    } catch (const InputError&) {
      return;  // a damaged record is met, and counted, when its image is read
    }
    const auto label = value_of<int64_t>(example, "image/class/label");
    if (!label || *label < 0 || *label >= kMaxClasses) return;
    const std::lock_guard lock(mutex);
    progress.advance(1);
    texts[*label].insert(name_text(value_of<std::string>(example, "image/class/text").value_or("")));
  });
  return texts;
}

/// One text a label and one label a text; a label 0 without records is the background. Empty when it is not so.
std::vector<std::string> names_by_texts(const std::map<int64_t, std::set<std::string>>& texts) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  if (texts.begin()->first == 1) names.emplace_back("background");
  for (const auto& [label, of_label] : texts) {
    const bool own = of_label.size() == 1 && !of_label.begin()->empty() && seen.insert(*of_label.begin()).second;
    if (!own || label != static_cast<int64_t>(names.size())) return {};
    names.push_back(*of_label.begin());
  }
  return names;
}

}  // namespace

std::vector<std::string> record_classes(const std::vector<fs::path>& shards) {
  const TfRecordDataset records(shards, {}, ClassRule::kAny);
  if (const auto first = first_label(records)) {
    log_info(concat(records.where(), ": no classes.txt; by their synsets the labels are ImageNet's, from ", *first));
    return imagenet_synsets(/*with_background=*/*first == 1);
  }
  log_info(concat(records.where(), ": no dataset.json and no classes.txt; the classes are taken from the records"));
  const auto texts = texts_by_label(records);
  if (texts.empty()) {
    throw InputError(records.where(), concat("no record has a label of 0…", kMaxClasses - 1),
                     "build the data set again");
  }
  std::vector<std::string> names = names_by_texts(texts);
  const bool named = !names.empty();
  for (int64_t label = 0; !named && label <= texts.rbegin()->first; ++label) names.push_back(std::to_string(label));
  log_info(concat(records.where(), ": ", names.size(), " classes, ",
                  named ? "named by image/class/text" : "with their numbers for names"));
  return names;
}

}  // namespace assemble
