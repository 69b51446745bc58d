// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <optional>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/dataset.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/data/manifest.h"
#include "assemble/image/decode.h"
#include "common/data_options.h"
#include "common/numbers.h"
#include "dataset/dataset.h"

namespace assemble::cli {
namespace {

/// What one split of a data set holds.
struct SplitSummary {
  int64_t images = 0;
  std::vector<int64_t> per_class;
  int min_side = 0;  // only when the images were decoded
  int max_side = 0;
  std::vector<std::string> broken;

  int64_t of_class(size_t label) const { return label < per_class.size() ? per_class[label] : 0; }
};

SplitSummary inspect(const Dataset& dataset, bool decode, int threads) {
  SplitSummary summary;
  summary.images = dataset.size();
  summary.per_class.assign(static_cast<size_t>(dataset.classes()), 0);
  std::mutex mutex;
  std::optional<Progress> progress;
  if (decode) progress.emplace(concat("decoding ", dataset.where()), dataset.size(), "images");
  ThreadPool(threads > 0 ? threads : available_cores()).parallel_for(dataset.size(), [&](int64_t i) {
    int64_t label = dataset.label(i);
    Image image;
    std::string error;
    if (decode || label < 0) {
      try {
        const Sample sample = dataset.read(i);
        label = sample.label;
        if (decode) image = decode_image(sample.encoded, sample.name);
      } catch (const InputError& defect) {
        error = defect.what();
      }
    }
    const std::lock_guard lock(mutex);
    if (label >= 0) ++summary.per_class[static_cast<size_t>(label)];
    if (!error.empty()) summary.broken.push_back(error);
    if (image.height > 0) {
      const int side = std::min(image.height, image.width);
      summary.min_side = summary.min_side == 0 ? side : std::min(summary.min_side, side);
      summary.max_side = std::max({summary.max_side, image.height, image.width});
    }
    if (progress) progress->advance(1);
  });
  std::sort(summary.broken.begin(), summary.broken.end());
  return summary;
}

class InspectCommand : public Subcommand {
 public:
  InspectCommand() : Subcommand("inspect", "What a data set holds") {}

  std::string purpose() const override {
    return "Says what a data set holds, as the other commands will read it: images a class in each split, where they "
           "are from, and what lies there and is passed over.";
  }
  std::vector<Example> examples() const override {
    return {{"Count the images", "assemble dataset inspect photos"},
            {"Decode them all, too, and list those that cannot be read", "assemble dataset inspect photos --decode"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("data,--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_flag("--decode", decode_, "Decode every image and list those that cannot be read");
    app.add_flag("--verify", verify_, "Compare every file of records with the manifest's counts and checksums");
    app.add_option("--threads", threads_, "Threads; 0: every core")->transform(thread_count());
    declare_record_files(app, files_);
  }

  void run() override {
    const auto manifest = read_manifest(data_);
    const auto train = open(Split::kTrain, manifest), validation = open(Split::kValidation, manifest);
    if (!train && !validation)
      open_dataset(data_, Split::kTrain, ClassRule::kOfTraining, files_);  // says what is missing
    const SplitSummary of_train = train ? inspect(*train, decode_, threads_) : SplitSummary{};
    const SplitSummary of_validation = validation ? inspect(*validation, decode_, threads_) : SplitSummary{};
    const std::vector<std::string>& names = (train ? train : validation)->class_names();
    std::vector<std::vector<std::string>> rows{{"class", "training", "validation"}};
    nlohmann::ordered_json classes = nlohmann::ordered_json::array();
    for (size_t c = 0; c < names.size(); ++c) {
      const int64_t in_train = of_train.of_class(c), in_validation = of_validation.of_class(c);
      rows.push_back({shown_class(names[c]), std::to_string(in_train), std::to_string(in_validation)});
      classes.push_back({{"name", names[c]}, {"train_images", in_train}, {"validation_images", in_validation}});
    }
    rows.push_back({"all", std::to_string(of_train.images), std::to_string(of_validation.images)});
    nlohmann::ordered_json json{
        {"train_images", of_train.images}, {"validation_images", of_validation.images}, {"classes", classes}};
    std::string text = format_table(rows);
    if (train) add_source("train", *train, json, text);
    if (validation) add_source("validation", *validation, json, text);
    if (manifest) add_manifest(*manifest, json, text);
    if (decode_) add_decoded(of_train, of_validation, json, text);
    print(json, text);
  }

 private:
  /// Nothing for a split that is not there, was not built, or that no pattern names.
  std::unique_ptr<Dataset> open(Split split, const std::optional<Manifest>& manifest) const {
    const bool trains = split == Split::kTrain;
    const bool was_built = !manifest || !(trains ? manifest->train : manifest->validation).shards.empty();
    const std::string& own = trains ? files_.train_files : files_.validation_files;
    const std::string& other = trains ? files_.validation_files : files_.train_files;
    if (!was_built || (own.empty() && !other.empty())) return nullptr;
    try {
      return open_dataset(data_, split, ClassRule::kOfTraining, files_);
    } catch (const NoSuchSplit&) {
      return nullptr;
    }
  }

  /// Where a split comes from, and what lies there and is no image.
  static void add_source(const std::string& name, const Dataset& dataset, nlohmann::ordered_json& json,
                         std::string& text) {
    const std::string part = dataset.part();
    const std::string source = one_line(part.empty() ? dataset.where() : concat(dataset.where(), ": ", part));
    json[concat(name, "_source")] = source;
    json["passed_over"][name] = dataset.passed_over();
    text += concat("\n", name, " is ", source, "\n");
    for (const auto& [kind, count] : dataset.passed_over()) text += concat("  passed over: ", count, " ", kind, "\n");
  }

  void add_manifest(const Manifest& manifest, nlohmann::ordered_json& json, std::string& text) const {
    json["manifest"] = nlohmann::ordered_json::parse(manifest.to_json());
    json["manifest"].erase("class_names");  // stand above
    text += concat("\n", manifest.name, ", seed ", manifest.seed, ": ", manifest.train.shards.size(), " + ",
                   manifest.validation.shards.size(), " files, ", manifest.train.skipped + manifest.validation.skipped,
                   " images left out when it was built\n");
    if (!verify_) return;
    const std::vector<std::string> differences = verify_manifest(data_, manifest);
    json["differences"] = differences;
    text += concat("files that differ from the manifest: ", differences.size(), "\n");
    for (const std::string& difference : differences) text += "  " + difference + "\n";
  }

  static void add_decoded(const SplitSummary& train, const SplitSummary& validation, nlohmann::ordered_json& json,
                          std::string& text) {
    std::vector<std::string> broken = train.broken;
    broken.insert(broken.end(), validation.broken.begin(), validation.broken.end());
    json["broken"] = broken;
    json["train_sides"] = {train.min_side, train.max_side};
    json["validation_sides"] = {validation.min_side, validation.max_side};
    text += concat("\nsides: training ", train.min_side, " … ", train.max_side, ", validation ", validation.min_side,
                   " … ", validation.max_side, " pixels\nunreadable: ", broken.size(), "\n");
    for (const std::string& defect : broken) text += "  " + defect + "\n";
  }

  std::string data_;
  RecordFiles files_;
  bool decode_ = false;
  bool verify_ = false;
  int threads_ = 0;
};

}  // namespace

std::unique_ptr<Subcommand> make_inspect_command() { return std::make_unique<InspectCommand>(); }

}  // namespace assemble::cli
