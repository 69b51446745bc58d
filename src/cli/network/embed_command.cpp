// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/eval/embeddings.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/hooks.h"
#include "common/inference.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class EmbedCommand : public Subcommand {
 public:
  explicit EmbedCommand(const Hooks& hooks)
      : Subcommand("embed", "Write the embeddings of a data set's images"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Writes the embedding of every image, the vector of numbers from which the classifier decides: for search, "
           "clustering or a classifier of your own. Names and labels come along.";
  }
  std::vector<Example> examples() const override {
    return {
        {"Embed a data set", "assemble embed --model runs/birds/best.safetensors --data birds --out birds.safetensors"},
        {"Embed a folder of any images for NumPy",
         "assemble embed --model runs/birds/best.safetensors --data photos --unlabelled --out photos.npy"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", inference_.model,
                   "Model file, .onnx file of `assemble export --embedding`, or .onnx or .xml file of another program")
        ->required();
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--out", out_, "File to write: .safetensors, .csv or .npy (names and labels in a .csv beside it)")
        ->required();
    CLI::Option* split = add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_flag("--unlabelled", unlabelled_, "The data are images without classes, in folders of any depth")
        ->excludes(split);
    app.add_option("--batch-size", loader_.batch_size, "Images a batch")->transform(at_least(1));
    app.add_option("--eval-size", eval_size_, "Side of the crop; 0: the model's own")->transform(side(0));
    inference_.declare(app);
    declare_record_files(app, files_);
    app.add_option("--loader-threads", loader_.threads, "Threads that decode; 0: every core")
        ->transform(thread_count());
    add_choice(app, "--decode", loader_.decoding, kDecodings, "exact (the original's pixels) or fast");
    app.add_option("--max-broken", loader_.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
  }

  void run() override {
    (void)embedding_format(out_);
    prepare_output_file("--out", out_, {inference_.model, data_});
    if (const fs::path labels = embedding_labels_file(out_); !labels.empty()) {
      prepare_output_file("--out", labels, {inference_.model, data_});
      if (!is_labels_file(labels)) {
        throw UsageError("--out", concat(labels.string(), " would be replaced, and holds other things than labels"),
                         "move it, or choose another name");
      }
    }
    keep_freed_memory();
    const auto dataset =
        unlabelled_ ? open_unlabelled(data_, files_) : open_dataset(data_, split_, ClassRule::kAny, files_);
    loader_.memory = hooks_.memory_for(inference_);
    const LoadedModel model = load_embedder(inference_, loader_.batch_size, eval_size_);
    loader_.preprocessing = at_size(model.card.preprocessing, eval_size_);
    const NamedEmbeddings embeddings = embed(model.network, *dataset);
    write_embeddings(out_, embeddings, {{"format", "assemble embeddings 1"}, {"arch", model.card.arch}});
    report(embeddings);
  }

 private:
  NamedEmbeddings embed(const Network& network, const Dataset& dataset) {
    Loader loader(dataset, loader_);
    NamedEmbeddings result{embed_images(network, inference_.model, loader, "embedding"), dataset.class_names()};
    warn_of_broken(loader);
    return result;
  }

  /// Whether there is nothing, or what an earlier call wrote.
  static bool is_labels_file(const fs::path& path) {
    std::ifstream stream(path);
    std::string line;
    return !std::getline(stream, line) || line == "image,label,class";
  }

  void report(const NamedEmbeddings& embeddings) const {
    const Matrix& values = embeddings.images.embeddings;
    nlohmann::ordered_json result{{"out", out_}, {"images", values.rows}, {"embedding_size", values.columns}};
    std::string text = concat(out_, ": ", values.rows, " embeddings of ", values.columns, " values\n");
    if (const fs::path labels = embedding_labels_file(out_); !labels.empty()) {
      result["labels"] = labels.string();
      text += concat(labels.string(), ": their names and labels\n");
    }
    print(result, text);
  }

  Hooks hooks_;
  InferenceOptions inference_;
  RecordFiles files_;
  std::string data_, out_;
  Split split_ = Split::kValidation;
  bool unlabelled_ = false;
  int eval_size_ = 0;
  LoaderOptions loader_;
};

}  // namespace

std::unique_ptr<Subcommand> make_embed_command(const Hooks& hooks) { return std::make_unique<EmbedCommand>(hooks); }

}  // namespace assemble::cli
