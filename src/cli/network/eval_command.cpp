// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/explain.h"
#include "assemble/eval/retrieval.h"
#include "assemble/report/report.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/hooks.h"
#include "common/inference.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class EvalCommand : public Subcommand {
 public:
  explicit EvalCommand(const Hooks& hooks)
      : Subcommand("eval", "Measure a model: top-1, top-5, calibration, per class, confusion; or retrieval"),
        hooks_(hooks) {}

  void declare(CLI::App& app) override {
    app.add_option("--model", inference_.model, "Model file, or .onnx file of `assemble export`")->required();
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_option("--batch-size", loader_.batch_size, "Images a batch")->transform(at_least(1));
    app.add_option("--eval-size", eval_size_, "Side of the crop; 0: the model's own")->transform(side(0));
    app.add_flag("--ten-crop", loader_.ten_crop, "Average the probabilities of ten crops of every image");
    app.add_option("--report", report_, "Page that shows it: classes, confusion, calibration, the surest mistakes");
    inference_.declare(app);
    app.add_option("--loader-threads", loader_.threads, "Threads that decode; 0: every core")
        ->transform(thread_count());
    add_choice(app, "--decode", loader_.decoding, kDecodings,
               "exact (the original's pixels) or fast (fast integer DCT, plain chroma upsampling, large images "
               "decoded at 1/2, 1/4 or 1/8 size: measures change in the third digit)");
    app.add_option("--max-broken", loader_.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
    const char* shared = "Several processes (torchrun sets these in the environment)";
    app.add_option("--rank", ranks_.rank, "This process; rank 0 prints the result")
        ->transform(at_least(0))
        ->envname("RANK")
        ->group(shared);
    app.add_option("--world", ranks_.world, "Processes that share the evaluation, each a part of the images")
        ->transform(at_least(1))
        ->envname("WORLD_SIZE")
        ->group(shared);
    app.add_option("--address", ranks_.address, "Machine of rank 0")->envname("MASTER_ADDR")->group(shared);
    app.add_option("--port", ranks_.port, "Port on which rank 0 listens")
        ->transform(whole(1, 65535))
        ->envname("MASTER_PORT")
        ->group(shared);
    declare_record_files(app, files_);
    declare_pairing(app, pairing_);
    declare_competition(app, pairing_);
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
      prepare_output_file("--report", report_, {inference_.model, data_});
    }
    if (ranks_.world > 1 && !hooks_.gather) throw NeedsTorch("--world above 1");
    if (retrieval_ && (pairing_.given() || pairing_.all_outputs)) {
      throw UsageError("--retrieval", "compares images with each other: no class meets an output",
                       "leave --label-offset, --class-map and --all-outputs out");
    }
    const auto dataset = open_dataset(data_, split_, retrieval_ ? ClassRule::kAny : rule_of(pairing_), files_);
    loader_.memory = hooks_.memory_for(inference_);
    if (retrieval_) return retrieve(*dataset);
    const LoadedModel model = load_for_inference(inference_, loader_.batch_size, eval_size_);
    const ClassPairing pairing({model.card.class_names, inference_.model}, {dataset->class_names(), data_}, pairing_);
    if (!pairing.same()) log_info(pairing.to_text());
    const PairedDataset paired(*dataset, pairing);
    loader_.preprocessing = at_size(model.card.preprocessing, eval_size_);
    ranks_.check();
    loader_.rank = ranks_.rank;
    loader_.world = ranks_.world;
    Loader loader(paired, loader_);
    Mistakes mistakes(loader_.preprocessing, model.card.loss);
    ClassificationMeter meter = evaluate_part(
        pairing.measured(model.network), pairing.measured(outputs_of(model.card, inference_.model)), loader,
        "evaluating", NotFinite::kError,
        report_.empty() ? EvaluationWatch()
                        : [&](const Batch& batch, const Matrix& logits) { mistakes.add(batch, logits); });
    warn_of_broken(loader);
    if (ranks_.world > 1 && !add_other_parts(meter)) return;
    const ClassificationResult result = meter.result();
    nlohmann::ordered_json json = to_json(result, pairing.names());
    json["class_pairing"] = pairing.to_json();
    if (!report_.empty()) {
      write_file(report_, evaluation_report(page(result, pairing, mistakes, model.card)));
      json["report"] = report_;
    }
    print(json, to_text(result, pairing.names()) + (pairing.same() ? "" : "\n" + pairing.to_text() + "\n"));
  }

 private:
  EvaluationPage page(const ClassificationResult& result, const ClassPairing& pairing, const Mistakes& mistakes,
                      const ModelCard& card) const {
    return {.title = concat(fs::path(inference_.model).filename().string(), " on ",
                            fs::path(data_).lexically_normal().filename().string()),
            .introduction = {concat("The ", kSplits.name(split_), " images of ", data_, ", in crops of ",
                                    loader_.preprocessing.eval_size, " pixels, as ", inference_.model, " (", card.arch,
                                    ") classifies them.")},
            .training = {},
            .tables = {},
            .result = result,
            .class_names = pairing.names(),
            .mistakes = mistakes.kept(),
            .overlays = overlays(pairing, mistakes)};
  }

  /// Nothing for a model whose classes cannot be looked for.
  std::vector<Image> overlays(const ClassPairing& pairing, const Mistakes& mistakes) const {
    if (mistakes.kept().empty()) return {};
    try {
      MappedModel model = open_activation_mapper(inference_.model, loader_.preprocessing.eval_size);
      return mistake_overlays(model.mapper, mistakes.kept(), loader_.preprocessing,
                              [&](int64_t column) { return pairing.output(column); });
    } catch (const Error& error) {
      log_info(concat("the page shows no class activations: ", error.what()));
      return {};
    }
  }

  /// @return whether this process is the one that has the sums of all
  bool add_other_parts(ClassificationMeter& meter) {
    ranks_.read_launcher();
    const std::vector<std::string> parts = hooks_.gather(ranks_, "eval", meter.sums());
    for (size_t rank = 1; rank < parts.size(); ++rank) meter.add_sums(parts[rank], concat("rank ", rank));
    return !parts.empty();
  }

  EmbeddedImages embed(const Network& embedder, const Dataset& dataset, const std::string& progress) const {
    Loader loader(dataset, loader_);
    EmbeddedImages images = embed_images(embedder, inference_.model, loader, progress);
    warn_of_broken(loader);
    return images;
  }

  void retrieve(const Dataset& dataset) {
    if (ranks_.world > 1) {
      throw UsageError("--world", "retrieval compares all images with each other in one process");
    }
    const LoadedModel model = load_embedder(inference_, loader_.batch_size, eval_size_);
    loader_.preprocessing = at_size(model.card.preprocessing, eval_size_);
    EmbeddedImages images = embed(model.network, dataset, "embedding");
    if (!distractors_.empty()) {
      const auto others = open_unlabelled(distractors_, {.allow_missing_shards = files_.allow_missing_shards});
      images = with_distractors(std::move(images), embed(model.network, *others, "embedding distractors").embeddings);
    }
    const RetrievalResult result = measure_retrieval(images, similarity_, recall_at_);
    if (result.without_match > 0) {
      log_warning(concat(result.without_match, " images are the only ones of their class and count as misses"));
    }
    print(to_json(result), to_text(result));
  }

  Hooks hooks_;
  InferenceOptions inference_;
  std::string data_, report_;
  Split split_ = Split::kValidation;
  int eval_size_ = 0;
  bool retrieval_ = false;
  Similarity similarity_ = Similarity::kCosine;
  std::vector<int64_t> recall_at_{1, 2, 4, 8};
  std::string distractors_;
  RecordFiles files_;
  PairingOptions pairing_;
  LoaderOptions loader_;
  Ranks ranks_;
};

}  // namespace

std::unique_ptr<Subcommand> make_eval_command(const Hooks& hooks) { return std::make_unique<EvalCommand>(hooks); }

}  // namespace assemble::cli
