// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/predict.h"
#include "assemble/data/imagenet_classes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/image/preprocess.h"

namespace assemble {
namespace {

/// By the logits: probabilities near 1 may be equal where logits are not.
std::vector<Prediction::Class> classes_of(std::span<const float> logits, std::span<const float> probabilities,
                                          const std::vector<std::string>& names, int64_t top) {
  std::vector<Prediction::Class> classes;
  for (const int64_t label : best_classes(logits, std::min(top, static_cast<int64_t>(names.size())))) {
    const auto place = static_cast<size_t>(label);
    classes.push_back({label, names[place], static_cast<double>(probabilities[place])});
  }
  return classes;
}

std::vector<Prediction> to_predictions(const BatchOutputs& outputs, LossType loss,
                                       const std::vector<std::string>& names, int64_t top) {
  const Matrix probabilities = to_probabilities(outputs.values, loss);
  std::vector<Prediction> predictions(outputs.errors.size());
  for (size_t i = 0; i < predictions.size(); ++i) {
    predictions[i].error = outputs.errors[i];
    if (!predictions[i].error.empty()) continue;
    const auto row = static_cast<int64_t>(i);
    predictions[i].classes = classes_of(outputs.values.row(row), probabilities.row(row), names, top);
  }
  return predictions;
}

/// Adds a network's outputs to the mean of those before it.
void add_to_mean(BatchOutputs& mean, const BatchOutputs& outputs, double share, LossType loss) {
  for (size_t i = 0; i < mean.errors.size(); ++i) {
    if (mean.errors[i].empty()) mean.errors[i] = outputs.errors[i];
  }
  // Outputs without values are errors of all images.
  if (mean.values.rows > 0 && outputs.values.rows > 0) mix_in(mean.values, outputs.values, share, loss);
}

}  // namespace

BatchOutputs run_batch(const Network& network, const Preprocessing& preprocessing, int64_t count,
                       const PrepareImage& prepare, ThreadPool& pool, int64_t views) {
  const int64_t side = preprocessing.eval_size;
  const int64_t pixels = views * side * side * 3;
  BatchOutputs outputs{{}, std::vector<std::string>(static_cast<size_t>(count))};
  std::vector<float> images(static_cast<size_t>(count * pixels));
  pool.parallel_for(count, [&](int64_t i) {
    try {
      prepare(i, {images.data() + i * pixels, static_cast<size_t>(pixels)});
    } catch (const InputError& error) {
      outputs.errors[static_cast<size_t>(i)] = to_utf8(error.what());
    }
  });
  if (std::ranges::none_of(outputs.errors, &std::string::empty)) return outputs;
  outputs.values = network({count * views, side, side, images.data()});
  for (int64_t row = 0; row < outputs.values.rows; ++row) {
    std::string& error = outputs.errors[static_cast<size_t>(row / views)];
    if (error.empty() && !all_finite(outputs.values.row(row))) {
      error = "the network's outputs are not finite (its training diverged, or the file is damaged)";
    }
  }
  return outputs;
}

std::vector<Prediction> classify_batch(const Network& network, const ModelCard& card, int64_t count,
                                       const PrepareImage& prepare, int64_t top, ThreadPool& pool) {
  return to_predictions(run_batch(network, card.preprocessing, count, prepare, pool), card.loss, card.class_names, top);
}

std::vector<Prediction> predict(const Network& network, const ModelCard& card, const std::vector<fs::path>& files,
                                const PredictOptions& options) {
  const std::vector<std::string> names(files.begin(), files.end());
  return predict(
      network, card, names, [&](int64_t i) { return read_file(names[static_cast<size_t>(i)]); }, options);
}

std::vector<Prediction> predict(const Network& network, const ModelCard& card, const std::vector<std::string>& names,
                                const std::function<Bytes(int64_t)>& read, const PredictOptions& options) {
  return predict({{network, outputs_of(card, "the network"), card.preprocessing}}, card.class_names, names, read,
                 options);
}

std::vector<Prediction> predict(const std::vector<EnsembleMember>& members, const std::vector<std::string>& class_names,
                                const std::vector<std::string>& names, const std::function<Bytes(int64_t)>& read,
                                const PredictOptions& options) {
  const int64_t count = static_cast<int64_t>(names.size()), views = view_count(options.views);
  const LossType loss = members.front().outputs.loss;
  std::vector<Prediction> predictions;
  ThreadPool pool(available_cores());
  Progress progress("classifying", count, "images");
  for (int64_t begin = 0; begin < count; begin += options.batch_size) {
    const int64_t size = std::min(options.batch_size, count - begin);
    BatchOutputs mean;
    double weights = 0;
    for (const EnsembleMember& member : members) {
      const auto prepare = [&](int64_t i, std::span<float> input) {
        preprocess_views(read(begin + i), names[static_cast<size_t>(begin + i)], member.preprocessing, options.views,
                         input);
      };
      BatchOutputs outputs = run_batch(member.network, member.preprocessing, size, prepare, pool, views);
      outputs.values = average_views(std::move(outputs.values), views, loss);
      weights += member.weight;
      if (mean.errors.empty()) {
        mean = std::move(outputs);
      } else {
        add_to_mean(mean, outputs, member.weight / weights, loss);
      }
    }
    for (Prediction& prediction : to_predictions(mean, loss, class_names, options.top)) {
      prediction.image = to_utf8(names[predictions.size()]);
      predictions.push_back(std::move(prediction));
    }
    progress.advance(size);
  }
  return predictions;
}

nlohmann::ordered_json predictions_to_json(const std::vector<Prediction>& predictions) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Prediction& prediction : predictions) {
    nlohmann::ordered_json entry{{"image", prediction.image}};
    if (!prediction.error.empty()) entry["error"] = prediction.error;
    nlohmann::ordered_json classes = nlohmann::ordered_json::array();
    for (const Prediction::Class& c : prediction.classes) {
      nlohmann::ordered_json found{{"label", c.label}, {"class", c.name}, {"probability", c.probability}};
      if (const auto readable = readable_name(c.name); !readable.empty()) found["readable_name"] = readable;
      classes.push_back(std::move(found));
    }
    entry["classes"] = classes;
    list.push_back(entry);
  }
  return {{"predictions", list}};
}

std::string predictions_to_csv(const std::vector<Prediction>& predictions) {
  std::string text = "image,rank,label,class,probability,error,readable_name\n";
  for (const Prediction& prediction : predictions) {
    const std::string image = csv_cell(prediction.image);
    if (!prediction.error.empty()) text += concat(image, ",,,,,", csv_cell(prediction.error), ",\n");
    for (size_t k = 0; k < prediction.classes.size(); ++k) {
      const Prediction::Class& c = prediction.classes[k];
      text += concat(image, ",", k + 1, ",", c.label, ",", csv_cell(c.name), ",", format_number(c.probability, 6), ",,",
                     csv_cell(std::string(readable_name(c.name))), "\n");
    }
  }
  return text;
}

std::string predictions_to_table(const std::vector<Prediction>& predictions) {
  std::vector<std::vector<std::string>> rows{{"image", "class", "probability"}};
  for (const Prediction& prediction : predictions) {
    if (!prediction.error.empty()) {
      rows.push_back({one_line(prediction.image), one_line("error: " + prediction.error), "-"});
    }
    for (size_t k = 0; k < prediction.classes.size(); ++k) {
      const Prediction::Class& c = prediction.classes[k];
      rows.push_back({k == 0 ? one_line(prediction.image) : "", shown_class(c.name), format_number(c.probability, 4)});
    }
  }
  return format_table(rows);
}

}  // namespace assemble
