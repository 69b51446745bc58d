// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/open_images.h"
#include "assemble/deploy/engine.h"
#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/foreign_options.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class PreprocessCommand : public Subcommand {
 public:
  PreprocessCommand() : Subcommand("preprocess", "Write what a network would see of images, as tensors") {}

  std::string purpose() const override {
    return "Writes what a network would see of images, as float tensors in a safetensors file: to compare with another "
           "program, or to see what augmentation does.";
  }
  std::vector<Example> examples() const override {
    return {{"What a model sees of two photos",
             "assemble preprocess --model runs/photos/best.safetensors a.jpg b.jpg --out seen.safetensors"},
            {"What training sees, augmented",
             "assemble preprocess --type imagenet --train --seed 7 a.jpg --out seen.safetensors"}};
  }

  void declare(CLI::App& app) override {
    auto* type = app.add_option("--type", type_,
                                "Type: imagenet, imagenet_NNN[a], imagenet_TTT_EEE[a], reid[_NNN], "
                                "inception_NNN or torchvision[_NNN[_RRR]][_bicubic]");
    app.add_option("--model", model_,
                   "Model file, or .onnx or .xml file of any program, whose preprocessing is taken instead of a type")
        ->excludes(type);
    app.add_option("images", images_, "Images: files, folders and archives")->required();
    app.add_option(
           "--out", out_,
           "Safetensors file to write: one tensor an image, named by a file's base name, or by its path in a folder")
        ->required();
    add_choice(
        app, "--exif", exif_, "model", kExifRules,
        "Pixels turned by their EXIF orientation, or as stored; model: as that was trained, of a type as stored");
    auto* train = app.add_flag("--train", train_, "As in training, augmented at random");
    app.add_option("--seed", seed_, "Seed of the augmentation; the n-th file is sample n")
        ->transform(seed())
        ->needs(train);
    app.add_option("--epoch", epoch_, "Epoch of the augmentation")->transform(at_least(0))->needs(train);
    app.add_option(
           "--auto-augment", auto_augment_,
           "AutoAugment policy, TrivialAugment or RandAugment: " + Augmentation::operation_names() + "; or none")
        ->needs(train);
    for (CLI::Option* option : declare_views(app, views_)) option->excludes(train);
    declare_foreign(app, foreign_);
  }

  void run() override {
    std::vector<std::string> inputs = images_;
    inputs.push_back(model_);
    prepare_output_file("--out", out_, inputs);
    const ImageList images(images_);
    const std::vector<std::string> names = tensor_names(images);
    Preprocessing preprocessing = choose_preprocessing();
    if (exif_) preprocessing.apply_exif_orientation = *exif_ == ExifRule::kTurn;
    const int64_t side = train_ ? preprocessing.train_size : preprocessing.eval_size;
    std::vector<int64_t> shape{side, side, Image::kChannels};
    const int64_t views = view_count(views_);
    if (views > 1) shape.insert(shape.begin(), views);
    const size_t floats = static_cast<size_t>(views * side * side * Image::kChannels);
    std::vector<std::vector<float>> outputs(names.size(), std::vector<float>(floats));
    const Augmentation augmentation = choose_augmentation(preprocessing);
    ThreadPool pool(available_cores());
    pool.parallel_for(images.size(), [&](int64_t i) {
      make(images, preprocessing, augmentation, i, outputs[static_cast<size_t>(i)]);
    });
    write(names, shape, outputs, preprocessing);
    report(names, shape);
  }

 private:
  /// The tensors' names, which must differ.
  static std::vector<std::string> tensor_names(const ImageList& images) {
    std::map<std::string, std::string> first;
    std::vector<std::string> names;
    for (int64_t i = 0; i < images.size(); ++i) {
      const std::string name = images.name(i);
      const auto [earlier, is_new] = first.emplace(name, images.path(i));
      if (!is_new) {
        throw UsageError(images.path(i), concat("has the same base name as ", earlier->second),
                         "tensors are named by the files' base names: give files of one name to separate calls");
      }
      names.push_back(name);
    }
    return names;
  }

  Preprocessing choose_preprocessing() const {
    if (!model_.empty()) return card_of_network(model_, foreign_).preprocessing;
    if (type_.empty()) throw UsageError("preprocess", "needs --type or --model");
    return Preprocessing::from_type(type_);
  }

  Augmentation choose_augmentation(const Preprocessing& preprocessing) const {
    Augmentation result;
    result.box = preprocessing.training_box();
    result.set_operations(auto_augment_);
    return result;
  }

  void make(const ImageList& images, const Preprocessing& preprocessing, const Augmentation& augmentation,
            int64_t sample, std::span<float> output) const {
    const std::string image = images.path(sample);
    const Bytes encoded = images.read(sample).encoded;
    if (train_) {
      Random random(seed_, RandomPurpose::kAugment, epoch_, static_cast<uint64_t>(sample));
      preprocess_train(encoded, image, {}, preprocessing, augmentation, random, output);
    } else {
      preprocess_views(encoded, image, preprocessing, views_, output);
    }
  }

  void write(const std::vector<std::string>& names, const std::vector<int64_t>& shape,
             const std::vector<std::vector<float>>& outputs, const Preprocessing& preprocessing) const {
    std::vector<TensorView> tensors;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto bytes = std::as_bytes(std::span(outputs[i]));
      tensors.push_back(
          {names[i], DataType::kF32, shape, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}});
    }
    write_safetensors(out_, tensors, {{"preprocessing", preprocessing.to_json()}});
  }

  void report(const std::vector<std::string>& names, const std::vector<int64_t>& shape) const {
    std::vector<std::string> sizes;
    sizes.reserve(shape.size());
    for (const int64_t size : shape) sizes.push_back(std::to_string(size));
    print(
        {{"out", out_}, {"images", names}, {"shape", shape}},
        concat(names.size(), names.size() == 1 ? " tensor" : " tensors", " of ", join(sizes, "×"), " in ", out_, "\n"));
  }

  std::string type_;
  std::string model_;
  std::vector<std::string> images_;
  std::string out_;
  std::string auto_augment_ = "none";
  std::optional<ExifRule> exif_;
  uint64_t seed_ = 0;
  uint32_t epoch_ = 0;
  bool train_ = false;
  TestViews views_ = TestViews::kOne;
  ForeignModelOptions foreign_;
};

}  // namespace

std::unique_ptr<Subcommand> make_preprocess_command() { return std::make_unique<PreprocessCommand>(); }

}  // namespace assemble::cli
