// SPDX-License-Identifier: Apache-2.0
#include "assemble/capi/assemble.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <new>

#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "assemble/deploy/engine.h"
#include "assemble/eval/predict.h"
#include "assemble/image/preprocess.h"

struct assemble_model {
  assemble::ModelCard card;
  std::unique_ptr<assemble::Engine> engine;
  std::mutex computing;  ///< an engine takes one thread at a time
  std::string path;
  assemble::EngineOptions options;
  std::unique_ptr<assemble::Engine> embedder;  ///< opened by the first call that needs it, under `computing`
  std::string arch;
  std::string description;
  assemble::ThreadPool decoders;
  int64_t chunk;  ///< images that are decoded before they are computed
};

namespace {

using namespace assemble;

static_assert(ASSEMBLE_OK == static_cast<int>(ExitCode::kOk));
static_assert(ASSEMBLE_USAGE_ERROR == static_cast<int>(ExitCode::kUsage));
static_assert(ASSEMBLE_BAD_INPUT == static_cast<int>(ExitCode::kBadInput));
static_assert(ASSEMBLE_FAILED_RUN == static_cast<int>(ExitCode::kFailedRun));

constexpr assemble_options kDefaults{sizeof(assemble_options), nullptr, nullptr, nullptr, nullptr, 0, 1};
/// Of the first version; later ones append fields.
constexpr size_t kSmallestOptions = offsetof(assemble_options, batch) + sizeof(assemble_options::batch);
constexpr int32_t kLongestSide = 65535;
constexpr int32_t kMostThreads = 1024;
constexpr int32_t kLargestBatch = 65536;
constexpr size_t kMostClasses = size_t{1} << 31;  ///< above it lies what was below 0
constexpr assemble_class kNoClass{-1, nullptr, 0};

/// Not a std::string: noting that there is no memory may not need any.
thread_local char last_error[2048];

assemble_status fail(ExitCode code, const char* message) noexcept {
  std::snprintf(last_error, sizeof(last_error), "%s", message);
  return static_cast<assemble_status>(code);
}

/// The one boundary that exceptions do not cross.
template <typename Body>
assemble_status guarded(Body&& body) noexcept {
  last_error[0] = '\0';
  try {
    body();
    return ASSEMBLE_OK;
  } catch (const Error& error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kFailedRun, "out of memory");
  } catch (const std::exception& error) {
    return fail(ExitCode::kFailedRun, error.what());
  } catch (...) {
    return fail(ExitCode::kFailedRun, "unknown error");
  }
}

void require_argument(const void* pointer, const char* name) {
  if (pointer == nullptr) throw UsageError(name, "is NULL");
}

void require_known_size(size_t size) {
  if (size >= kSmallestOptions && size <= sizeof(assemble_options)) return;
  throw UsageError("assemble_options",
                   concat("a structure of ", size, " bytes, this library knows ", kSmallestOptions, " to ",
                          sizeof(assemble_options)),
                   size > sizeof(assemble_options)
                       ? "the program needs a newer library, or assemble_options_init was not called"
                       : "fill it with assemble_options_init first");
}

void require_range(const char* name, int32_t value, int32_t least, int32_t most) {
  if (value >= least && value <= most) return;
  throw UsageError(name, concat(value, " is out of range, expected ", least, " … ", most));
}

std::string text_or(const char* text, const char* otherwise) { return text != nullptr ? text : otherwise; }

EngineOptions to_engine_options(const assemble_options& options) {
  require_range("threads", options.threads, 0, kMostThreads);
  require_range("batch", options.batch, 1, kLargestBatch);
  EngineOptions result;
  result.device = text_or(options.device, "cpu");
  result.kind = options.engine != nullptr ? kEngineKinds.parse(options.engine) : default_engine(result.device);
  if (result.kind == EngineKind::kOpenvino && result.device != "cpu" && result.device != "auto") {
    throw UsageError("engine openvino", concat("does not compute on ", result.device), "take the engine torch");
  }
  result.precision = parse_precision(text_or(options.precision, "f32"));
  result.batch = options.batch;
  result.threads = options.threads;
  result.cache = text_or(options.cache, "");
  return result;
}

assemble_model* open_model(const char* path, const assemble_options& options) {
  const EngineOptions engine_options = to_engine_options(options);
  const int threads = options.threads > 0 ? options.threads : available_cores();
  DeployedModel opened = open_engine(path, engine_options);
  std::string arch = opened.card.arch, description = opened.engine->description();
  const int64_t chunk = (threads + options.batch - 1) / options.batch * int64_t{options.batch};
  return new assemble_model{
      std::move(opened.card), std::move(opened.engine), {},   path, engine_options, nullptr, std::move(arch),
      std::move(description), ThreadPool(threads),      chunk};
}

std::string place(size_t index, size_t count) { return count == 1 ? "image" : concat("image ", index); }

/// Whether an image's fields fit each other; what they point to is not looked at.
void check_image(const assemble_image& image, const std::string& where) {
  require_argument(image.data, concat(where, " data").c_str());
  if (image.width == 0 && image.height == 0) return;
  if (std::min(image.width, image.height) < 1 || std::max(image.width, image.height) > kLongestSide) {
    throw UsageError(where, concat(image.width, "×", image.height, " pixels, expected sides of 1 to ", kLongestSide),
                     "an encoded file has width and height 0");
  }
  const size_t row = size_t{Image::kChannels} * image.width;
  const size_t stride = image.stride > 0 ? image.stride : row;
  // Divided, since a product with any stride may not fit.
  const bool fits = image.size >= row && (image.height == 1 || (image.size - row) / (image.height - 1) >= stride);
  if (stride < row || !fits) {
    throw UsageError(where, concat(image.size, " bytes in rows ", stride, " apart do not hold ", image.width, "×",
                                   image.height, " RGB pixels"));
  }
}

Image copy_pixels(const assemble_image& image) {
  Image copy{image.height, image.width, Bytes(size_t{Image::kChannels} * image.height * image.width)};
  const size_t row = size_t{Image::kChannels} * image.width;
  const auto* from = static_cast<const uint8_t*>(image.data);
  for (int y = 0; y < image.height; ++y)
    std::memcpy(copy.row(y), from + y * (image.stride > 0 ? image.stride : row), row);
  return copy;
}

void prepare(const assemble_image& image, const std::string& where, const Preprocessing& preprocessing,
             std::span<float> input) {
  if (image.width > 0) return preprocess_eval(copy_pixels(image), preprocessing, input);
  preprocess_eval({static_cast<const uint8_t*>(image.data), image.size}, where, preprocessing, input);
}

void write_classes(const assemble_model& model, const Prediction& prediction, std::span<assemble_class> classes) {
  std::fill(classes.begin(), classes.end(), kNoClass);
  std::transform(
      prediction.classes.begin(), prediction.classes.end(), classes.begin(), [&](const Prediction::Class& c) {
        return assemble_class{c.label, model.card.class_names[static_cast<size_t>(c.label)].c_str(), c.probability};
      });
}

/// Takes the images in chunks. @param compute gives the errors of images begin … begin + count - 1, as run_batch()
/// @return the first error, empty when there was none
std::string for_chunks(
    const assemble_model& model, std::span<const assemble_image> images, assemble_status* statuses,
    const std::function<std::vector<std::string>(size_t begin, int64_t count, const PrepareImage& prepare)>& compute) {
  for (size_t i = 0; i < images.size(); ++i) check_image(images[i], place(i, images.size()));
  std::string first_error;
  for (size_t begin = 0; begin < images.size(); begin += model.chunk) {
    const auto chunk = images.subspan(begin, std::min<size_t>(model.chunk, images.size() - begin));
    const auto prepare_image = [&](int64_t i, std::span<float> input) {
      prepare(chunk[i], place(begin + i, images.size()), model.card.preprocessing, input);
    };
    const std::vector<std::string> errors = compute(begin, static_cast<int64_t>(chunk.size()), prepare_image);
    for (size_t i = 0; i < errors.size(); ++i) {
      if (first_error.empty()) first_error = errors[i];
      if (statuses != nullptr) statuses[begin + i] = errors[i].empty() ? ASSEMBLE_OK : ASSEMBLE_BAD_INPUT;
    }
  }
  return first_error;
}

/// @return as for_chunks()
std::string classify(assemble_model& model, std::span<const assemble_image> images, size_t top, assemble_class* classes,
                     assemble_status* statuses) {
  const auto network = [&](const Images& batch) {
    const std::lock_guard lock(model.computing);
    return model.engine->run(batch);
  };
  const auto wanted = static_cast<int64_t>(std::min<size_t>(top, model.card.class_names.size()));
  return for_chunks(model, images, statuses, [&](size_t begin, int64_t count, const PrepareImage& prepare_image) {
    const auto predictions = classify_batch(network, model.card, count, prepare_image, wanted, model.decoders);
    std::vector<std::string> errors;
    for (size_t i = 0; i < predictions.size(); ++i) {
      write_classes(model, predictions[i], {classes + (begin + i) * top, top});
      errors.push_back(predictions[i].error);
    }
    return errors;
  });
}

/// Opens the embedder where that was not done yet.
size_t embedding_size(assemble_model& model) {
  const std::lock_guard lock(model.computing);
  if (!model.embedder) model.embedder = open_embedder(model.path, model.options).engine;
  return static_cast<size_t>(model.embedder->outputs());
}

/// @return as for_chunks()
std::string embed(assemble_model& model, std::span<const assemble_image> images, float* embeddings, size_t size,
                  assemble_status* statuses) {
  const size_t values = embedding_size(model);
  if (size != values) {
    throw UsageError("size", concat(size, ", but the embeddings have ", values, " values"),
                     "ask assemble_model_embedding_size");
  }
  const auto network = [&](const Images& batch) {
    const std::lock_guard lock(model.computing);
    return model.embedder->run(batch);
  };
  return for_chunks(model, images, statuses, [&](size_t begin, int64_t count, const PrepareImage& prepare_image) {
    const BatchOutputs outputs = run_batch(network, model.card.preprocessing, count, prepare_image, model.decoders);
    for (int64_t i = 0; i < count; ++i) {
      float* row = embeddings + (begin + static_cast<size_t>(i)) * size;
      if (outputs.errors[static_cast<size_t>(i)].empty()) {
        std::ranges::copy(outputs.values.row(i), row);
      } else {
        std::fill_n(row, size, 0.f);
      }
    }
    return outputs.errors;
  });
}

}  // namespace

const char* assemble_version(void) { return ASSEMBLE_VERSION; }

const char* assemble_last_error(void) { return last_error; }

assemble_status assemble_options_init(assemble_options* options, size_t size) {
  return guarded([&] {
    require_argument(options, "options");
    require_known_size(size);
    std::memcpy(options, &kDefaults, size);
    options->size = size;
  });
}

assemble_status assemble_model_open(const char* path, const assemble_options* options, assemble_model** model) {
  if (model != nullptr) *model = nullptr;
  return guarded([&] {
    require_argument(path, "path");
    require_argument(model, "model");
    assemble_options known = kDefaults;
    if (options != nullptr) {
      require_known_size(options->size);
      std::memcpy(&known, options, options->size);
    }
    *model = open_model(path, known);
  });
}

void assemble_model_free(assemble_model* model) { delete model; }

int64_t assemble_model_class_count(const assemble_model* model) { return model != nullptr ? model->card.classes() : 0; }

const char* assemble_model_class_name(const assemble_model* model, int64_t label) {
  if (label < 0 || label >= assemble_model_class_count(model)) return nullptr;
  return model->card.class_names[static_cast<size_t>(label)].c_str();
}

int32_t assemble_model_input_size(const assemble_model* model) {
  return model != nullptr ? model->card.preprocessing.eval_size : 0;
}

const char* assemble_model_arch(const assemble_model* model) {
  return model != nullptr ? model->arch.c_str() : nullptr;
}

const char* assemble_model_precision(const assemble_model* model) {
  return model != nullptr ? precision_name(model->engine->precision()) : nullptr;
}

const char* assemble_model_description(const assemble_model* model) {
  return model != nullptr ? model->description.c_str() : nullptr;
}

assemble_status assemble_classify(assemble_model* model, const assemble_image* image, size_t top,
                                  assemble_class* classes, size_t* count) {
  if (count != nullptr) *count = 0;
  const assemble_status status = assemble_classify_batch(model, image, 1, top, classes, nullptr);
  if (status == ASSEMBLE_OK && count != nullptr) *count = std::min(top, model->card.class_names.size());
  return status;
}

assemble_status assemble_classify_batch(assemble_model* model, const assemble_image* images, size_t image_count,
                                        size_t top, assemble_class* classes, assemble_status* statuses) {
  std::string unreadable;
  const assemble_status status = guarded([&] {
    require_argument(model, "model");
    if (image_count == 0) return;
    require_argument(images, "images");
    require_argument(classes, "classes");
    if (top < 1) throw UsageError("top", "is 0, expected at least 1");
    if (top > kMostClasses) throw UsageError("top", concat(top, " is out of range, expected at most ", kMostClasses));
    unreadable = classify(*model, {images, image_count}, top, classes, statuses);
  });
  return unreadable.empty() ? status : fail(ExitCode::kBadInput, unreadable.c_str());
}

assemble_status assemble_model_embedding_size(assemble_model* model, size_t* size) {
  if (size != nullptr) *size = 0;
  return guarded([&] {
    require_argument(model, "model");
    require_argument(size, "size");
    *size = embedding_size(*model);
  });
}

assemble_status assemble_embed(assemble_model* model, const assemble_image* image, float* embedding, size_t size) {
  return assemble_embed_batch(model, image, 1, embedding, size, nullptr);
}

assemble_status assemble_embed_batch(assemble_model* model, const assemble_image* images, size_t image_count,
                                     float* embeddings, size_t size, assemble_status* statuses) {
  std::string unreadable;
  const assemble_status status = guarded([&] {
    require_argument(model, "model");
    if (image_count == 0) return;
    require_argument(images, "images");
    require_argument(embeddings, "embeddings");
    unreadable = embed(*model, {images, image_count}, embeddings, size, statuses);
  });
  return unreadable.empty() ? status : fail(ExitCode::kBadInput, unreadable.c_str());
}
