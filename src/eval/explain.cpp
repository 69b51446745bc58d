// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/explain.h"

#include <algorithm>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/image/heat_map.h"
#include "assemble/image/shrink.h"

namespace assemble {
namespace {

constexpr int64_t kBatch = 16;
constexpr int kFirstTurned = 5;  // of EXIF's orientations, those that exchange height and width

/// An image on its way.
struct Prepared {
  Explanation explanation;
  std::vector<float> input;
  ExplainedPicture picture;
};

ImageSize decoded_size(const Bytes& encoded, const std::string& name, const Preprocessing& preprocessing) {
  ImageSize size = read_image_size(encoded, name);
  if (preprocessing.apply_exif_orientation && exif_orientation(encoded) >= kFirstTurned) {
    std::swap(size.height, size.width);
  }
  return size;
}

Image picture_of(const Bytes& encoded, const std::string& name, const Preprocessing& preprocessing) {
  const DecodeOptions options{.decoding = Decoding::kFast,
                              .wanted_side = ExplainedPicture::kPictureSide,
                              .apply_exif_orientation = preprocessing.apply_exif_orientation};
  return shrunk(decode_image(encoded, name, options), ExplainedPicture::kPictureSide);
}

Image overlay_of(const Explanation& explanation, const Image& picture) {
  const double rows = static_cast<double>(picture.height) / explanation.size.height;
  const double columns = static_cast<double>(picture.width) / explanation.size.width;
  const ClassActivation& activation = explanation.activation;
  return draw_heat_map(
      picture, {activation.height, activation.width, activation.values, explanation.view.scaled(rows, columns)});
}

class Explainer {
 public:
  Explainer(MappedModel& model, const ExplainOptions& options) : model_(model), options_(options) {}

  void prepare(Prepared& image, const std::string& name, const std::function<Bytes()>& read) const {
    Explanation& explanation = image.explanation;
    explanation.image = to_utf8(name);
    try {
      const Bytes encoded = read();
      const Preprocessing& preprocessing = model_.card.preprocessing;
      const auto side = static_cast<size_t>(preprocessing.eval_size);
      image.input.resize(side * side * Image::kChannels);
      preprocess_eval(encoded, name, preprocessing, image.input);
      explanation.size = decoded_size(encoded, name, preprocessing);
      explanation.view = evaluation_view(explanation.size, preprocessing, name);
      if (options_.see) image.picture.image = picture_of(encoded, name, preprocessing);
    } catch (const InputError& error) {
      explanation.error = to_utf8(error.what());
    }
  }

  void run(Prepared& image, int64_t index) {
    const int64_t side = model_.card.preprocessing.eval_size;
    const Activations activations = model_.mapper.run({1, side, side, image.input.data()});
    Matrix logits(1, static_cast<int64_t>(activations.logits.size()));
    std::ranges::transform(activations.logits, logits.values.begin(), [](double x) { return static_cast<float>(x); });
    Explanation& explanation = image.explanation;
    if (!all_finite(logits.values)) {
      explanation.error =
          "what the network computes of it is not finite (its training diverged, or the file is damaged)";
      return;
    }
    const Matrix probabilities = to_probabilities(logits, model_.card.loss);
    const auto described = [&](int64_t label) {
      const auto place = static_cast<size_t>(label);
      return Prediction::Class{label, model_.card.class_names.at(place), probabilities.values[place]};
    };
    const int64_t best = best_classes(logits.row(0), 1).front();
    const int64_t label = options_.class_of(index).value_or(best);
    explanation.activation = model_.mapper.of_class(activations, label);
    explanation.predicted = described(best);
    explanation.shown = described(label);
    explanation.first_halves = activations.first_halves;
  }

 private:
  MappedModel& model_;
  const ExplainOptions& options_;
};

}  // namespace

std::optional<Explanation::Point> Explanation::peak() const {
  const std::optional<int64_t> place = activation.peak();
  if (!place) return {};
  const auto middle = [](int64_t cell, int64_t cells) {
    return (static_cast<double>(cell) + 0.5) / static_cast<double>(cells);
  };
  return Point{view.y + view.height * middle(*place / activation.width, activation.height),
               view.x + view.width * middle(*place % activation.width, activation.width)};
}

std::vector<Explanation> explain(MappedModel& model, const std::vector<std::string>& names,
                                 const std::function<Bytes(int64_t)>& read, const ExplainOptions& options) {
  const auto count = static_cast<int64_t>(names.size());
  Explainer explainer(model, options);
  std::vector<Explanation> explanations;
  ThreadPool pool(available_cores());
  Progress progress("explaining", count, "images");
  for (int64_t begin = 0; begin < count; begin += kBatch) {
    std::vector<Prepared> batch(static_cast<size_t>(std::min(kBatch, count - begin)));
    const auto size = static_cast<int64_t>(batch.size());
    pool.parallel_for(size, [&](int64_t i) {
      explainer.prepare(batch[static_cast<size_t>(i)], names[static_cast<size_t>(begin + i)],
                        [&] { return read(begin + i); });
    });
    for (int64_t i = 0; i < size; ++i) {
      Prepared& image = batch[static_cast<size_t>(i)];
      if (image.explanation.error.empty()) explainer.run(image, begin + i);
    }
    pool.parallel_for(options.see ? size : 0, [&](int64_t i) {
      auto& [explanation, input, picture] = batch[static_cast<size_t>(i)];
      if (explanation.error.empty()) picture.overlay = overlay_of(explanation, picture.image);
    });
    for (int64_t i = 0; i < size; ++i) {
      Prepared& image = batch[static_cast<size_t>(i)];
      if (options.see && image.explanation.error.empty()) options.see(begin + i, image.picture);
      explanations.push_back(std::move(image.explanation));
    }
    progress.advance(size);
  }
  return explanations;
}

std::vector<Image> mistake_overlays(ActivationMapper& mapper, const std::vector<Mistake>& mistakes,
                                    const Preprocessing& preprocessing,
                                    const std::function<int64_t(int64_t label)>& output_of) {
  std::vector<Image> overlays;
  const int64_t side = preprocessing.eval_size;
  std::vector<float> input(static_cast<size_t>(side * side * Image::kChannels));
  for (const Mistake& mistake : mistakes) {
    preprocess_frame(mistake.seen, preprocessing, input);
    const Activations activations = mapper.run({1, side, side, input.data()});
    const ClassActivation activation = mapper.of_class(activations, output_of(mistake.predicted));
    const EvaluationView whole{0, 0, static_cast<double>(mistake.seen.height), static_cast<double>(mistake.seen.width)};
    overlays.push_back(draw_heat_map(mistake.seen, {activation.height, activation.width, activation.values, whole}));
  }
  return overlays;
}

std::vector<HalfWeight> half_weights(const std::vector<std::string>& blocks,
                                     const std::vector<Explanation>& explanations) {
  std::vector<HalfWeight> weights;
  for (size_t block = 0; block < blocks.size(); ++block) {
    double sum = 0, count = 0;
    for (const Explanation& explanation : explanations) {
      if (!explanation.error.empty()) continue;
      sum += explanation.first_halves.at(block);
      count += 1;
    }
    if (count > 0) weights.push_back({blocks[block], sum / count});
  }
  return weights;
}

}  // namespace assemble
