// SPDX-License-Identifier: Apache-2.0
/// @file
/// Embedding in C, and in any language that calls C: opens a model, classifies images in memory, gives labels.
///
/// A function that can fail returns an ::assemble_status; assemble_last_error() then says what is wrong. No exception
/// leaves the library, and it never ends the process. Warnings (a precision that the processor lacks, a damaged cache)
/// go to standard error. Strings are UTF-8 and end with a zero byte.
///
/// Threads: any number of them may use one model at the same time. Images are decoded side by side; the network
/// computes one call's images after the other's, on all threads that it was given. Opening may be done on any thread;
/// freeing a model is for the last one that uses it.
///
/// Link `libassemble_c.so`: target `assemble::c` of find_package(assemble COMPONENTS c), or `pkg-config assemble`.
#ifndef ASSEMBLE_CAPI_ASSEMBLE_H
#define ASSEMBLE_CAPI_ASSEMBLE_H

// NOLINTBEGIN(modernize-*,readability-identifier-naming): C, and the names that C libraries use
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a call ended; the values are also the exit statuses of the command `assemble`.
typedef enum assemble_status {
  ASSEMBLE_OK = 0,
  ASSEMBLE_USAGE_ERROR = 2,  ///< an argument is wrong: a null pointer, an unknown engine, a size that does not fit
  ASSEMBLE_BAD_INPUT = 3,    ///< a model file or an image cannot be used
  ASSEMBLE_FAILED_RUN = 4    ///< the work itself failed, for example for want of memory
} assemble_status;

/// A network ready to compute, with its classes and its preprocessing.
typedef struct assemble_model assemble_model;

/// How a model is opened. It grows at its end in later versions; `size` tells them apart.
typedef struct assemble_options {
  size_t size;            ///< bytes of this structure in the header that the program was compiled with
  const char* engine;     ///< "openvino", which NULL is too; this library is of the half without LibTorch
  const char* precision;  ///< "f32" or "bf16"; NULL: f32. An .onnx file with 8-bit weights computes in int8
  const char* device;     ///< "cpu" or "auto", which NULL is too: reserved for engines to come
  const char* cache;      ///< folder where OpenVINO's compiled models are kept, so that opening is fast; NULL: none
  int32_t threads;        ///< of the processor, for decoding and for the network, up to 1024; 0: every core
  /// Images that the network computes at once, up to 65536. It always computes that many: 1 for images that come one by
  /// one, 8 or more for batches.
  int32_t batch;
} assemble_options;

/// An image in memory: an encoded file, or pixels. Fields that do not apply are 0:
/// `assemble_image image = {.data = bytes, .size = length};`
typedef struct assemble_image {
  const void* data;  ///< read during the call only
  size_t size;       ///< bytes at `data`
  int32_t width;     ///< of pixels, 1 … 65535; 0: `data` is an image file
  int32_t height;    ///< of pixels, 1 … 65535
  size_t stride;     ///< of pixels (three bytes each: red, green, blue): bytes from row to row; 0: 3 · width
} assemble_image;

/// One class of an image.
typedef struct assemble_class {
  int64_t label;       ///< 0 … assemble_model_class_count() - 1; -1: no class
  const char* name;    ///< belongs to the model; NULL: no class
  double probability;  ///< in [0, 1]: softmax of the logits, or their sigmoid when the model was trained with that loss
} assemble_class;

/// Version of the library, "MAJOR.MINOR.PATCH". Static.
const char* assemble_version(void);

/// What went wrong in the calling thread's latest call that returns an ::assemble_status; empty after ASSEMBLE_OK.
/// "WHERE: WHAT (HINT)", cut off after 2 KiB. Valid until this thread's next such call.
const char* assemble_last_error(void);

/// Fills options with the defaults: every core, batches of one image, f32, no cache.
/// @param options filled
/// @param size sizeof(assemble_options)
/// @return ASSEMBLE_USAGE_ERROR when the program was compiled with the header of a later version than the library's
assemble_status assemble_options_init(assemble_options* options, size_t size);

/// Opens a model file (.safetensors) or an .onnx file that `assemble export` wrote.
/// @param path of the file
/// @param options NULL: the defaults. Nothing of it is kept
/// @param model set to the open model, to be freed by assemble_model_free(), or to NULL on an error
/// @return ASSEMBLE_BAD_INPUT when the file cannot be used, ASSEMBLE_USAGE_ERROR for options that do not exist or do
/// not
///         fit the file, ASSEMBLE_FAILED_RUN when the engine cannot compile the network or there is no such device
assemble_status assemble_model_open(const char* path, const assemble_options* options, assemble_model** model);

/// Frees a model and all strings that belong to it. No other thread may be using it. NULL is allowed.
void assemble_model_free(assemble_model* model);

/// Number of classes; 0 for NULL.
int64_t assemble_model_class_count(const assemble_model* model);

/// Name of a class; belongs to the model. NULL when there is no such label.
const char* assemble_model_class_name(const assemble_model* model, int64_t label);

/// Side of the square that the network sees, pixels; images of any size are brought to it. 0 for NULL.
int32_t assemble_model_input_size(const assemble_model* model);

/// Arch string of the network, for example "resnet50+bl+sk+aa3"; belongs to the model. NULL for NULL.
const char* assemble_model_arch(const assemble_model* model);

/// Precision in use: "f32", "bf16" or "int8"; f32 where the processor lacks the one asked for. Static. NULL for NULL.
const char* assemble_model_precision(const assemble_model* model);

/// Engine, its version, precision and threads, for people; belongs to the model. NULL for NULL.
const char* assemble_model_description(const assemble_model* model);

/// Classifies one image.
/// @param model open model
/// @param image encoded file or pixels
/// @param top classes wanted, at least 1; more than the model has give them all
/// @param classes room for `top` entries; the first *count are filled, best first, the others hold no class
/// @param count set to the number of classes filled in; may be NULL
/// @return ASSEMBLE_BAD_INPUT when the image cannot be decoded
assemble_status assemble_classify(assemble_model* model, const assemble_image* image, size_t top,
                                  assemble_class* classes, size_t* count);

/// Classifies images, several at once: faster than one by one where options.batch or options.threads are above 1.
/// @param model open model
/// @param images `image_count` of them, encoded files and pixels as they come
/// @param image_count may be 0
/// @param top classes wanted of each image, at least 1
/// @param classes room for `image_count · top` entries: image i's are at `classes + i · top`, best first; no classes
/// where
///        it cannot be decoded, and beyond the model's last class
/// @param statuses set to each image's status: ASSEMBLE_OK or ASSEMBLE_BAD_INPUT; may be NULL. Undefined after another
///        error than ASSEMBLE_BAD_INPUT
/// @return ASSEMBLE_BAD_INPUT when some image cannot be decoded, with the first one's error; the others are classified
assemble_status assemble_classify_batch(assemble_model* model, const assemble_image* images, size_t image_count,
                                        size_t top, assemble_class* classes, assemble_status* statuses);

/// Values of the model's embeddings, for retrieval: what its classifier reads, before any activation. The first call of
/// this or of assemble_embed() compiles the part of the network that gives them, which takes as long as opening.
/// @param model open model
/// @param size set to the number of values, or to 0 on an error
/// @return ASSEMBLE_USAGE_ERROR for an .onnx file that was written without `--embedding`
assemble_status assemble_model_embedding_size(assemble_model* model, size_t* size);

/// Embeds one image.
/// @param model open model
/// @param image encoded file or pixels
/// @param embedding room for `size` values
/// @param size what assemble_model_embedding_size() gives
/// @return ASSEMBLE_BAD_INPUT when the image cannot be decoded, ASSEMBLE_USAGE_ERROR for another size
assemble_status assemble_embed(assemble_model* model, const assemble_image* image, float* embedding, size_t size);

/// Embeds images, several at once, as assemble_classify_batch() classifies them.
/// @param model open model
/// @param images `image_count` of them, encoded files and pixels as they come
/// @param image_count may be 0
/// @param embeddings room for `image_count · size` values: image i's are at `embeddings + i · size`; zeros where it
///        cannot be decoded
/// @param size what assemble_model_embedding_size() gives
/// @param statuses as in assemble_classify_batch(); may be NULL
/// @return ASSEMBLE_BAD_INPUT when some image cannot be decoded, with the first one's error; the others are embedded
assemble_status assemble_embed_batch(assemble_model* model, const assemble_image* images, size_t image_count,
                                     float* embeddings, size_t size, assemble_status* statuses);

// NOLINTEND(modernize-*,readability-identifier-naming)
#ifdef __cplusplus
}
#endif

#endif
