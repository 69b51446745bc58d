// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/data/label_file.h"
#include "assemble/eval/label_scores.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/dataset_page.h"
#include "common/inference.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "dataset/dataset.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

/// What --fix does.
enum class Fix { kList, kCopy };
constexpr auto kFixes = choices<Fix>("fix", {{Fix::kList, "list"}, {Fix::kCopy, "copy"}});

class CheckCommand : public Subcommand {
 public:
  explicit CheckCommand(const Hooks& hooks)
      : Subcommand("check", "Find duplicates, leaks, broken and odd images, small classes, wrong labels"),
        hooks_(hooks) {}

  std::string purpose() const override {
    return "Looks at every image for what spoils a model quietly: copies, also scaled, cropped or mirrored ones, that "
           "lie in training and in validation; files that cannot be read; blurred, dark and odd ones; photos that a "
           "tag turns; classes with too few images; with --model also likely wrong labels. The data set is only read.";
  }
  std::vector<Example> examples() const override {
    return {{"Look at a data set, with a page of the images", "assemble dataset check photos --report check.html"},
            {"Make a copy without what is broken or there twice",
             "assemble dataset check photos --fix copy --out photos-clean"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("data,--data", data_,
                   "Data set: folders of classes, a folder of images, a label file, TFRecords, tar or zip")
        ->required();
    app.add_option("--report", report_, "Page to write that shows what was found, an .html file");
    CLI::Option* fix = add_choice(app, "--fix", fix_, nullptr, kFixes,
                                  "list: write the paths of the images to leave out; copy: a copy without them");
    CLI::Option* out = app.add_option("--out", out_, "File of the list, or folder of the copy, of --fix");
    fix->needs(out);
    out->needs(fix);
    app.add_option("--leave-out", leave_out_, "What --fix leaves out")->check(one_of(left_out_kinds()))->needs(fix);
    app.add_option("--loader-threads", options_.threads, "Threads that read images; 0: every core")
        ->transform(thread_count());
    declare_record_files(app, files_);
    CLI::Option* model =
        app.add_option("--model", inference_.model,
                       "Model file, or .onnx or .xml file of any program, whose embeddings tell wrong labels");
    CLI::Option* folds =
        app.add_option(
               "--folds", folds_,
               "Trains so many networks, each without a part of the images, whose labels it then judges; 0: none")
            ->transform(whole(0, 20))
            ->excludes(model);
    app.add_option("--minutes", minutes_, "Time of those trainings")->transform(positive())->needs(folds);
    inference_.declare(app);
  }

  void run() override {
    if (!report_.empty()) prepare_output_file("--report", report_, {data_, inference_.model});
    if (fix_ == Fix::kList) prepare_output_file("--out", out_, {data_, inference_.model, report_});
    if (fix_ == Fix::kCopy) check_output_folder("--out", out_, {data_});
    if (folds_ == 1) throw UsageError("--folds", "1 leaves no images to train on", "use 2 to 20");
    if (folds_ > 0 && !hooks_.held_out_logits) throw NeedsTorch("dataset check --folds");
    std::optional<LoadedModel> model;
    if (!inference_.model.empty()) model = load_embedder(inference_, LoaderOptions().batch_size);
    const std::vector<OpenSplit> splits = open_splits(data_, files_);
    CheckResult result = check_dataset(images_root(data_), splits, options_);
    if (model) score_labels(result, splits, model->network, inference_.model, loader_options(*model));
    if (folds_ > 0) {
      score_labels(result, splits, folds_, [&](const Dataset& images, const std::vector<int>& part_of_each) {
        return hooks_.held_out_logits(images, part_of_each, minutes_);
      });
    }
    ordered_json json = to_json(result);
    std::string text = to_text(result);
    if (fix_) write_fixed(splits, result, json, text);
    if (!report_.empty()) write_report(splits, result, json, text);
    print(json, text);
  }

 private:
  LoaderOptions loader_options(const LoadedModel& model) const {
    LoaderOptions loader;
    loader.threads = options_.threads;
    loader.preprocessing = model.card.preprocessing;
    return loader;
  }

  static std::string to_text(const CheckResult& result) {
    constexpr size_t kMostClasses = 10;
    std::string text;
    for (const CheckedSplit& split : result.splits) {
      text += concat(split.name, ": ", split.images, ", ", split.source, "\n");
      for (const std::string& defect : split.defects) text += concat("  damage: ", one_line(defect), "\n");
    }
    const std::vector<std::vector<std::string>> rows = table_of(findings_of(result), result);
    text += rows.size() > 1 ? "\n" + format_table(rows) : "\nnothing odd about the images\n";
    for (const ImageFault fault : result.of_most) {
      text += concat("most images are ", kImageFaults.name(fault), ": taken as the nature of the set\n");
    }
    const size_t shown = std::min(result.class_findings.size(), kMostClasses);
    for (size_t i = 0; i < shown; ++i) {
      const ClassFinding& finding = result.class_findings[i];
      text += concat(i == 0 ? "\n" : "", "class ", shown_class(finding.class_name), " ", finding.what, "\n");
    }
    if (shown < result.class_findings.size()) {
      text += concat("and ", result.class_findings.size() - shown, " more about classes\n");
    }
    return text;
  }

  void write_fixed(const std::vector<OpenSplit>& splits, const CheckResult& result, ordered_json& json,
                   std::string& text) const {
    const std::vector<LeftOut> without = left_out(result, leave_out_);
    json["left_out"] = without.size();
    json["out"] = out_;
    if (fix_ == Fix::kList) {
      write_file(out_, std::string_view(list_left_out(images_root(data_), splits, result, without)));
      text += concat("\n", out_, ": ", without.size(), " images to leave out\n");
      return;
    }
    const CopiedFiles copy = copy_cleaned(images_root(data_), splits, result, without, out_);
    json["copied"] = copy.copied;
    json["kept"] = copy.kept;
    text += concat("\n", out_, ": a copy without ", without.size(), " images, of ", copy.copied + copy.kept, "\n");
  }

  void write_report(const std::vector<OpenSplit>& splits, const CheckResult& result, ordered_json& json,
                    std::string& text) const {
    write_file(report_, std::string_view(dataset_page(data_, splits, result)));
    json["report"] = report_;
    text += concat("\n", report_, " shows them\n");
  }

  Hooks hooks_;
  std::string data_, report_, out_;
  std::optional<Fix> fix_;
  std::vector<std::string> leave_out_{"broken", "duplicates", "near_duplicates"};
  RecordFiles files_;
  CheckOptions options_;
  int folds_ = 0;
  double minutes_ = 5;
  InferenceOptions inference_;
};

}  // namespace

std::unique_ptr<Subcommand> make_check_command(const Hooks& hooks) { return std::make_unique<CheckCommand>(hooks); }

}  // namespace assemble::cli
