// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/convert/naming.h"
#include "assemble/convert/weight_export.h"
#include "assemble/convert/weight_import.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/models/model_file.h"
#include "common/choice_option.h"
#include "common/flags.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

/// Of weights that others made.
constexpr auto kImportedLosses =
    choices<LossType>("loss", {{LossType::kSoftmax, "softmax"}, {LossType::kSigmoid, "sigmoid"}});

constexpr float kHalf = 127.5f;  // MobileNets elsewhere take values in -1 … 1

class ConvertCommand : public Subcommand {
 public:
  ConvertCommand()
      : Subcommand("convert", "Import weights of TensorFlow, torchvision and timm into a model file, and export them") {
  }

  std::string purpose() const override {
    return "Makes a model file of the weights of another program, and the other way: TensorFlow and Keras checkpoints, "
           ".pth and .safetensors of torchvision and timm. Every weight must find its place; the architecture is told "
           "from names and shapes where they show it.";
  }
  std::vector<Example> examples() const override {
    return {{"Import torchvision's weights", "assemble convert resnet50.pth resnet50.safetensors"},
            {"Import a TensorFlow checkpoint",
             "assemble convert model.ckpt-374958 assembled.safetensors --arch assemble_resnet50"},
            {"Export for timm", "assemble convert tuned.safetensors tuned.pth --to timm"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("in", in_,
                   "TensorFlow or Keras checkpoint (prefix, .index or folder), .pth, .safetensors or model file")
        ->required();
    app.add_option("out", out_, "Model file to write; with --to: a checkpoint's prefix, .safetensors or .pth")
        ->required();
    app.add_option("--arch", arch_,
                   "Arch string or preset; by default told from names and shapes, as far as they show");
    add_choice(app, "--to", to_, "assemble", kExportTargets, "Whose weights to write; assemble: a model file");
    app.add_flag("--strict,!--no-strict", strict_,
                 "Missing, unexpected or mis-shaped names, and targets that compute other numbers, are errors");
    app.add_flag("--ema", averages_, "Take the weights' moving averages, where the file holds them");
    app.add_option("--class-names", class_names_, "Text file, a class a line; default: 0, 1, 2, …");
    app.add_option("--preprocessing", preprocessing_,
                   "Type such as imagenet_224_256 or torchvision_224_232; default: imagenet, for weights of other "
                   "libraries torchvision, for a model file its own");
    app.add_option("--mean", mean_, "Three numbers subtracted from RGB in [0, 255]")
        ->transform(real(-1e6, 1e6))
        ->expected(3);
    app.add_option("--deviation", deviation_, "Three numbers that divide after that")
        ->transform(real(1e-6, 1e6))
        ->expected(3);
    app.add_option("--image-size", image_size_, "Side of the input of a `flatten` network; default: what fits")
        ->transform(side(0));
    add_choice(app, "--loss", loss_, nullptr, kImportedLosses, "How logits become probabilities");
  }

  void run() override {
    const std::string ending = to_ == ExportTarget::kTensorFlow ? ".index" : "";
    prepare_output_file("out", out_ + ending, {in_ + ending, in_, class_names_});
    result_["input"] = in_;
    const Classifier model = is_model_file(in_) ? load_own() : import_foreign();
    result_["arch"] = model->arch().str();
    result_["classes"] = model->options().classes;
    result_["parameters"] = model->parameter_count();
    write(*model);
    result_["output"] = out_;
    result_["to"] = to_ ? kExportTargets.name(*to_) : "assemble";
    result_["notes"] = notes_;
    print(result_, text());
  }

 private:
  Classifier load_own() {
    Classifier model = load_model(in_, &card_);
    if (!arch_.empty() && Arch::parse(arch_) != model->arch()) {
      throw UsageError("--arch", concat("is ", arch_, ", but ", in_, " is a model file of ", card_.arch),
                       "leave it out");
    }
    result_["from"] = "model file";
    if (!preprocessing_.empty()) {
      Preprocessing chosen = Preprocessing::from_type(preprocessing_);
      chosen.mean = card_.preprocessing.mean;  // they belong to the weights
      chosen.deviation = card_.preprocessing.deviation;
      card_.preprocessing = chosen;
    }
    const auto step = card_.training.find("global_step");
    if (step != card_.training.end()) global_step_ = read_step(step->second);
    return model;
  }

  int64_t read_step(const std::string& text) const {
    try {
      return std::stoll(text);
    } catch (const std::exception&) {
      throw InputError(concat(in_, " metadata 'training'"), concat("global_step '", text, "' is no number"));
    }
  }

  Classifier import_foreign() {
    ImportOptions options{.strict = strict_, .averages = averages_, .image_size = image_size_};
    if (!arch_.empty()) options.arch = Arch::parse(arch_);
    const std::unique_ptr<WeightSource> source = open_weights(in_, averages_);
    const ImportedModel imported = import_weights(*source, options);
    const ImportReport& report = imported.report;
    for (const std::string& note : report.notes) notes_.push_back(with_flags(app(), note));
    for (const std::string& note : notes_) {
      if (note.starts_with("assumed")) log_warning(note);
    }
    result_["from"] = weight_format_name(source->format());
    result_["loaded"] = report.loaded;
    result_["missing"] = report.missing;
    result_["unexpected"] = report.unexpected;
    result_["misshaped"] = report.misshaped;
    global_step_ = report.global_step.value_or(0);
    if (report.global_step) card_.training["global_step"] = std::to_string(*report.global_step);
    card_.training["converted_from"] =
        concat(weight_format_name(source->format()), " ", fs::path(in_).filename().string());
    card_.arch = imported.model->arch().str();
    fill_card(find_naming(*source), imported.model->options().classes);
    return imported.model;
  }

  void fill_card(Naming naming, int64_t classes) {
    for (int64_t i = 0; i < classes; ++i) card_.class_names.push_back(std::to_string(i));
    const bool original = naming == Naming::kOriginal || naming == Naming::kTf2;
    is_mobilenet_ = !original && naming != Naming::kOwn;
    Preprocessing& chosen = card_.preprocessing;
    const char* usual = original                           ? "imagenet"
                        : naming == Naming::kTimmMobileNet ? "torchvision_224_256_bicubic"
                                                           : "torchvision";
    chosen = Preprocessing::from_type(preprocessing_.empty() ? usual : preprocessing_);
    if (!original) {  // torchvision's and timm's transforms
      const Preprocessing theirs = Preprocessing::from_type("torchvision");
      chosen.mean = theirs.mean;
      chosen.deviation = theirs.deviation;
      if (is_mobilenet_) chosen.mean = chosen.deviation = {kHalf, kHalf, kHalf};
      chosen.antialias = true;
      if (chosen.family == PreprocessingFamily::kImagenet) chosen.family = theirs.family;
    }
  }

  void note_preprocessing() {
    if (!preprocessing_.empty() || result_["from"] == "model file") return;
    const Preprocessing& assumed = card_.preprocessing;
    const bool original = assumed.family == PreprocessingFamily::kImagenet;
    notes_.push_back(
        concat("assumed: preprocessing as ", original ? "the original's imagenet" : "torchvision's", ", short side to ",
               assumed.eval_resize, ", crop of ", assumed.eval_size,
               is_mobilenet_ && mean_.empty() && deviation_.empty() ? concat(", (x - ", kHalf, ") / ", kHalf) : "",
               "; give --preprocessing for another"));
    log_warning(notes_.back());
  }

  /// What the user gives wins over what the file or its kind says.
  void apply_options() {
    if (!class_names_.empty()) {
      std::vector<std::string> names = read_names(class_names_);
      if (static_cast<int64_t>(names.size()) != card_.classes()) {
        throw InputError(class_names_,
                         concat("has ", names.size(), " lines, but there are ", card_.classes(), " classes"),
                         "give one line a class, in the network's order (the original's class 0 is the background)");
      }
      card_.class_names = std::move(names);
    }
    if (loss_) card_.loss = *loss_;
    if (!mean_.empty()) std::copy(mean_.begin(), mean_.end(), card_.preprocessing.mean.begin());
    if (!deviation_.empty()) std::copy(deviation_.begin(), deviation_.end(), card_.preprocessing.deviation.begin());
  }

  void write(ClassifierImpl& model) {
    if (!to_) {
      apply_options();
      note_preprocessing();
      return save_model(out_, model, card_);
    }
    const std::vector<std::string> notes =
        export_weights(out_, model, *to_, {.strict = strict_, .global_step = global_step_});
    notes_.insert(notes_.end(), notes.begin(), notes.end());
  }

  std::string text() const {
    std::string lines = concat(out_, ": ", result_["arch"].get<std::string>(), ", ", result_["classes"].get<int64_t>(),
                               " classes, from the ", result_["from"].get<std::string>(), " ", in_, "\n");
    for (const char* kind : {"missing", "unexpected", "misshaped"}) {
      if (!result_.contains(kind)) continue;
      for (const auto& name : result_[kind]) lines += concat("  ", kind, ": ", name.get<std::string>(), "\n");
    }
    for (const std::string& note : notes_) lines += concat("  ", note, "\n");
    return lines;
  }

  std::string in_;
  std::string out_;
  std::string arch_;
  std::optional<ExportTarget> to_;
  bool strict_ = true;
  bool averages_ = false;
  std::string class_names_;
  std::string preprocessing_;
  std::vector<float> mean_;
  std::vector<float> deviation_;
  int64_t image_size_ = 0;
  std::optional<LossType> loss_;
  int64_t global_step_ = 0;
  bool is_mobilenet_ = false;  // under the names of another library
  ModelCard card_;
  std::vector<std::string> notes_;
  nlohmann::ordered_json result_;
};

}  // namespace

std::unique_ptr<Subcommand> make_convert_command() { return std::make_unique<ConvertCommand>(); }

}  // namespace assemble::cli
