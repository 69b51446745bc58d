// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/online_teacher.h"

#include <torch/torch.h>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/eval/class_pairing.h"
#include "assemble/eval/teach.h"
#include "assemble/models/model_file.h"
#include "assemble/nn/autocast.h"
#include "assemble/trace/arrays.h"

namespace assemble {
namespace {

torch::Tensor per_channel(const std::array<float, 3>& values) {
  return torch::tensor({values[0], values[1], values[2]}).view({1, 3, 1, 1});
}

EngineKind engine_for(const OnlineTeacherOptions& options) {
  if (options.engine) return *options.engine;
  const bool on_torch = options.device.is_cuda() && options.model.extension() != ".onnx";
  return on_torch ? EngineKind::kTorch : default_engine("cpu");
}

}  // namespace

OnlineTeacher::OnlineTeacher(const OnlineTeacherOptions& options, const Preprocessing& student,
                             const std::vector<std::string>& class_names, const std::string& where)
    : options_(options) {
  open();
  const ClassPairing pairing({card_.class_names, options_.model.string()}, {class_names, where},
                             {.way_out = "name its classes as the data set does (`classes` in the .toml file beside an "
                                         ".onnx file), or fine-tune it with train --pretrained"});
  if (!pairing.same()) {
    log_info(pairing.to_text());
    order_ = torch::tensor(pairing.order()).to(options_.device);
  }
  const Preprocessing& own = card_.preprocessing;
  if (own.mean != student.mean || own.deviation != student.deviation) {
    const torch::Tensor deviation = per_channel(own.deviation);
    scale_ = (per_channel(student.deviation) / deviation).to(options_.device);
    shift_ = ((per_channel(student.mean) - per_channel(own.mean)) / deviation).to(options_.device);
  }
  log_info(concat("teacher ", options_.model.string(), " on ", description_, ": sees the student's images",
                  changes(student)));
}

void OnlineTeacher::open() {
  if (engine_for(options_) == EngineKind::kTorch && options_.model.extension() != ".onnx") {
    const Classifier model = load_model(options_.model, &card_);
    model->to(options_.device);
    description_ = concat("LibTorch, ", precision_name(options_.precision));
    forward_ = [model, options = options_](const torch::Tensor& images) {
      const AutocastGuard autocast(options.device, options.precision);
      return model->forward(images).to(torch::kFloat32);
    };
    return;
  }
  // No cache: a run that goes on computes with what is compiled as it was at first.
  DeployedModel opened = open_engine(options_.model, {.kind = engine_for(options_),
                                                      .precision = options_.precision,
                                                      .batch = options_.batch,
                                                      .threads = at::get_num_threads()});
  card_ = opened.card;
  description_ = opened.engine->description();
  forward_ = [engine = std::shared_ptr<Engine>(std::move(opened.engine))](const torch::Tensor& images) {
    torch::Tensor kept;
    const Matrix logits = engine->run(to_images(images.to(torch::kCPU), kept));
    return to_tensor(logits).clone().to(images.device());
  };
}

/// What is done to the student's images, for people.
std::string OnlineTeacher::changes(const Preprocessing& student) const {
  const Preprocessing& own = card_.preprocessing;
  std::vector<std::string> parts;
  if (scale_.defined()) parts.push_back("with its own mean and deviation");
  if (own.eval_size != student.train_size) {
    parts.push_back(concat("resized from ", student.train_size, " to its ", own.eval_size));
  }
  return parts.empty() ? " as they are" : " " + join(parts, ", ");
}

torch::Tensor OnlineTeacher::own_pixels(const torch::Tensor& images) const {
  const int64_t size = card_.preprocessing.eval_size;
  torch::Tensor pixels = images;
  if (pixels.size(2) != size || pixels.size(3) != size) {
    pixels = at::_upsample_bilinear2d_aa(pixels, {size, size}, /*align_corners=*/false);
  }
  return scale_.defined() ? pixels * scale_ + shift_ : pixels;
}

torch::Tensor OnlineTeacher::operator()(const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  torch::Tensor logits = forward_(own_pixels(images));
  if (order_.defined()) {
    const torch::Tensor chosen = logits.index_select(1, order_.clamp_min(0));
    logits = torch::where(order_ < 0, torch::full_like(chosen, kNoLogit), chosen);
  }
  if (!logits.isfinite().all().item<bool>()) {
    throw RunError(options_.model.string(), "its logits for the student's images are not finite",
                   "take another teacher, or a higher `teacher_precision`");
  }
  if (!std::exchange(has_looked_, true)) {
    const std::string what = flat_answers(to_matrix(logits));
    if (!what.empty()) log_warning("the teacher's answers: " + what);
  }
  return logits;
}

}  // namespace assemble
