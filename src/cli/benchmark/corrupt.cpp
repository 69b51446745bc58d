// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/open_images.h"
#include "assemble/image/decode.h"
#include "assemble/image/resize.h"
#include "benchmark/benchmark.h"
#include "common/corruption_options.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

/// Milliseconds an image and corruption, on one core.
class CorruptBenchmark : public Subcommand {
 public:
  CorruptBenchmark() : Subcommand("corrupt", "Milliseconds an image of each corruption, on one core") {}

  std::string purpose() const override { return "Measures milliseconds an image of each corruption, on one core."; }
  std::vector<Example> examples() const override {
    return {{"Measure them on your images", "assemble benchmark corrupt --data photos"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--data", data_, "Data set, or any images: a folder, an archive, a file")->required();
    declare_record_files(app, files_);
    options_.declare(app);
    app.add_option("--severities", severities_, "Which of 1 to 5, separated by commas")
        ->transform(whole(1, 5))
        ->delimiter(',');
    app.add_option("--resize", resize_, "Short side before the crop, pixels; 0: as it is")->transform(side(0));
    app.add_option("--crop", crop_, "Side of the square cut from the middle, pixels; 0: none")->transform(side(0));
    app.add_option("--images", images_, "Images to measure on")->transform(at_least(1));
    app.add_option("--repeats", repeats_, "Times an image is corrupted")->transform(at_least(1));
  }

  void run() override {
    keep_freed_memory();
    const std::vector<std::string>& corruptions = options_.chosen();
    for (const int severity : severities_) check_severity(severity);
    const std::vector<Image> images = read_images();
    Progress progress("corrupting", static_cast<int64_t>(corruptions.size()), "corruptions");
    nlohmann::ordered_json milliseconds = nlohmann::ordered_json::object();
    std::vector<std::vector<std::string>> rows{{"corruption", "ms an image"}};
    for (const std::string& corruption : corruptions) {
      double sum = 0;
      for (const int severity : severities_) sum += median(images, corruption, severity);
      const double mean = sum / static_cast<double>(severities_.size());
      milliseconds[corruption] = mean;
      rows.push_back({corruption, format_number(mean, 3)});
      progress.advance(1);
    }
    progress.finish();
    print({{"milliseconds", milliseconds},
           {"images", images.size()},
           {"height", images.front().height},
           {"width", images.front().width},
           {"severities", severities_},
           {"cpu", cpu_name()}},
          format_table(rows));
  }

 private:
  std::vector<Image> read_images() const {
    const auto dataset = open_images(data_, std::nullopt, Split::kValidation, files_);
    const int64_t count = std::min(images_, dataset->size());
    std::vector<Image> images;
    for (int64_t i = 0; i < count; ++i) {
      try {
        const Sample sample = dataset->read(i * dataset->size() / count);
        images.push_back(resize_and_crop(decode_image(sample.encoded, sample.name), resize_, crop_, sample.name));
      } catch (const InputError& error) {
        log_warning(concat(error.what(), "; left out"));
      }
    }
    if (images.empty()) throw InputError(data_, "no image can be used", "see the warnings above");
    return images;
  }

  double median(const std::vector<Image>& images, const std::string& corruption, int severity) const {
    std::vector<double> times;
    (void)corrupt(images.front(), corruption, severity, 0);  // makes the tables that all images share
    for (int repeat = 0; repeat < repeats_; ++repeat) {
      for (size_t i = 0; i < images.size(); ++i) {
        const auto start = Clock::now();
        (void)corrupt(images[i], corruption, severity, i);
        times.push_back(1e3 * seconds_since(start));
      }
    }
    return percentile(times, 0.5);
  }

  std::string data_;
  RecordFiles files_;
  CorruptionOptions options_;
  std::vector<int> severities_{1, 2, 3, 4, 5};
  int resize_ = 256;
  int crop_ = 224;
  int64_t images_ = 16;
  int repeats_ = 3;
};

}  // namespace

std::unique_ptr<Subcommand> make_corrupt_benchmark() { return std::make_unique<CorruptBenchmark>(); }

}  // namespace assemble::cli
