// SPDX-License-Identifier: Apache-2.0
// Networks that others wrote (torch.onnx, tf2onnx, Keras, timm …), as .onnx files or as OpenVINO's .xml and .bin: what
// such a file does not say is said by options or by a small .toml file beside it, or guessed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "assemble/deploy/engine.h"
#include "assemble/deploy/foreign_options.h"
#include "assemble/io/onnx_writer.h"

namespace assemble {

/// Key in ModelCard::training under which ForeignModel::description stands.
inline constexpr const char* kForeignKey = "foreign";

/// A network that others wrote, with everything known that there is to know.
struct ForeignModel {
  ImageLayout layout = ImageLayout::kNchw;
  ChannelOrder channels = ChannelOrder::kRgb;
  bool pixels = false;     ///< takes bytes
  bool any_size = false;   ///< the file leaves the size open
  bool in_8_bits = false;  ///< the file quantises values
  int64_t batch = 0;       ///< images that it takes at once; 0: any number
  std::string output_name;
  OutputKind output = OutputKind::kLogits;
  int64_t label_offset = 0;
  std::string embedding_name;  ///< empty: what the last dense layer takes
  double temperature = 1;      ///< divides logits
  /// Its arch says who wrote it; its classes are those after the offset, and none where only the compiled network will
  /// tell how many there are.
  ModelCard card;
  ForeignModelOptions options;       ///< that say all of it
  std::vector<std::string> guesses;  ///< what was not said, for people: "looks like …"
  std::string description;           ///< all of it in a line

  int64_t outputs() const { return card.classes() + label_offset; }
  /// Numbers for names, where neither the file nor the options said how many classes there are.
  /// @param outputs of the network
  void count_classes(int64_t outputs);
};

/// Where the options of a network's file lie: teacher.toml of teacher.onnx.
fs::path foreign_options_file(const fs::path& network);

/// Whether another program than this library wrote a file with a network: an .onnx file without its metadata, or an
/// .xml file. @throws InputError when it cannot be read
bool is_foreign(const fs::path& network);

/// What a network's file says of itself, .onnx or .xml.
/// @throws InputError when it cannot be read; UsageError for an .xml file where this build has no OpenVINO
OnnxInterface read_foreign_interface(const fs::path& network);

/// Puts together what a network's file says of itself and what is said of it.
/// @param network the file, named in errors
/// @throws InputError for a network that is no classifier of square images, and for options that contradict it or leave
///         something open: the error lists what to say
ForeignModel describe_foreign(const OnnxInterface& interface, const ForeignModelOptions& options,
                              const fs::path& network);

/// The options that hold for a file: those given, else those of the .toml file beside it.
ForeignModelOptions foreign_options(const fs::path& network, const ForeignModelOptions& given = {});

/// The same as describe_foreign() for a file, with foreign_options().
ForeignModel read_foreign(const fs::path& network, const ForeignModelOptions& given = {});

/// Sets keys in the .toml file beside a network, which is made where there is none; all else in it stays.
/// @param keys as ForeignModelOptions::to_keys() gives them
/// @throws UsageError when the file is no TOML, RunError when it cannot be written
void set_foreign_keys(const fs::path& network, const std::map<std::string, std::string>& keys);

/// An engine whose outputs are the logits of the card's classes, divided by the temperature: probabilities become their
/// logarithms, those below f32's smallest normal number that number's; outputs before the offset are left out.
/// @param engine gives the network's own outputs
/// @param where the file; run() throws InputError naming it when outputs said to be a softmax do not add up to 1, or
///        those said to be logits do
std::unique_ptr<Engine> as_logits(std::unique_ptr<Engine> engine, const ForeignModel& model, const std::string& where);

}  // namespace assemble
