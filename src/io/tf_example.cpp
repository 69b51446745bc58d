// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_example.h"

#include <protozero/pbf_builder.hpp>
#include <protozero/pbf_reader.hpp>
#include <utility>

#include "assemble/core/error.h"

namespace assemble {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr uint32_t length_delimited(protozero::pbf_tag_type tag) {
  return tag_and_type(tag, pbf_wire_type::length_delimited);
}

/// Field numbers, of tensorflow/core/example/{example,feature}.proto.
enum : protozero::pbf_tag_type {
  kExampleFeatures = 1,
  kFeaturesFeature = 1,
  kEntryKey = 1,
  kEntryValue = 2,
  kFeatureBytes = 1,
  kFeatureFloats = 2,
  kFeatureInts = 3,
  kListValue = 1,
};

class ExampleParser {
 public:
  ExampleParser(std::span<const uint8_t> bytes, const std::string& where)
      : begin_(reinterpret_cast<const char*>(bytes.data())), size_(bytes.size()), where_(where), position_(begin_) {}

  Example parse() {
    Example example;
    try {
      pbf_reader message(begin_, size_);
      while (advance(message)) {
        if (message.tag_and_type() == length_delimited(kExampleFeatures)) {
          parse_features(message.get_message(), example);
        } else {
          message.skip();
        }
      }
    } catch (const protozero::exception& error) {
      throw InputError(concat(where_, " at byte ", position_ - begin_),
                       concat("is not a tf.train.Example: ", error.what()), "the record is damaged or of another kind");
    }
    return example;
  }

 private:
  /// Goes to the next field and notes where, for errors.
  bool advance(pbf_reader& message) {
    if (message.length() > 0) position_ = message.data().data();
    return message.next();
  }

  void parse_features(pbf_reader message, Example& example) {
    while (advance(message)) {
      if (message.tag_and_type() == length_delimited(kFeaturesFeature)) {
        parse_entry(message.get_message(), example);
      } else {
        message.skip();
      }
    }
  }

  void parse_entry(pbf_reader message, Example& example) {
    std::string key;
    Feature value;
    while (advance(message)) {
      if (message.tag_and_type() == length_delimited(kEntryKey)) {
        key = message.get_string();
      } else if (message.tag_and_type() == length_delimited(kEntryValue)) {
        value = parse_feature(message.get_message());
      } else {
        message.skip();
      }
    }
    example.insert_or_assign(std::move(key), std::move(value));
  }

  Feature parse_feature(pbf_reader message) {
    Feature feature;
    while (advance(message)) {
      switch (message.tag_and_type()) {
        case length_delimited(kFeatureBytes):
          feature = parse_bytes(message.get_message());
          break;
        case length_delimited(kFeatureFloats):
          feature = parse_floats(message.get_message());
          break;
        case length_delimited(kFeatureInts):
          feature = parse_ints(message.get_message());
          break;
        default:
          message.skip();
      }
    }
    return feature;
  }

  std::vector<std::string> parse_bytes(pbf_reader message) {
    std::vector<std::string> values;
    while (advance(message)) {
      if (message.tag_and_type() == length_delimited(kListValue)) {
        values.push_back(message.get_string());
      } else {
        message.skip();
      }
    }
    return values;
  }

  std::vector<float> parse_floats(pbf_reader message) {
    std::vector<float> values;
    while (advance(message)) {
      if (message.tag_and_type() == length_delimited(kListValue)) {
        const auto packed = message.get_packed_float();
        values.insert(values.end(), packed.begin(), packed.end());
      } else if (message.tag_and_type() == tag_and_type(kListValue, pbf_wire_type::fixed32)) {
        values.push_back(message.get_float());
      } else {
        message.skip();
      }
    }
    return values;
  }

  std::vector<int64_t> parse_ints(pbf_reader message) {
    std::vector<int64_t> values;
    while (advance(message)) {
      if (message.tag_and_type() == length_delimited(kListValue)) {
        const auto packed = message.get_packed_int64();
        values.insert(values.end(), packed.begin(), packed.end());
      } else if (message.tag_and_type() == tag_and_type(kListValue, pbf_wire_type::varint)) {
        values.push_back(message.get_int64());
      } else {
        message.skip();
      }
    }
    return values;
  }

  const char* begin_;
  size_t size_;
  const std::string& where_;
  const char* position_;
};

std::string serialise_list(const std::vector<std::string>& values) {
  std::string bytes;
  protozero::pbf_writer writer(bytes);
  for (const std::string& value : values) writer.add_bytes(kListValue, value);
  return bytes;
}

std::string serialise_list(const std::vector<float>& values) {
  std::string bytes;
  protozero::pbf_writer(bytes).add_packed_float(kListValue, values.begin(), values.end());
  return bytes;
}

std::string serialise_list(const std::vector<int64_t>& values) {
  std::string bytes;
  protozero::pbf_writer(bytes).add_packed_int64(kListValue, values.begin(), values.end());
  return bytes;
}

}  // namespace

Example parse_example(std::span<const uint8_t> bytes, const std::string& where) {
  return ExampleParser(bytes, where).parse();
}

Bytes serialise_example(const Example& example) {
  std::string features;
  protozero::pbf_writer features_writer(features);
  for (const auto& [key, value] : example) {
    const std::string list = std::visit([](const auto& values) { return serialise_list(values); }, value);
    std::string feature;
    protozero::pbf_writer(feature).add_message(static_cast<protozero::pbf_tag_type>(kFeatureBytes + value.index()),
                                               list);
    protozero::pbf_writer entry(features_writer, kFeaturesFeature);
    entry.add_string(kEntryKey, key);
    entry.add_message(kEntryValue, feature);
  }
  std::string bytes;
  protozero::pbf_writer(bytes).add_message(kExampleFeatures, features);
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace assemble
