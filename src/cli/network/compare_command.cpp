// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/paired_answers.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "assemble/report/report.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/evaluation.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kShown = 24;  // images about which they differ

/// A network's answer to one image.
struct Answer {
  int64_t label = 0;
  int64_t predicted = 0;
  double probability = 0;
};

/// A network and its answers, by the images' places in the data set.
struct Answers {
  std::string name;
  std::string file;
  std::string arch;
  int64_t bytes = 0;
  double seconds = 0;  ///< of the network alone
  std::vector<std::string> class_names = {};
  ClassificationResult result = {};
  std::map<int64_t, Answer> of = {};

  bool is_right(int64_t image) const { return of.at(image).predicted == of.at(image).label; }
  double images_per_second() const { return static_cast<double>(of.size()) / seconds; }
};

std::string percent(double share) { return format_number(100 * share, 2) + " %"; }

class CompareCommand : public Subcommand {
 public:
  CompareCommand() : Subcommand("compare", "Several models on the same images: which is better, by how much, where") {}

  std::string purpose() const override {
    return "Asks several models about the same images and says whether one is better than chance explains: difference "
           "of top-1 with an interval, McNemar's test, size and speed beside them, and the images about which they "
           "differ.";
  }
  std::vector<Example> examples() const override {
    return {{"Compare two models, with a page of where they differ",
             "assemble compare runs/photos/best.safetensors runs/own/best.safetensors --data photos --report "
             "compared.html"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("models", models_,
                   "Model files, or .onnx or .xml files of any program; the first is what the others are compared with")
        ->required();
    app.add_option("--data", options_.data, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--report", report_, "Page that shows it, with images about which they differ");
    options_.declare(app);
    declare_views(app, options_.loader.views);
  }

  void run() override {
    keep_freed_memory();
    if (models_.size() < 2) throw UsageError("compare", "needs two models or more", "`eval` measures one");
    std::vector<std::string> inputs = models_;
    inputs.push_back(options_.data);
    if (!report_.empty()) prepare_output_file("--report", report_, inputs);
    const auto dataset = options_.open();
    std::vector<Answers> all;
    for (size_t i = 0; i < models_.size(); ++i) all.push_back(ask(*dataset, models_[i], names()[i]));
    keep_common(all);
    std::vector<PairedAnswers> pairs;
    for (size_t i = 1; i < all.size(); ++i) pairs.push_back(pair_answers(rights(all[0]), rights(all[i])));
    ordered_json json = to_json(all, pairs);
    if (!report_.empty()) {
      write_file(report_, answers_report(page(all, pairs, *dataset)));
      json["report"] = report_;
    }
    print(json, format_table(measures(all)) + "\n" + format_table(differences(all, pairs)) + explanation());
  }

 private:
  /// File names, with as many folders as tell them apart.
  std::vector<std::string> names() const {
    for (int folders = 0; folders < 8; ++folders) {
      std::vector<std::string> names;
      for (const fs::path file : models_) {
        fs::path name = file.filename();
        fs::path above = file.parent_path();
        for (int i = 0; i < folders && above.has_filename(); ++i, above = above.parent_path()) {
          name = above.filename() / name;
        }
        names.push_back(name.string());
      }
      if (std::set(names.begin(), names.end()).size() == names.size()) return names;
    }
    return models_;
  }

  Answers ask(const Dataset& dataset, const std::string& file, const std::string& name) {
    PairedModels model = load_paired(options_, {.models = {file}}, dataset, name);
    EnsembleMember& member = model.members.front();
    Answers answers{.name = name,
                    .file = file,
                    .arch = model.card.arch,
                    .bytes = static_cast<int64_t>(fs::file_size(file)),
                    .class_names = model.pairing.names()};
    member.network = [&answers, network = member.network](const Images& images) {
      const auto start = Clock::now();
      Matrix logits = network(images);
      answers.seconds += seconds_since(start);
      return logits;
    };
    const auto watch = [&](const Batch& batch, const Matrix& logits) {
      const Matrix probabilities = to_probabilities(logits, member.outputs.loss);
      for (int64_t i = 0; i < batch.size; ++i) {
        const int64_t best = best_classes(logits.row(i), 1).front();
        answers.of[batch.indices[static_cast<size_t>(i)]] = {batch.labels[static_cast<size_t>(i)], best,
                                                             probabilities.row(i)[static_cast<size_t>(best)]};
      }
    };
    answers.result = evaluate_paired(options_, dataset, model, "evaluating " + name, watch).result();
    return answers;
  }

  /// The images that all have answered; one may be broken for a network alone, by its preprocessing.
  static void keep_common(std::vector<Answers>& all) {
    for (Answers& answers : all) {
      std::erase_if(answers.of, [&](const auto& answer) {
        return std::ranges::any_of(all, [&](const Answers& other) { return !other.of.contains(answer.first); });
      });
    }
    if (all.front().of.empty()) throw InputError("compare", "no image was answered by all models");
  }

  static std::vector<uint8_t> rights(const Answers& answers) {
    std::vector<uint8_t> rights;
    for (const auto& [image, answer] : answers.of) rights.push_back(answers.is_right(image) ? 1 : 0);
    return rights;
  }

  static std::vector<std::vector<std::string>> measures(const std::vector<Answers>& all) {
    std::vector<std::vector<std::string>> rows{
        {"model", "arch", "images", "top-1", "top-5", "balanced", "ECE", "loss", "MB", "images/s"}};
    for (const Answers& answers : all) {
      const ClassificationResult& result = answers.result;
      rows.push_back({answers.name, answers.arch, concat(result.images), percent(result.top1), percent(result.top5),
                      percent(result.balanced_accuracy()), format_number(result.ece, 4), format_number(result.loss, 4),
                      format_number(static_cast<double>(answers.bytes) / 1e6, 2),
                      format_number(answers.images_per_second(), 1)});
    }
    return rows;
  }

  static std::vector<std::vector<std::string>> differences(const std::vector<Answers>& all,
                                                           const std::vector<PairedAnswers>& pairs) {
    std::vector<std::vector<std::string>> rows{
        {"against " + all[0].name, "top-1", "95 % interval", "right alone", "the first alone", "McNemar p"}};
    for (size_t i = 0; i < pairs.size(); ++i) {
      const PairedAnswers& pair = pairs[i];
      rows.push_back({all[i + 1].name, signed_points(pair.difference),
                      concat(signed_points(pair.low), " … ", signed_points(pair.high)), concat(pair.only_second),
                      concat(pair.only_first), format_number(pair.p, 4) + (pair.p < 0.05 ? " *" : "")});
    }
    return rows;
  }

  static std::string signed_points(double share) {
    return (share < 0 ? "−" : "+") + format_number(100 * std::abs(share), 2);
  }

  static std::string explanation() {
    return "\nTop-1 in points; the interval is over resampled images. p: that two equally good models split so "
           "unevenly "
           "on the images that one alone has right; a star: below 0.05. images/s: the network alone, in this run.\n";
  }

  ordered_json to_json(const std::vector<Answers>& all, const std::vector<PairedAnswers>& pairs) const {
    ordered_json json{{"data", options_.data},
                      {"split", kSplits.name(options_.split)},
                      {"images", all.front().of.size()},
                      {"views", kTestViews.name(options_.loader.views)}};
    for (const Answers& answers : all) {
      json["models"].push_back({{"name", answers.name},
                                {"file", answers.file},
                                {"arch", answers.arch},
                                {"top1", answers.result.top1},
                                {"top5", answers.result.top5},
                                {"balanced_accuracy", answers.result.balanced_accuracy()},
                                {"ece", answers.result.ece},
                                {"loss", answers.result.loss},
                                {"bytes", answers.bytes},
                                {"images_per_second", answers.images_per_second()}});
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      json["against_first"].push_back({{"name", all[i + 1].name},
                                       {"top1_difference", pairs[i].difference},
                                       {"low", pairs[i].low},
                                       {"high", pairs[i].high},
                                       {"right_alone", pairs[i].only_second},
                                       {"first_right_alone", pairs[i].only_first},
                                       {"mcnemar_p", pairs[i].p}});
    }
    return json;
  }

  AnswersPage page(const std::vector<Answers>& all, const std::vector<PairedAnswers>& pairs,
                   const Dataset& dataset) const {
    AnswersPage page{
        .title = concat(all.size(), " models on ", fs::path(options_.data).lexically_normal().filename().string()),
        .introduction = {concat("The ", kSplits.name(options_.split), " images of ", options_.data, ".")},
        .networks = {},
        .reliability = {},
        .tables = {{"", measures(all)}, {explanation(), differences(all, pairs)}},
        .differences = differing(all, dataset)};
    for (const Answers& answers : all) {
      page.networks.push_back(answers.name);
      page.reliability.push_back(answers.result.reliability);
    }
    return page;
  }

  /// Images that some have right and others have not, those first of which the wrong ones are surest.
  Gallery differing(const std::vector<Answers>& all, const Dataset& dataset) const {
    std::vector<std::pair<double, int64_t>> by_confidence;
    for (const auto& [image, answer] : all.front().of) {
      double surest = 0;
      size_t right = 0;
      for (const Answers& answers : all) {
        right += answers.is_right(image) ? 1 : 0;
        if (!answers.is_right(image)) surest = std::max(surest, answers.of.at(image).probability);
      }
      if (right > 0 && right < all.size()) by_confidence.emplace_back(-surest, image);
    }
    std::sort(by_confidence.begin(), by_confidence.end());
    Gallery gallery{"",
                    concat(by_confidence.size(),
                           " images are right for some and wrong for others. Here are those of "
                           "which the wrong ones were surest."),
                    {}};
    by_confidence.resize(std::min(by_confidence.size(), kShown));
    for (const auto& [confidence, image] : by_confidence) {
      const Sample sample = dataset.read(image);
      ClassifiedImage shown{thumbnail(sample), sample.name, "", {}};
      for (const Answers& answers : all) {
        const Answer& answer = answers.of.at(image);
        shown.class_name = answers.class_names[static_cast<size_t>(answer.label)];
        shown.predictions.push_back(
            {sample.name,
             {{answer.predicted, answers.class_names[static_cast<size_t>(answer.predicted)], answer.probability}},
             ""});
      }
      shown.description = concat(shown_class(shown.class_name), ", ", fs::path(sample.name).filename().string());
      gallery.images.push_back(std::move(shown));
    }
    return gallery;
  }

  static Bytes thumbnail(const Sample& sample) {
    constexpr int kSide = 160;
    return encode_jpeg(resize_and_crop(decode_image(sample.encoded, sample.name), kSide, kSide, sample.name), 85);
  }

  std::vector<std::string> models_;
  std::string report_;
  EvaluationOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_compare_command() { return std::make_unique<CompareCommand>(); }

}  // namespace assemble::cli
