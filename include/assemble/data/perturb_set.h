// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/data/dataset.h"
#include "assemble/data/derived_folder.h"
#include "assemble/image/decode.h"
#include "assemble/image/perturbations.h"

namespace assemble {

/// Name of the file in a set of sequences that says how it was made.
inline constexpr const char* kPerturbSetManifest = "perturbations.json";

enum class PerturbFormat {
  kMp4,    ///< as published: OUT/KIND/CLASS/NAME.mp4
  kFrames  ///< without loss: OUT/KIND/CLASS/NAME/frame_00.png …
};
inline constexpr auto kPerturbFormats =
    choices<PerturbFormat>("format", {{PerturbFormat::kMp4, "mp4"}, {PerturbFormat::kFrames, "frames"}});

struct PerturbSetOptions {
  std::vector<std::string> kinds{perturbation_names().begin(), perturbation_names().begin() + kOfficialPerturbations};
  int resize = 256;  ///< short side before the sequence is made, pixels, antialiased bilinear; 0: as it is
  int crop = 224;    ///< side of the frames, pixels
  ExifRule exif = ExifRule::kIgnore;
  uint64_t seed = 0;
  PerturbFormat format = PerturbFormat::kMp4;
  int threads = 0;         ///< 0: every core
  std::string split = {};  ///< of the data set, for the record: another one needs another folder
};

/// Writes the sequences of a data set. CLASS and NAME are as corrupt_dataset() has them. Each appears whole or not at
/// all, and those that are there already and can be read are kept: called again, it goes on where it stopped.
/// OUT/perturbations.json records how the set was made and whether it is complete.
/// @throws UsageError for an unknown kind, when OUT and the data set lie in one another, when OUT holds a set made in
///         another way, and when it holds folders of kinds but no record
/// @throws InputError when two images would become one sequence, RunError when writing fails
DerivedReport perturb_dataset(const Dataset& dataset, const fs::path& output, const PerturbSetOptions& options);

/// Sequences of one kind with random access. Implementations are safe to read from many threads.
class Sequences {
 public:
  virtual ~Sequences() = default;
  virtual int64_t size() const = 0;
  /// @throws InputError when a sequence cannot be read or has another number of frames than its kind
  virtual std::vector<Image> read(int64_t index) const = 0;
};

/// Sequences made as they are read.
/// @param dataset must outlive the result
std::unique_ptr<Sequences> make_sequences(const Dataset& dataset, const std::string& kind,
                                          const PerturbSetOptions& options);

/// Sequences of a stored set: DIR/KIND/…/NAME.mp4, and folders DIR/KIND/…/NAME/ of frames in the order of the numbers
/// in their names (frame_2 before frame_10). DIR/KIND may also lie in a folder of the published archives: see
/// part_folder().
/// @throws InputError when there is no such folder, naming it, or no sequence in it
std::unique_ptr<Sequences> open_sequences(const fs::path& directory, const std::string& kind);

}  // namespace assemble
