// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/eval/teach.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/hooks.h"
#include "common/inference.h"
#include "common/interrupt.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/sharing.h"

namespace assemble::cli {
namespace {

class TeachCommand : public Subcommand {
 public:
  explicit TeachCommand(const Hooks& hooks)
      : Subcommand("teach", "Store a model's logits with a data set, to distil from"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Writes a copy of a data set, as TFRecords, that also holds what a teacher says of each image. `assemble "
           "train --kd-temperature 1` then learns from both. The teacher is a model file, an .onnx file of any "
           "program, or a table of logits.";
  }
  std::vector<Example> examples() const override {
    return {{"Store the logits of a large model",
             "assemble teach --model runs/teacher/best.safetensors --data photos --out photos-taught"},
            {"Learn from them",
             "assemble train --data photos-taught --out runs/student --arch resnet50+bl+sk+aa3 --kd-temperature 1"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", inference_.model, "Model file of the teacher, or its .onnx or .xml file of any program");
    app.add_option("--logits", logits_file_, "Instead of a model: its logits by file name, CSV or safetensors");
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--out", out_, "Folder for the TFRecords; finished ones in it are kept")->required();
    add_choice(app, "--split", split_, "both", kSplits, "Part of the data set");
    app.add_option("--shards", options_.shards, "Files a split; 0: one for every 1024 images")->transform(at_least(0));
    app.add_option("--batch-size", options_.batch_size, "Images a batch")->transform(at_least(1));
    inference_.declare(app);
    app.add_option("--loader-threads", options_.loader_threads, "Threads that decode; 0: every core")
        ->transform(thread_count());
    app.add_option("--max-broken", options_.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
    declare_record_files(app, files_);
    declare_pairing(app, pairing_);
    sharing_.declare_place(app, "Processes that share the files, each with the same command");
  }

  void run() override {
    check_output_folder("--out", out_, {data_});
    if (inference_.model.empty() == logits_file_.empty()) {
      throw UsageError("--model", "or --logits is needed, and not both of them");
    }
    options_.ranks = sharing_.place();
    sharing_.share_machine(hooks_, inference_, options_.loader_threads);
    if (options_.ranks.world > 1 && !logits_file_.empty()) {
      throw UsageError("--world", "is for teachers that compute: logits of a file are copied by one process");
    }
    keep_freed_memory();
    Network teacher;
    std::optional<StoredLogits> logits;
    if (logits_file_.empty()) {
      teacher = load_teacher();
    } else {
      logits = StoredLogits::read(logits_file_);
      card_.class_names = logits->class_names();
    }
    options_.preprocessing = card_.preprocessing;
    std::vector<std::pair<Split, std::unique_ptr<Dataset>>> splits;
    for (const Split split : {Split::kTrain, Split::kValidation}) {
      if (split_.value_or(split) == split)
        splits.emplace_back(split, open_dataset(data_, split, ClassRule::kOfTraining, files_));
    }
    const ClassPairing pairing({card_.class_names, source()}, {splits.front().second->class_names(), data_}, pairing_);
    if (!pairing.same()) log_info(pairing.to_text() + "; logits are stored in the order of the data's");
    prepare_teacher_folder(out_, identity(pairing));
    if (logits) {
      logits->pair(pairing);
    } else {
      teacher = pairing.in_order_of_data(teacher);
    }
    const InterruptGuard interrupt;
    for (const auto& [split, dataset] : splits) {
      report(split, logits ? teach(*dataset, split, *logits, out_, options_, interrupt.token())
                           : teach(*dataset, split, teacher, out_, options_, interrupt.token()));
    }
    if (logits && logits->unused() > 0) {
      log_warning(
          concat(logits_file_, ": ", logits->unused(), " of ", logits->size(), " images are not in the data set"));
    }
    write_file(fs::path(out_) / "classes.txt",
               std::string_view(join(splits.front().second->class_names(), "\n") + "\n"));
    result_["out"] = out_;
    result_["class_pairing"] = pairing.to_json();
    print(result_,
          format_table(table_) + concat("\nTrain with: assemble train --data ", out_, " --kd-temperature 1 …\n"));
  }

 private:
  Network load_teacher() {
    const bool on_torch = inference_.kind() == EngineKind::kTorch;
    if (on_torch && !hooks_.load_teacher) throw NeedsTorch("--engine torch");
    const LoadedModel loaded =
        on_torch ? hooks_.load_teacher(inference_) : load_for_inference(inference_, options_.batch_size);
    card_ = loaded.card;
    return loaded.network;
  }

  const std::string& source() const { return logits_file_.empty() ? inference_.model : logits_file_; }

  nlohmann::ordered_json identity(const ClassPairing& pairing) const {
    nlohmann::ordered_json identity = logits_file_.empty() ? identity_of_model() : identity_of_logits();
    if (!pairing.same()) identity["class_pairing"] = pairing.order();
    return identity;
  }

  /// Not the file's content: what is stored is compared with it, so that a file that lacked images may be completed.
  static nlohmann::ordered_json identity_of_logits() { return {{"format", "assemble teach 1"}, {"teacher", "a file"}}; }

  nlohmann::ordered_json identity_of_model() const {
    const Bytes bytes = read_file(inference_.model);
    nlohmann::ordered_json identity{{"format", "assemble teach 1"},
                                    {"arch", card_.arch},
                                    {"model_bytes", bytes.size()},
                                    {"model_crc32c", crc32c(bytes)},
                                    {"preprocessing", nlohmann::ordered_json::parse(card_.preprocessing.to_json())},
                                    {"engine", kEngineKinds.name(inference_.kind())},
                                    {"precision", precision_name(inference_.precision)}};
    if (const auto foreign = card_.training.find(kForeignKey); foreign != card_.training.end()) {
      identity["options"] = foreign->second;
      identity["content"] = network_content(inference_.model);  // with the files beside it that hold weights
    }
    return identity;
  }

  void report(Split split, const TeachReport& report) {
    const double share =
        report.images == 0 ? 0 : static_cast<double>(report.correct) / static_cast<double>(report.images);
    const std::string name = split_name(split);
    result_[name] = {{"images", report.images},
                     {"broken", report.broken},
                     {"teacher_top1", share},
                     {"shards", report.shards},
                     {"kept_shards", report.kept_shards}};
    table_.push_back({name, std::to_string(report.images), std::to_string(report.broken),
                      format_number(100 * share, 2) + " %", std::to_string(report.shards),
                      std::to_string(report.kept_shards)});
  }

  Hooks hooks_;
  InferenceOptions inference_;
  std::string logits_file_;
  std::string data_;
  std::string out_;
  std::optional<Split> split_;
  TeachOptions options_;
  SharingOptions sharing_;
  RecordFiles files_;
  PairingOptions pairing_;
  ModelCard card_;
  nlohmann::ordered_json result_;
  std::vector<std::vector<std::string>> table_{{"split", "images", "broken", "teacher's top-1", "shards", "kept"}};
};

}  // namespace

std::unique_ptr<Subcommand> make_teach_command(const Hooks& hooks) { return std::make_unique<TeachCommand>(hooks); }

}  // namespace assemble::cli
