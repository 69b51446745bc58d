// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/explain.h"
#include "assemble/eval/multi_label.h"
#include "assemble/eval/retrieval.h"
#include "assemble/report/report.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/config.h"
#include "common/evaluation.h"
#include "common/hooks.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/sharing.h"

namespace assemble::cli {
namespace {

class EvalCommand : public Subcommand {
 public:
  explicit EvalCommand(const Hooks& hooks)
      : Subcommand("eval", "Measure a model: top-1, top-5, calibration, per class, confusion; or retrieval"),
        hooks_(hooks) {}

  std::string purpose() const override {
    return "Measures a model on labelled images it was not trained on: top-1 and top-5 accuracy, how far its "
           "probabilities can be believed, precision and recall of each class, which classes it takes for which. With "
           "--retrieval it compares embeddings instead, whose classes may be any.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure a model on the validation images",
             "assemble eval --model runs/photos/best.safetensors --data photos"},
            {"With a page of the confusion and the surest mistakes",
             "assemble eval --model runs/photos/best.safetensors --data photos --report eval.html"},
            {"Recall@k of embeddings", "assemble eval --model runs/birds/best.safetensors --data birds --retrieval"}};
  }

  void declare(CLI::App& app) override {
    models_.declare(app);
    app.add_option("--data", options_.data, "Data set: folders of classes, or TFRecords")->required();
    options_.declare(app);
    app.add_option("--eval-size", options_.eval_size, "Side of the crop; 0: the model's own")->transform(side(0));
    app.add_option("--report", report_, "Page that shows it: classes, confusion, calibration, the surest mistakes");
    add_choice(app, "--decode", options_.loader.decoding, kDecodings,
               "exact (the original's pixels) or fast (fast integer DCT, plain chroma upsampling, large images "
               "decoded at 1/2, 1/4 or 1/8 size: measures change in the third digit)");
    sharing_.declare(app, "Processes that share the evaluation, each a part of the images");
    const char* group = "Retrieval";
    CLI::Option* retrieval =
        app.add_flag("--retrieval", retrieval_, "Compare embeddings: recall@k, map@r; the classes may be any")
            ->group(group);
    add_choice(app, "--similarity", similarity_, kSimilarities, "Of embeddings")->needs(retrieval)->group(group);
    app.add_option("--recall-at", recall_at_, "Values of k")->transform(at_least(1))->needs(retrieval)->group(group);
    app.add_option("--distractors", distractors_, "Folder of images, or TFRecords, that are in the index only")
        ->needs(retrieval)
        ->group(group);
  }

  void run() override {
    keep_freed_memory();
    if (!report_.empty()) {
      if (retrieval_) throw UsageError("--report", "is of classes, which --retrieval has none of");
      std::vector<std::string> inputs = models_.models;
      inputs.push_back(options_.data);
      prepare_output_file("--report", report_, inputs);
    }
    LoaderOptions& loader = options_.loader;
    loader.memory = hooks_.memory_for(options_.inference);
    if (retrieval_) return retrieve();
    loader.views = models_.views;
    sharing_.run(hooks_, [&](Exchange& ranks) { classify(ranks); });
  }

 private:
  void classify(Exchange& ranks) {
    require_same_options(ranks, effective_config(app()));
    LoaderOptions& loader = options_.loader;
    loader.rank = ranks.rank();
    loader.world = ranks.world();
    sharing_.share_machine(hooks_, options_.inference, loader.threads);
    const auto dataset = options_.open(/*several=*/true);
    const PairedModels models = load_paired(options_, models_, *dataset);
    require_same(ranks, {{"images", std::to_string(dataset->size())},
                         {"names of the classes", hash_of(join(models.pairing.names(), "\n"))},
                         {"models", join(content_hashes(), " ")}});
    if (dataset->multi_label()) return measure_several(*dataset, models, ranks);
    Mistakes mistakes(models.members.back().preprocessing, models.card.loss);
    ClassificationMeter meter = evaluate_paired(
        options_, *dataset, models, "evaluating",
        report_.empty() ? EvaluationWatch()
                        : [&](const Batch& batch, const Matrix& logits) { mistakes.add(batch, logits); });
    const bool has_all = add_other_parts(
        ranks, meter.sums(), [&](const std::string& part, const std::string& rank) { meter.add_sums(part, rank); });
    if (!has_all) return;
    report(meter.result(), models, mistakes);
  }

  static std::string hash_of(const std::string& text) {
    return content_hash(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }

  std::vector<std::string> content_hashes() const {
    std::vector<std::string> hashes;
    for (const std::string& model : models_.models) hashes.push_back(content_hash(model));
    return hashes;
  }

  void report(const ClassificationResult& result, const PairedModels& models, const Mistakes& mistakes) const {
    if (!report_.empty()) write_file(report_, evaluation_report(page(result, models, mistakes)));
    show(to_json(result, models.pairing.names()), to_text(result, models.pairing.names()), models.pairing);
  }

  /// With how classes met outputs, what was averaged and where the page is.
  void show(nlohmann::ordered_json json, std::string text, const ClassPairing& pairing) const {
    json["class_pairing"] = pairing.to_json();
    if (!pairing.same()) text += "\n" + pairing.to_text() + "\n";
    if (models_.averages()) {
      json["averaged"] = models_.to_json();
      text += "\n" + models_.to_text() + "\n";
    }
    if (!report_.empty()) json["report"] = report_;
    print(json, text);
  }

  /// Of images for which any number of classes may be right.
  void measure_several(const Dataset& dataset, const PairedModels& models, Exchange& ranks) {
    if (models.card.loss != LossType::kSigmoid) {
      throw InputError(models_.names(),
                       concat("picks one class an image (its loss is ", kLossTypes.name(models.card.loss), "), ",
                              options_.data, " has several"),
                       "evaluate a model that was trained with --loss sigmoid");
    }
    const std::vector<std::string>& names = models.pairing.names();
    MultiLabelMeter meter(static_cast<int64_t>(names.size()));
    run_paired(options_, dataset, models, "evaluating",
               [&](const Batch& batch, const Matrix& logits) { meter.add(logits, batch.targets); });
    const bool has_all = add_other_parts(
        ranks, meter.part(), [&](const std::string& part, const std::string& rank) { meter.add_part(part, rank); });
    if (!has_all) return;
    const MultiLabelResult result = meter.result();
    if (!report_.empty()) {
      write_file(report_, multi_label_report({.title = title(),
                                              .introduction = introduction(models),
                                              .training = {},
                                              .tables = {},
                                              .result = result,
                                              .class_names = names}));
    }
    show(to_json(result, names), to_text(result, names), models.pairing);
  }

  std::string title() const {
    return concat(models_.names(), " on ", fs::path(options_.data).lexically_normal().filename().string());
  }

  std::vector<std::string> introduction(const PairedModels& models) const {
    std::vector<std::string> introduction{concat("The ", kSplits.name(options_.split), " images of ", options_.data,
                                                 ", in crops of ", models.members.back().preprocessing.eval_size,
                                                 " pixels, as ", join(models_.models, " and "), " (", models.card.arch,
                                                 models.members.size() > 1 ? " …" : "", ") classifies them.")};
    if (models_.averages()) introduction.push_back(models_.to_text());
    return introduction;
  }

  EvaluationPage page(const ClassificationResult& result, const PairedModels& models, const Mistakes& mistakes) const {
    return {.title = title(),
            .introduction = introduction(models),
            .training = {},
            .tables = {},
            .result = result,
            .class_names = models.pairing.names(),
            .mistakes = mistakes.kept(),
            .overlays = overlays(models, mistakes)};
  }

  /// Nothing for several models, and for one whose classes cannot be looked for.
  std::vector<Image> overlays(const PairedModels& models, const Mistakes& mistakes) const {
    if (mistakes.kept().empty() || models.members.size() > 1) return {};
    const Preprocessing& preprocessing = models.members.front().preprocessing;
    try {
      MappedModel model =
          open_activation_mapper(models_.models.front(), preprocessing.eval_size, options_.inference.foreign);
      return mistake_overlays(model.mapper, mistakes.kept(), preprocessing,
                              [&](int64_t column) { return models.pairing.output(column); });
    } catch (const Error& error) {
      log_info(concat("the page shows no class activations: ", error.what()));
      return {};
    }
  }

  /// @param add takes what another process found, and the process' name
  /// @return whether this process is the one that has what all found
  static bool add_other_parts(Exchange& ranks, const std::string& own,
                              const std::function<void(const std::string&, const std::string&)>& add) {
    const std::vector<std::string> parts = ranks.gather(own);
    for (size_t rank = 1; rank < parts.size(); ++rank) add(parts[rank], concat("rank ", rank));
    return ranks.is_first();
  }

  EmbeddedImages embed(const Network& embedder, const Dataset& dataset, const std::string& progress) const {
    Loader loader(dataset, options_.loader);
    EmbeddedImages images = embed_images(embedder, options_.inference.model, loader, progress);
    warn_of_broken(loader);
    return images;
  }

  void check_retrieval() const {
    if (options_.pairing.given() || options_.pairing.all_outputs) {
      throw UsageError("--retrieval", "compares images with each other: no class meets an output",
                       "leave --label-offset, --class-map and --all-outputs out");
    }
    if (models_.averages()) {
      throw UsageError("--retrieval", "compares embeddings: there are no probabilities to average",
                       "give one --model, and leave --tta out");
    }
    if (sharing_.place().world > 1) {
      throw UsageError("--world", "retrieval compares all images with each other in one process");
    }
  }

  void retrieve() {
    check_retrieval();
    const auto dataset = open_dataset(options_.data, options_.split, ClassRule::kAny, options_.files);
    options_.inference.model = models_.models.front();
    const LoadedModel model = load_embedder(options_.inference, options_.loader.batch_size, options_.eval_size);
    options_.loader.preprocessing = at_size(model.card.preprocessing, options_.eval_size);
    EmbeddedImages images = embed(model.network, *dataset, "embedding");
    if (!distractors_.empty()) {
      const auto others = open_unlabelled(distractors_, {.allow_missing_shards = options_.files.allow_missing_shards});
      images = with_distractors(std::move(images), embed(model.network, *others, "embedding distractors").embeddings);
    }
    const RetrievalResult result = measure_retrieval(images, similarity_, recall_at_);
    if (result.without_match > 0) {
      log_warning(concat(result.without_match, " images are the only ones of their class and count as misses"));
    }
    print(to_json(result), to_text(result));
  }

  Hooks hooks_;
  EnsembleOptions models_;
  EvaluationOptions options_;
  std::string report_;
  bool retrieval_ = false;
  Similarity similarity_ = Similarity::kCosine;
  std::vector<int64_t> recall_at_{1, 2, 4, 8};
  std::string distractors_;
  SharingOptions sharing_;
};

}  // namespace

std::unique_ptr<Subcommand> make_eval_command(const Hooks& hooks) { return std::make_unique<EvalCommand>(hooks); }

}  // namespace assemble::cli
