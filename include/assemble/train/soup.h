// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/data/dataset.h"
#include "assemble/models/classifier.h"
#include "assemble/models/model_file.h"

namespace assemble {

/// One network of the mean weights of several: stochastic weight averaging where they are of one run (Izmailov et al.,
/// arXiv 1803.05407), a model soup where they are of several (Wortsman et al., arXiv 2203.05482).

/// Gives each batch norm the statistics of the batches that `see` shows the network, which it does in training mode:
/// the mean of their means and of their unbiased variances, as torch.optim.swa_utils.update_bn.
void restate_batch_norms(torch::nn::Module& network, const std::function<void()>& see);

struct SoupOptions {
  /// Take a model only where the mean with it is no worse on the validation images; they are tried in the order of
  /// their own top-1.
  bool greedy = false;
  int64_t statistics_images = 0;  ///< training images for the statistics of batch norms; 0: all of them
  int64_t batch_size = 32;        ///< of a pass, in training mode too
  int loader_threads = 0;         ///< 0: every core
  uint64_t seed = 0;              ///< of the training images' order, crops and mirroring
  torch::Device device = torch::kCPU;
  Precision precision = Precision::kF32;
};

/// A model that was given.
struct Ingredient {
  fs::path file;
  double top1 = 0;  ///< of its own, on the validation images; greedy alone
  bool taken = true;
};

struct Soup {
  Classifier model{nullptr};  ///< on the CPU, in evaluation mode
  ModelCard card;             ///< what the models' cards have in common, and "averaged": the names of those taken
  std::vector<Ingredient> ingredients;  ///< in the order in which they were tried
  double top1 = 0;                      ///< of the soup, on the validation images; greedy alone
};

/// Averages models and restates their batch norms over training images, which are cropped and mirrored as in training,
/// and not changed otherwise.
/// @param train the data set that the models were trained on
/// @param validation read under SoupOptions::greedy alone, where it picks models: measure the soup on other images
/// @throws UsageError for fewer than two files and for one that is named twice; InputError when they differ in arch,
///         class names, preprocessing or loss, or `train` in its classes; and what load_model() throws
Soup make_soup(const std::vector<fs::path>& files, const Dataset& train, const Dataset& validation,
               const SoupOptions& options);

}  // namespace assemble
