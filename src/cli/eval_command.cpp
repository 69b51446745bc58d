// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/eval/classification.h"
#include "assemble/models/model_file.h"

namespace assemble::cli {
namespace {

class EvalCommand : public Command {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "Measure a model: top-1, top-5, calibration, per class, confusion"; }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file")->required();
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--split", split_, "validation or train")->check(CLI::IsMember({"validation", "train"}));
    app.add_option("--batch-size", loader_.batch_size, "Images a batch")->check(CLI::PositiveNumber);
    app.add_option("--eval-size", eval_size_, "Side of the crop; 0: the model's own")->check(CLI::NonNegativeNumber);
    app.add_option("--device", device_, "auto, cpu, cuda or cuda:N");
    app.add_option("--precision", precision_, "f32 or bf16 (autocast)");
    app.add_option("--threads", threads_, "Threads of the network on the CPU; 0: every core");
    app.add_option("--loader-threads", loader_.threads, "Threads that decode; 0: every core");
    app.add_option("--decode", decoding_,
                   "exact (the original's pixels) or fast (fast integer DCT, plain chroma upsampling, large images "
                   "decoded at 1/2, 1/4 or 1/8 size: measures change in the third digit)")
        ->check(CLI::IsMember({"exact", "fast"}));
    app.add_option("--max-broken", loader_.max_broken, "Unreadable images before it gives up");
  }

  void run() override {
    keep_freed_memory();
    if (threads_ > 0) torch::set_num_threads(threads_);
    const torch::Device device = parse_device(device_);
    const Precision precision = parse_precision(precision_);
    ModelCard card;
    const Classifier model = load_model(model_, &card);
    model->to(device);
    const auto dataset = open_dataset(data_, split_ == "train" ? Split::kTrain : Split::kValidation);
    check_classes(card, *dataset);
    loader_.preprocessing = card.preprocessing;
    loader_.decoding = parse_decoding(decoding_);
    if (eval_size_ > 0) {
      loader_.preprocessing.eval_resize = eval_size_ * card.preprocessing.eval_resize / card.preprocessing.eval_size;
      loader_.preprocessing.eval_size = eval_size_;
    }
    Loader loader(*dataset, loader_);
    const ClassificationResult result = evaluate(*model, loader, device, precision, "evaluating");
    if (loader.broken() > 0) log_warning(concat(loader.broken(), " unreadable images were left out"));
    print(to_json(result, card.class_names), to_text(result, card.class_names));
  }

 private:
  void check_classes(const ModelCard& card, const Dataset& dataset) const {
    if (dataset.class_names() == card.class_names) return;
    if (dataset.classes() != card.classes()) {
      throw InputError(data_,
                       concat("has ", dataset.classes(), " classes, the model ", model_, " has ", card.classes()),
                       "evaluate on the data set it was trained on, or fine-tune it with train --pretrained");
    }
    for (size_t c = 0; c < card.class_names.size(); ++c) {
      if (dataset.class_names()[c] == card.class_names[c]) continue;
      throw InputError(
          data_, concat("class ", c, " is '", dataset.class_names()[c], "', in the model '", card.class_names[c], "'"),
          "name the class folders as the model does");
    }
  }

  std::string model_;
  std::string data_;
  std::string split_ = "validation";
  std::string device_ = "auto";
  std::string precision_ = "f32";
  std::string decoding_ = "exact";
  int threads_ = 0;
  int eval_size_ = 0;
  LoaderOptions loader_;
};

}  // namespace

std::unique_ptr<Command> make_eval_command() { return std::make_unique<EvalCommand>(); }

}  // namespace assemble::cli
