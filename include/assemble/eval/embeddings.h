// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/eval/retrieval.h"

namespace assemble {

/// Files of embeddings, by the ending of their names.
enum class EmbeddingFormat {
  kSafetensors,  ///< tensors "embeddings" [N, E] of f32 and "labels" [N] of i64; metadata images, classes (JSON arrays)
  kCsv,          ///< a line an image: image, label, class, e0, e1, …; values read back as the same bits
  kNpy,          ///< NumPy's array [N, E] of f32; a line an image with image, label, class in NAME.csv beside it
};

/// @throws UsageError for an ending that is none of .safetensors, .csv and .npy
EmbeddingFormat embedding_format(const fs::path& path);
/// What is written beside the file: NAME.csv of an .npy file; else empty.
fs::path embedding_labels_file(const fs::path& path);

/// Embeddings with what they are of.
struct NamedEmbeddings {
  EmbeddedImages images;             ///< with a name each
  std::vector<std::string> classes;  ///< names by label; labels beyond them have none
};

/// Writes them, each file as a whole or not at all.
/// @param metadata of a .safetensors file, beside images and classes
/// @throws UsageError as embedding_format(), and when there are not as many names as embeddings; RunError when it
///         cannot be written
void write_embeddings(const fs::path& path, const NamedEmbeddings& embeddings,
                      std::map<std::string, std::string> metadata);

}  // namespace assemble
