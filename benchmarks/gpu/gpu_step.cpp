// SPDX-License-Identifier: Apache-2.0
// Training steps and inference on one fixed batch that lies on the device: what a device computes beside the CPU,
// recorded steps beside called ones, and images a second. benchmarks/gpu/run.py runs it beside Python PyTorch.
#include <ATen/Context.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/timing.h"
#include "assemble/deploy/passes.h"
#include "assemble/models/classifier.h"
#include "assemble/models/model_file.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/cuda_runtime.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/torch_engine.h"
#include "assemble/train/losses.h"
#include "assemble/train/optimizer.h"
#include "assemble/train/step_recorder.h"
#include "assemble/train/window_crop.h"
#include "c10d.h"

using namespace assemble;

namespace {

constexpr double kRate = 0.01, kSmoothing = 0.1;

struct Setting {
  std::string arch = "resnet50";
  std::string precision = "f32";
  int64_t batch = 16, side = 224, steps = 5, classes = 1000;
};

LabelledBatch random_batch(const Setting& setting, uint64_t seed, torch::Device device) {
  torch::manual_seed(seed);
  const torch::Tensor images = torch::randn({setting.batch, 3, setting.side, setting.side});
  const torch::Tensor labels = torch::randint(setting.classes, {setting.batch}, torch::kLong);
  return {images.contiguous(torch::MemoryFormat::ChannelsLast).to(device),
          one_hot_labels(labels.to(device), setting.classes),
          {}};
}

/// What exchanges gradients with other processes, of which there are none: NCCL on a GPU, Gloo on the CPU.
class GradientExchange {
 public:
  GradientExchange(const std::vector<torch::Tensor>& parameters, torch::Device device) {
    c10d::TCPStoreOptions options;
    options.port = 0;
    options.isServer = true;
    options.waitWorkers = false;
    const Store store = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
    group_ = make_gloo_group(store, Ranks(), std::chrono::minutes(1));
    if (device.is_cuda()) use_device(group_, store, DeviceLink::kNccl, cuda_runtime());
    reducer_ = make_reducer(parameters, group_);
  }

  void backward(const torch::Tensor& loss) {
    reducer_->rebuild_buckets();
    reducer_->prepare_for_backward({});
    loss.backward();
  }

 private:
  ProcessGroup group_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

constexpr int kCalled = 3, kCalledWithExchange = 11;  // as in the trainer

/// A network and what trains it, as the trainer has them.
class Training {
 public:
  Training(const Setting& setting, torch::Device device, Precision precision, bool records, bool exchanges = false)
      : device_(device),
        precision_(precision),
        model_(make_classifier(Arch::parse(setting.arch),
                               {.classes = setting.classes, .zero_gamma = true, .image_size = setting.side}, 1)) {
    model_->to(device);
    model_->train();
    optimizer_ = std::make_unique<MomentumSgd>(trained_parameters(*model_), MomentumSgdOptions{});
    optimizer_->keep_rate_on_device();
    optimizer_->set_rate(kRate);
    if (precision == Precision::kF16) optimizer_->scale_loss(device, {.initial = 128});
    if (exchanges) exchange_ = std::make_unique<GradientExchange>(model_->parameters(), device);
    StepRecorder::Record record;
    if (records) record = [device](const auto& work) { return cuda_runtime()->record(device, work, 0); };
    recorder_ = std::make_unique<StepRecorder>([this](const LabelledBatch& batch) { return whole(batch); }, record,
                                               exchanges ? kCalledWithExchange : kCalled);
  }

  /// @return the loss, on the device
  torch::Tensor step(const LabelledBatch& batch) { return (*recorder_)(batch); }
  bool has_recorded() const { return recorder_->has_recorded(); }

  torch::Tensor weights() const {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> flat;
    for (const torch::Tensor& parameter : model_->parameters()) flat.push_back(parameter.flatten());
    return torch::cat(flat).cpu().to(torch::kDouble);
  }

 private:
  torch::Tensor whole(const LabelledBatch& batch) {
    torch::Tensor logits;
    {
      const AutocastGuard autocast(device_, precision_);
      logits = model_->forward(batch.images);
    }
    const torch::Tensor loss = classification_loss(LossType::kSoftmax, logits, batch.labels, kSmoothing);
    if (exchange_) {
      exchange_->backward(optimizer_->scaled(loss));
    } else {
      optimizer_->scaled(loss).backward();
    }
    optimizer_->unscale_gradients();
    optimizer_->apply();
    return loss.detach();
  }

  torch::Device device_;
  Precision precision_;
  Classifier model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientExchange> exchange_;
  std::unique_ptr<StepRecorder> recorder_;  // last: what it has recorded holds exchanges
};

double relative(const torch::Tensor& found, const torch::Tensor& wanted, const torch::Tensor& before) {
  return ((found - wanted).norm() / (wanted - before).norm()).item<double>();
}

/// The steps' losses, and how far the weights have come, on the device and beside the CPU's f32.
nlohmann::json check(const Setting& setting, torch::Device device) {
  const Precision precision = parse_precision(setting.precision);
  Training reference(setting, torch::kCPU, Precision::kF32, false), called(setting, device, precision, false);
  const torch::Tensor before = reference.weights();
  nlohmann::json json{{"losses", nlohmann::json::array()}};
  double loss_difference = 0;
  const auto compare = [&](uint64_t seed) {
    const double wanted = reference.step(random_batch(setting, seed, torch::kCPU)).item<double>();
    const double found = called.step(random_batch(setting, seed, device)).item<double>();
    json["losses"].push_back({wanted, found});
    loss_difference = std::max(loss_difference, std::abs(found - wanted) / wanted);
  };
  compare(0);
  json["step_difference"] = relative(called.weights(), reference.weights(), before);
  for (int64_t step = 1; step < setting.steps; ++step) compare(static_cast<uint64_t>(step));
  json["loss_difference"] = loss_difference;
  if (!device.is_cuda()) return json;
  Training recorded(setting, device, precision, true);
  for (int64_t step = 0; step < setting.steps; ++step) recorded.step(random_batch(setting, step, device));
  json["is_recorded"] = recorded.has_recorded();
  json["recorded_difference"] = relative(recorded.weights(), called.weights(), before);
  return json;
}

/// Steps whose gradients go through an exchange, called and recorded, beside steps without one.
nlohmann::json exchange(const Setting& setting, torch::Device device) {
  const Precision precision = parse_precision(setting.precision);
  Training plain(setting, device, precision, false), called(setting, device, precision, false, /*exchanges=*/true);
  const torch::Tensor before = plain.weights();
  const int64_t steps = std::max<int64_t>(setting.steps, kCalledWithExchange + 3);
  const auto go = [&](Training& training) {
    for (int64_t step = 0; step < steps; ++step) {
      training.step(random_batch(setting, static_cast<uint64_t>(step), device));
    }
  };
  go(plain);
  go(called);
  nlohmann::json json{{"exchanged_difference", relative(called.weights(), plain.weights(), before)}};
  if (!device.is_cuda()) return json;
  Training recorded(setting, device, precision, true, /*exchanges=*/true);
  go(recorded);
  json["is_recorded"] = recorded.has_recorded();
  json["recorded_difference"] = relative(recorded.weights(), called.weights(), before);
  return json;
}

/// Crops of random windows on the device beside those on the CPU, which are the loader's to the bit.
nlohmann::json crop(const Setting& setting, torch::Device device) {
  torch::manual_seed(0);
  std::vector<int64_t> windows;
  int64_t pixels = 0;
  for (int64_t i = 0; i < setting.batch; ++i) {
    const int64_t height = 1 + 37 * i % 500, width = 1 + 91 * i % 600;
    windows.insert(windows.end(), {pixels, height, width, i % 2});
    pixels += height * width;
  }
  const torch::Tensor bytes = torch::randint(256, {3 * pixels}, torch::kByte);
  const torch::Tensor places = torch::tensor(windows).view({setting.batch, 4});
  Preprocessing preprocessing;
  preprocessing.deviation = {58.4f, 57.1f, 57.4f};
  const auto crops = [&](torch::Device where) {
    return crop_windows(bytes.to(where), places.to(where), setting.side, preprocessing).cpu();
  };
  return {{"crop_difference", (crops(device) - crops(torch::kCPU)).abs().max().item<double>()}};
}

/// Images a second of each tenth of the steps. Reading a value waits for the device.
template <typename Step, typename Wait>
std::vector<double> rates(const Setting& setting, const Step& step, const Wait& wait) {
  for (int i = 0; i < 10; ++i) step();
  wait();
  std::vector<double> rates;
  for (int part = 0; part < 10; ++part) {
    const auto begin = Clock::now();
    for (int64_t i = 0; i < setting.steps; ++i) step();
    wait();
    rates.push_back(static_cast<double>(setting.batch * setting.steps) / seconds_since(begin));
  }
  return rates;
}

nlohmann::json train(const Setting& setting, torch::Device device, bool records) {
  Training training(setting, device, parse_precision(setting.precision), records);
  const LabelledBatch batch = random_batch(setting, 0, device);
  torch::Tensor loss;
  const auto measured = rates(
      setting, [&] { loss = training.step(batch); }, [&] { (void)loss.item<double>(); });
  return {{"images_per_second", measured}, {"is_recorded", training.has_recorded()}};
}

/// From pixels in memory to logits in memory, as programs that answer have them.
nlohmann::json infer(const Setting& setting, torch::Device device) {
  const Classifier model =
      make_classifier(Arch::parse(setting.arch), {.classes = setting.classes, .image_size = setting.side}, 1);
  model->eval();
  const Graph graph = optimise(trace(*model, setting.side));
  const auto engine = make_torch_engine(
      graph, {.precision = parse_precision(setting.precision), .batch = setting.batch, .device = device.str()});
  const torch::Tensor images = random_batch(setting, 0, torch::kCPU).images;
  torch::Tensor kept;
  const Images given = to_images(images, kept);
  nlohmann::json json;
  const torch::Tensor found = to_tensor(engine->run(given)).clone();
  const torch::NoGradGuard no_grad;
  const torch::Tensor wanted = model->forward(images.slice(0, 0, 4));
  json["logit_difference"] = ((found.slice(0, 0, 4) - wanted).abs().max() / wanted.abs().max()).item<double>();
  json["images_per_second"] = rates(
      setting, [&] { (void)engine->run(given); }, [] {});
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Training steps and inference on a device");
  Setting setting;
  std::string mode = "check", name = "auto";
  bool called = false;
  app.add_option("mode", mode)->check(CLI::IsMember({"check", "exchange", "crop", "train", "infer"}));
  app.add_option("--device", name);
  app.add_option("--arch", setting.arch);
  app.add_option("--precision", setting.precision);
  app.add_option("--batch-size", setting.batch);
  app.add_option("--image-size", setting.side);
  app.add_option("--steps", setting.steps);
  app.add_option("--classes", setting.classes);
  app.add_flag("--called", called, "Steps are called, not recorded");
  CLI11_PARSE(app, argc, argv);

  try {
    keep_freed_memory();
    const torch::Device device = parse_device(name);
    const bool compares = mode == "check" || mode == "exchange";
    if (device.is_cuda()) at::globalContext().setBenchmarkCuDNN(!compares);
    if (compares) at::globalContext().setAllowTF32CuDNN(false);
    const nlohmann::json json = mode == "check"      ? check(setting, device)
                                : mode == "exchange" ? exchange(setting, device)
                                : mode == "crop"     ? crop(setting, device)
                                : mode == "train"    ? train(setting, device, device.is_cuda() && !called)
                                                     : infer(setting, device);
    std::cout << json << std::endl;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
