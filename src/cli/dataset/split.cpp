// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/split.h"

#include <algorithm>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "dataset/dataset.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

class SplitCommand : public Subcommand {
 public:
  SplitCommand() : Subcommand("split", "Draw validation and test images from a data set that has none") {}

  std::string purpose() const override {
    return "Says which images of a folder of classes, or of a label file, validate and test. Images are drawn class by "
           "class, by a hash of their path, so a folder that grows keeps nearly all of its split; what belongs "
           "together "
           "can be kept together. It writes a list or fills a folder, and only reads the data.";
  }
  std::vector<Example> examples() const override {
    return {{"A tenth validates, a tenth tests: a list to train with",
             "assemble dataset split all-photos --validation 0.1 --test 0.1 --list split.csv"},
            {"Near duplicates stay in one split; a folder of links",
             "assemble dataset split all-photos --together duplicates --out photos-split --method hard-link"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("data,--data", data_, "Data set without splits: folders of classes, or a label file")->required();
    app.add_option("--validation", options_.validation, "Share of each class that validates")->transform(share());
    app.add_option("--test", options_.test, "Share of each class that tests")->transform(share());
    app.add_option("--seed", options_.seed, "Another one draws other images")->transform(seed());
    app.add_option_function<std::vector<std::string>>(
           "--together",
           [this](const std::vector<std::string>& words) {
             options_.together.clear();
             for (const std::string& word : words) options_.together.push_back(kTogether.parse(word));
           },
           "What stays in one split: images of one folder, of one part of their names (--name-pattern), duplicates and "
           "near duplicates; several words are joined")
        ->check(one_of(kTogether.names()));
    app.add_option("--name-pattern", options_.name_pattern,
                   "Regular expression of file names, whose first group tells what stays together: 'patient([0-9]+)'");
    app.add_option("--list", list_, "Label file to write, .csv: path, class and split of every image");
    app.add_option("--out", out_, "Folder to fill: SPLIT/CLASS/IMAGE");
    add_choice(app, "--method", method_, nullptr, kCopyMethods,
               "How files come into --out; links need no room and follow the originals (default: copy)");
    app.add_option("--loader-threads", options_.threads, "Threads that look for duplicates; 0: every core")
        ->transform(thread_count());
  }

  void run() override {
    if (list_.empty() == out_.empty()) throw UsageError("--list and --out", "expected one of them");
    if (method_ && out_.empty()) throw UsageError("--method", "has no effect without --out");
    const fs::path root = images_root(data_);
    if (!out_.empty()) check_output_folder("--out", out_, {root.string()});
    if (!list_.empty()) {
      if (to_lower(fs::path(list_).extension().string()) != ".csv") {
        throw UsageError("--list", concat("'", list_, "' is no .csv file"), "give it that extension");
      }
      prepare_output_file("--list", list_, {data_});
    }
    const SplitPlan plan = plan_split(data_, open_splits(data_, {}, /*several=*/true), options_);
    ordered_json json = to_json(plan);
    std::string text = to_text(plan);
    if (!list_.empty()) {
      write_file(list_, std::string_view(label_file_text(plan.rows, plan.several)));
      json["list"] = list_;
      text += concat("\n", list_, ": use it with --data ", root.string(), " --split-file ", list_, "\n");
    } else {
      const CopiedFiles done = copy_split(data_, plan, out_, method_.value_or(CopyMethod::kCopy));
      json["out"] = out_;
      json["copied"] = done.copied;
      json["kept"] = done.kept;
      text += concat("\n", out_, ": ", done.copied, " images",
                     done.kept > 0 ? concat(", ", done.kept, " were there") : "", "\n");
    }
    print(json, text);
  }

 private:
  static std::array<int64_t, 3> totals(const SplitPlan& plan) {
    std::array<int64_t, 3> all{};
    for (const auto& counts : plan.counts) {
      for (size_t s = 0; s < all.size(); ++s) all[s] += counts[s];
    }
    return all;
  }

  /// What an asked-for split has none of.
  std::vector<std::string> absences(const std::array<int64_t, 3>& counts) const {
    std::vector<std::string> absent;
    if (counts[0] == 0) absent.emplace_back(split_name(Split::kTrain));
    if (counts[1] == 0 && options_.validation > 0) absent.emplace_back(split_name(Split::kValidation));
    if (counts[2] == 0 && options_.test > 0) absent.emplace_back(split_name(Split::kTest));
    return absent;
  }

  ordered_json to_json(const SplitPlan& plan) const {
    const auto all = totals(plan);
    ordered_json classes = ordered_json::array();
    for (size_t c = 0; c < plan.classes.size(); ++c) {
      const auto& counts = plan.counts[c];
      classes.push_back({{"name", plan.classes[c]},
                         {"train_images", counts[0]},
                         {"validation_images", counts[1]},
                         {"test_images", counts[2]},
                         {"absent_from", absences(counts)}});
    }
    return {{"images", plan.rows.size()},   {"train_images", all[0]}, {"validation_images", all[1]},
            {"test_images", all[2]},        {"groups", plan.groups},  {"seed", options_.seed},
            {"classes", std::move(classes)}};
  }

  std::string to_text(const SplitPlan& plan) const {
    constexpr size_t kMostClasses = 10;
    std::vector<std::vector<std::string>> rows{{"class", "training", "validation", "test"}};
    const auto add = [&](const std::string& name, const std::array<int64_t, 3>& counts) {
      rows.push_back({name, concat(counts[0]), concat(counts[1]), concat(counts[2])});
    };
    std::vector<std::string> lacks;
    for (size_t c = 0; c < plan.classes.size(); ++c) {
      add(shown_class(plan.classes[c]), plan.counts[c]);
      const std::vector<std::string> absent = absences(plan.counts[c]);
      if (!absent.empty()) lacks.push_back(concat(shown_class(plan.classes[c]), ": none in ", join(absent, ", ")));
    }
    add("all", totals(plan));
    std::string text = format_table(rows);
    if (plan.groups > 0) text += concat("\n", plan.groups, " groups of images stay together\n");
    if (!lacks.empty()) text += "\n";
    for (size_t i = 0; i < std::min(lacks.size(), kMostClasses); ++i) text += lacks[i] + "\n";
    if (lacks.size() > kMostClasses) text += concat("and ", lacks.size() - kMostClasses, " classes more\n");
    return text;
  }

  std::string data_, list_, out_;
  std::optional<CopyMethod> method_;
  SplitOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_split_command() { return std::make_unique<SplitCommand>(); }

}  // namespace assemble::cli
