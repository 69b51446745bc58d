// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/soup.h"

#include <algorithm>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/nn/autocast.h"
#include "assemble/trace/arrays.h"
#include "assemble/train/batch_memory.h"
#include "assemble/train/communicator.h"
#include "assemble/train/validation.h"

namespace assemble {
namespace {

/// What must be the same of all models, by name.
std::vector<std::pair<std::string, std::string>> kind_of(const ModelCard& card) {
  std::vector<std::pair<std::string, std::string>> kind;
  for (const auto& [key, value] : to_metadata(card)) {
    if (key != "training") kind.emplace_back(key, value);
  }
  return kind;
}

void require_same_kind(const ModelCard& first, const ModelCard& card, const fs::path& where, const fs::path& file) {
  const auto expected = kind_of(first), found = kind_of(card);
  for (size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    if (i < expected.size() && i < found.size() && expected[i] == found[i]) continue;
    const std::string& key = i < expected.size() ? expected[i].first : found[i].first;
    throw InputError(file.string(), concat("has another ", key, " than ", where.string()),
                     "average models of one arch that were trained on the same classes with the same preprocessing");
  }
}

void keep_common(std::map<std::string, std::string>& notes, const std::map<std::string, std::string>& others) {
  std::erase_if(notes, [&](const auto& note) {
    const auto found = others.find(note.first);
    return found == others.end() || found->second != note.second;
  });
}

/// The sum of weights, in double: the mean does not depend on the models' order.
class WeightSum {
 public:
  explicit WeightSum(const ClassifierImpl& model) {
    for (const auto& [name, tensor] : model.named_state()) sums_.push_back(torch::zeros_like(tensor, torch::kDouble));
  }
  void add(const ClassifierImpl& model) {
    const torch::NoGradGuard no_grad;
    size_t i = 0;
    for (const auto& [name, tensor] : model.named_state()) sums_[i++].add_(tensor);
    ++count_;
  }
  void write_mean(ClassifierImpl& model) const {
    const torch::NoGradGuard no_grad;
    size_t i = 0;
    for (const auto& [name, tensor] : model.named_state()) tensor.detach().copy_(sums_[i++] / count_);
  }
  WeightSum copy() const {
    WeightSum result = *this;
    for (torch::Tensor& sum : result.sums_) sum = sum.clone();
    return result;
  }

 private:
  std::vector<torch::Tensor> sums_;
  double count_ = 0;
};

LoaderOptions loader_options(const SoupOptions& options, const Preprocessing& preprocessing, bool training) {
  LoaderOptions loader;
  loader.training = training;
  loader.batch_size = options.batch_size;
  loader.threads = options.loader_threads;
  loader.seed = options.seed;
  loader.memory = batch_memory(options.device);
  loader.preprocessing = preprocessing;
  loader.augmentation.box = preprocessing.training_box();
  return loader;
}

double top1_of(const Classifier& model, Validator& validator, const SoupOptions& options) {
  Communicator alone;
  return validator.run(*model, options.device, options.precision, alone).score();
}

/// The network that holds a mean.
class MeanNetwork {
 public:
  MeanNetwork(Classifier model, const Preprocessing& preprocessing, const Dataset& train, const SoupOptions& options)
      : options_(options),
        model_(std::move(model)),
        loader_(train, loader_options(options, preprocessing, /*training=*/true)) {
    model_->to(options_.device);
  }

  void set(const WeightSum& sum) {
    sum.write_mean(*model_);
    restate_batch_norms(*model_, [&] { see_images(); });
  }
  double top1(Validator& validator) const { return top1_of(model_, validator, options_); }
  Classifier release() {
    model_->to(torch::kCPU);
    return model_;
  }

 private:
  void see_images() {
    const torch::NoGradGuard no_grad;
    const AutocastGuard autocast(options_.device, options_.precision);
    const int64_t most = options_.statistics_images;
    Batch batch;
    loader_.start(0);
    for (int64_t seen = 0; (most == 0 || seen < most) && loader_.next(batch); seen += batch.size) {
      model_->forward(to_tensor(images_of(batch)).to(options_.device));
    }
  }

  SoupOptions options_;
  Classifier model_;
  Loader loader_;
};

/// Checks all files before anything is computed.
std::vector<Classifier> load_all(const std::vector<fs::path>& files, ModelCard& common) {
  if (files.size() < 2) throw UsageError("soup", "of one model is that model", "name two or more model files");
  std::vector<Classifier> models;
  std::set<fs::path> named;
  for (const fs::path& file : files) {
    ModelCard card;
    models.push_back(load_model(file, &card));
    if (!named.insert(fs::weakly_canonical(file)).second) throw UsageError(file.string(), "is named twice");
    if (models.size() == 1) common = card;
    require_same_kind(common, card, files[0], file);
    keep_common(common.training, card.training);
  }
  return models;
}

}  // namespace

void restate_batch_norms(torch::nn::Module& network, const std::function<void()>& see) {
  std::vector<std::pair<torch::nn::BatchNorm2dImpl*, std::optional<double>>> before;
  for (const auto& module : network.modules()) {
    auto* norm = module->as<torch::nn::BatchNorm2dImpl>();
    if (!norm) continue;
    before.emplace_back(norm, norm->options.momentum());
    norm->reset_running_stats();
    norm->options.momentum(std::nullopt);  // the mean over all batches
  }
  network.train();
  see();
  network.eval();
  for (auto& [norm, momentum] : before) norm->options.momentum(momentum);
}

Soup make_soup(const std::vector<fs::path>& files, const Dataset& train, const Dataset& validation,
               const SoupOptions& options) {
  if (options.statistics_images < 0) throw UsageError("`statistics_images`", "is out of range", "0 or more");
  Soup soup;
  const std::vector<Classifier> models = load_all(files, soup.card);
  if (train.class_names() != soup.card.class_names) {
    throw InputError(train.where(), concat("has other classes than ", files[0].string()),
                     "name the data set that the models were trained on");
  }
  std::optional<Validator> validator;
  if (options.greedy) {
    validator.emplace(validation, loader_options(options, soup.card.preprocessing, false), ValidationOptions{});
  }
  std::vector<std::pair<Ingredient, Classifier>> tried;
  for (size_t i = 0; i < files.size(); ++i) {
    models[i]->to(options.device);
    const double top1 = validator ? top1_of(models[i], *validator, options) : 0;
    models[i]->to(torch::kCPU);
    tried.emplace_back(Ingredient{files[i], top1}, models[i]);
  }
  std::stable_sort(tried.begin(), tried.end(),
                   [](const auto& a, const auto& b) { return a.first.top1 > b.first.top1; });

  MeanNetwork mean(load_model(files[0]), soup.card.preprocessing, train, options);
  WeightSum sum(*models[0]);
  std::vector<std::string> names;
  for (auto& [ingredient, model] : tried) {
    WeightSum with = sum.copy();
    with.add(*model);
    if (validator) {
      mean.set(with);
      const double top1 = mean.top1(*validator);
      ingredient.taken = names.empty() || top1 >= soup.top1;
      if (ingredient.taken) soup.top1 = top1;
    }
    if (ingredient.taken) {
      sum = with;
      names.push_back(ingredient.file.filename().string());
    }
    soup.ingredients.push_back(ingredient);
  }
  mean.set(sum);
  soup.model = mean.release();
  soup.card.training["averaged"] = join(names, ", ");
  note_initial_statistics(soup.card, 0);
  return soup;
}

}  // namespace assemble
