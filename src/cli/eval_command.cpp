// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/retrieval.h"
#include "assemble/models/model_file.h"

namespace assemble::cli {
namespace {

class EvalCommand : public Command {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override {
    return "Measure a model: top-1, top-5, calibration, per class, confusion; or retrieval";
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file")->required();
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--split", split_, "validation or train")->check(CLI::IsMember({"validation", "train"}));
    app.add_option("--batch-size", loader_.batch_size, "Images a batch")->check(CLI::PositiveNumber);
    app.add_option("--eval-size", eval_size_, "Side of the crop; 0: the model's own")->check(CLI::NonNegativeNumber);
    app.add_flag("--ten-crop", loader_.ten_crop, "Average the probabilities of ten crops of every image");
    app.add_option("--device", device_, "auto, cpu, cuda or cuda:N");
    app.add_option("--precision", precision_, "f32 or bf16 (autocast)");
    app.add_option("--threads", threads_, "Threads of the network on the CPU; 0: every core");
    app.add_option("--loader-threads", loader_.threads, "Threads that decode; 0: every core");
    app.add_option("--max-broken", loader_.max_broken, "Unreadable images before it gives up");
    const char* group = "Retrieval";
    CLI::Option* retrieval =
        app.add_flag("--retrieval", retrieval_, "Compare embeddings: recall@k; the classes may be any")->group(group);
    app.add_option("--similarity", similarity_, "cosine or euclidean")->needs(retrieval)->group(group);
    app.add_option("--recall-at", recall_at_, "Values of k")->needs(retrieval)->group(group);
    app.add_option("--distractors", distractors_, "Folder of images, or TFRecords, that are in the index only")
        ->needs(retrieval)
        ->group(group);
  }

  void run() override {
    keep_freed_memory();
    if (threads_ > 0) torch::set_num_threads(threads_);
    const torch::Device device = parse_device(device_);
    const Precision precision = parse_precision(precision_);
    ModelCard card;
    const Classifier model = load_model(model_, &card);
    model->to(device);
    loader_.preprocessing = card.preprocessing;
    if (eval_size_ > 0) {
      loader_.preprocessing.eval_resize = eval_size_ * card.preprocessing.eval_resize / card.preprocessing.eval_size;
      loader_.preprocessing.eval_size = eval_size_;
    }
    const auto dataset = open_dataset(data_, split_ == "train" ? Split::kTrain : Split::kValidation,
                                      retrieval_ ? ClassRule::kAny : ClassRule::kOfTraining);
    if (retrieval_) return retrieve(*model, *dataset, device, precision);
    require_classes(card, model_, *dataset, data_);
    Loader loader(*dataset, loader_);
    const ClassificationResult result = evaluate(*model, loader, device, precision, "evaluating");
    warn_of_broken(loader);
    print(to_json(result, card.class_names), to_text(result, card.class_names));
  }

 private:
  static void warn_of_broken(const Loader& loader) {
    if (loader.broken() > 0) log_warning(concat(loader.broken(), " unreadable images were left out"));
  }

  EmbeddedImages embed(ClassifierImpl& model, const Dataset& dataset, torch::Device device, Precision precision,
                       const std::string& progress) const {
    Loader loader(dataset, loader_);
    EmbeddedImages images = embed_images(model, loader, device, precision, progress);
    warn_of_broken(loader);
    return images;
  }

  void retrieve(ClassifierImpl& model, const Dataset& dataset, torch::Device device, Precision precision) const {
    const Similarity similarity = parse_similarity(similarity_);
    EmbeddedImages images = embed(model, dataset, device, precision, "embedding");
    if (!distractors_.empty()) {
      const auto others = open_unlabelled(distractors_);
      images = with_distractors(images, embed(model, *others, device, precision, "embedding distractors").embeddings);
    }
    const RetrievalResult result = measure_retrieval(images, similarity, recall_at_);
    if (result.without_match > 0) {
      log_warning(concat(result.without_match, " images are the only ones of their class and count as misses"));
    }
    print(to_json(result), to_text(result));
  }

  std::string model_;
  std::string data_;
  std::string split_ = "validation";
  std::string device_ = "auto";
  std::string precision_ = "f32";
  int threads_ = 0;
  int eval_size_ = 0;
  bool retrieval_ = false;
  std::string similarity_ = "cosine";
  std::vector<int64_t> recall_at_{1, 2, 4, 8};
  std::string distractors_;
  LoaderOptions loader_;
};

}  // namespace

std::unique_ptr<Command> make_eval_command() { return std::make_unique<EvalCommand>(); }

}  // namespace assemble::cli
