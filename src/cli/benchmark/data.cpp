// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/core/timing.h"
#include "assemble/data/loader.h"
#include "assemble/data/open_images.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "benchmark/benchmark.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

/// Encoded images held in memory and repeated, so that disks and the end of an epoch cost nothing.
class RepeatedImages : public Dataset {
 public:
  RepeatedImages(std::vector<Bytes> encoded, int64_t size, std::string where)
      : encoded_(std::move(encoded)), size_(size), where_(std::move(where)) {}

  int64_t size() const override { return size_; }
  Sample read(int64_t index) const override {
    Sample sample;
    sample.encoded = encoded_[static_cast<size_t>(index) % encoded_.size()];
    sample.name = concat(where_, " image ", static_cast<size_t>(index) % encoded_.size());
    return sample;
  }
  int64_t label(int64_t) const override { return 0; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string where() const override { return where_; }

 private:
  std::vector<Bytes> encoded_;
  int64_t size_;
  std::string where_;
  std::vector<std::string> names_{"any"};
};

class DataBenchmark : public Subcommand {
 public:
  DataBenchmark() : Subcommand("data", "Images a second of decoding, resizing and the whole loader") {}

  std::string purpose() const override {
    return "Measures whether reading keeps up with training: images a second of decoding, resizing, AutoAugment and "
           "the whole loader, from memory and as the data set lies.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure a data set's loader", "assemble benchmark data --data photos"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    declare_record_files(app, files_);
    app.add_option("--threads", threads_, "Threads; 0: every core")->transform(thread_count());
    app.add_option("--preprocessing", preprocessing_, "Type: imagenet, imagenet_NNN, imagenet_TTT_EEE");
    add_choice(app, "--decode", decoding_, kDecodings, "How JPEGs are decoded, as of `assemble train`");
    app.add_option("--auto-augment", policy_, "AutoAugment policy that is measured")
        ->check(one_of(auto_augment_policy_names()));
    app.add_option("--images", images_, "Images to hold in memory and repeat")->transform(at_least(1));
    app.add_option("--batch-size", batch_size_, "Images a batch")->transform(at_least(1));
    app.add_option("--seconds", seconds_, "Time for each measurement")->transform(positive());
    app.add_option("--repeats", repeats_, "Measurements of each; the median counts")->transform(at_least(1));
  }

  void run() override {
    keep_freed_memory();
    if (threads_ == 0) threads_ = available_cores();
    const std::vector<Bytes> encoded = read_images();
    const double decode = decode_rate(encoded), resize = resize_rate(encoded);
    const double batch = loader_rate({encode_png({1, 1, {0, 0, 0}})}, true, 1);
    const double train = loader_rate(encoded, true, 0), eval = loader_rate(encoded, false, 0);
    const AutoAugmentPolicy& policy = auto_augment_policy(policy_);
    const double augment = augment_rate(encoded, policy), augmented = loader_rate(encoded, true, 0, &policy);
    const auto text = [](double rate) { return format_number(rate, 0); };
    print({{"train_images_per_second", train},
           {"train_auto_augment_images_per_second", augmented},
           {"eval_images_per_second", eval},
           {"decode_images_per_second", decode},
           {"crop_resize_images_per_second", resize},
           {"augment_images_per_second", augment},
           {"batch_images_per_second", batch},
           {"images", encoded.size()},
           {"threads", threads_},
           {"decode", kDecodings.name(decoding_)},
           {"preprocessing", preprocessing_},
           {"auto_augment", policy_},
           {"cpu", cpu_name()}},
          format_table({{"work", "images/s"},
                        {"decode (whole images)", text(decode)},
                        {"crop and resize", text(resize)},
                        {"augment (AutoAugment " + policy_ + ")", text(augment)},
                        {"batch (order, hand-over)", text(batch)},
                        {"training preprocessing", text(train)},
                        {"training, with AutoAugment", text(augmented)},
                        {"evaluation preprocessing", text(eval)}}));
  }

 private:
  std::vector<Bytes> read_images() const {
    std::vector<Bytes> encoded;
    const auto dataset = open_images(data_, std::nullopt, Split::kTrain, files_);
    const int64_t count = std::min(images_, dataset->size());
    for (int64_t i = 0; i < count; ++i) encoded.push_back(dataset->read(i * dataset->size() / count).encoded);
    return encoded;
  }

  /// Calls of work(i) a second over all threads, i counting through the images again and again.
  double rate(size_t count, const std::function<void(size_t)>& work) const {
    std::vector<double> rates;
    ThreadPool pool(threads_);
    for (int64_t repeat = 0; repeat < repeats_; ++repeat) {
      std::atomic<size_t> done = 0;
      const auto start = Clock::now();
      pool.parallel_for(threads_, [&](int64_t) {
        while (seconds_since(start) < seconds_) work(done++ % count);
      });
      rates.push_back(static_cast<double>(done) / seconds_since(start));
    }
    return percentile(rates, 0.5);
  }

  double decode_rate(const std::vector<Bytes>& encoded) const {
    DecodeOptions options;
    options.decoding = decoding_;
    return rate(encoded.size(), [&](size_t i) { decode_image(encoded[i], concat(data_, " image ", i), options); });
  }

  /// Windows of training, decoded beforehand.
  std::vector<Image> windows_of(const std::vector<Bytes>& encoded) const {
    std::vector<Image> windows;
    for (size_t i = 0; i < encoded.size(); ++i) {
      Random random(0, RandomPurpose::kAugment, 0, i);
      windows.push_back(decode_window(encoded[i], concat(data_, " image ", i), [&](ImageSize size) {
        return sample_box(size.height, size.width, {}, SampleBoxOptions{}, random);
      }));
    }
    return windows;
  }

  double resize_rate(const std::vector<Bytes>& encoded) const {
    const int side = Preprocessing::from_type(preprocessing_).train_size;
    const std::vector<Image> windows = windows_of(encoded);
    return rate(windows.size(), [&](size_t i) {
      thread_local std::vector<float> output;
      output.resize(static_cast<size_t>(side) * side * Image::kChannels);
      resize_bilinear(windows[i], side, side, output);
    });
  }

  /// On crops of training's size, each with operations of its own, copying included.
  double augment_rate(const std::vector<Bytes>& encoded, const AutoAugmentPolicy& policy) const {
    const int side = Preprocessing::from_type(preprocessing_).train_size;
    std::vector<Image> crops;
    std::vector<float> resized(static_cast<size_t>(side) * side * Image::kChannels);
    for (const Image& window : windows_of(encoded)) {
      resize_bilinear(window, side, side, resized);
      crops.push_back({side, side, {resized.begin(), resized.end()}});
    }
    std::atomic<uint64_t> calls = 0;
    return rate(crops.size(), [&](size_t i) {
      Random random(0, RandomPurpose::kAugment, 0, calls++);
      Image image = crops[i];
      auto_augment(image, policy, random);
    });
  }

  /// @param side of the crops instead of the type's; 0: the type's
  double loader_rate(const std::vector<Bytes>& encoded, bool training, int side,
                     const AutoAugmentPolicy* policy = nullptr) const {
    LoaderOptions options;
    options.batch_size = batch_size_;
    options.threads = threads_;
    options.training = training;
    options.decoding = decoding_;
    options.preprocessing = Preprocessing::from_type(preprocessing_);
    if (side > 0) options.preprocessing.train_size = side;
    options.augmentation.auto_augment = policy;
    const RepeatedImages dataset(encoded, batch_size_ * 10000, data_);
    Loader loader(dataset, options);
    std::vector<double> rates;
    Batch batch;
    for (int64_t repeat = 0; repeat < repeats_; ++repeat) {
      loader.start(repeat);
      loader.next(batch);  // the first batches are made while nobody counts
      int64_t images = 0;
      const auto start = Clock::now();
      while (seconds_since(start) < seconds_ && loader.next(batch)) images += batch.size;
      rates.push_back(static_cast<double>(images) / seconds_since(start));
    }
    return percentile(rates, 0.5);
  }

  std::string data_;
  RecordFiles files_;
  std::string preprocessing_ = "imagenet";
  Decoding decoding_ = Decoding::kExact;
  std::string policy_ = "imagenet";
  int threads_ = 0;
  int64_t images_ = 256;
  int64_t batch_size_ = 64;
  int64_t repeats_ = 5;
  double seconds_ = 2;
};

}  // namespace

std::unique_ptr<Subcommand> make_data_benchmark() { return std::make_unique<DataBenchmark>(); }

}  // namespace assemble::cli
