// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::HasSubstr;

/// "path: texts", an entry a line; arrays in brackets.
std::string read(std::string_view text) {
  std::string all;
  for (const TomlEntry& entry : read_toml(text, "f.toml")) {
    std::vector<std::string> values;
    for (const TomlValue& value : entry.values) values.push_back(value.text);
    const std::string joined = join(values, "|");
    all += join(entry.path, "/") + ": " + (entry.is_array ? "[" + joined + "]" : joined) + "\n";
  }
  return all;
}

std::string refusal(std::string_view text) {
  return error_of<UsageError>([&] { read_toml(text, "f.toml"); });
}

TEST(Toml, ReadsEverySpellingOfAValue) {
  EXPECT_EQ(read("a = \"q\\\"\\\\\\t\\u00e9\" # no # value\n"
                 "b = 'C:\\new # \"x\"'\n"
                 "c = \"\"\"\ntwo\nlines\"\"\"\n"
                 "d = '''it's'''\n"
                 "e = 1_000\n"
                 "f = 0x1F\n"
                 "g = +5.0e-1\n"
                 "h = -inf\n"
                 "i = true\n"
                 "j = 2024-01-01\n"
                 "k = [0.9, # first\n  0.7,\n]\n"
                 "l = ''\n"),
            "a: q\"\\\t\u00e9\nb: C:\\new # \"x\"\nc: two\nlines\nd: it's\ne: 1000\nf: 31\ng: 0.5\nh: -inf\ni: true\n"
            "j: 2024-01-01\nk: [0.9|0.7]\nl: \n");
  EXPECT_EQ(read("a = \"\"\"é\\\"\"\"\"\"\" # é\nb = '\\' # é\nc = '''''é'''''\nd = \"\\\"é\"\n"),
            "a: é\"\"\"\nb: \\\nc: ''é''\nd: \"é\n");
}

TEST(Toml, TablesDottedKeysAndInlineTablesAreAlike) {
  const std::string wanted = "c/quality: 90\nc/format: png\n";
  EXPECT_EQ(read("[c]\nquality = 90\nformat = 'png'"), wanted);
  EXPECT_EQ(read("c.quality = 90\nc . \"format\" = 'png'"), wanted);
  EXPECT_EQ(read("c = { quality = 90, format = 'png' }"), wanted);
}

TEST(Toml, AByteOrderMarkAndLinesOfWindowsAreTakenAlong) {
  const std::vector<TomlEntry> entries = read_toml("\xEF\xBB\xBF\"\u00e9\" = 1_0 # x\r\nb = 0x10\r\n", "f.toml");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].values[0].written, "1_0");
  EXPECT_EQ(entries[0].values[0].text, "10");
  EXPECT_EQ(entries[1].values[0].written, "0x10");
  EXPECT_EQ(entries[1].line, 2u);
  EXPECT_EQ(entries[1].column, 5u);
}

TEST(Toml, ErrorsSayLineAndColumn) {
  EXPECT_THAT(refusal("a = 1\nb = .5\n"), HasSubstr("f.toml:2:5: "));
  EXPECT_THAT(refusal("a = 1\na = 2\n"), HasSubstr("f.toml:2:"));
  EXPECT_THAT(refusal("a = 99999999999999999999"), HasSubstr("not representable in 64 bits"));
  EXPECT_THAT(refusal("a = [[1], [2]]"), HasSubstr("an array or a table in an array"));
  EXPECT_THAT(refusal("[[c]]\na = 1"), HasSubstr("an array or a table in an array"));
  EXPECT_THAT(refusal("a = \"\xFF\""), HasSubstr("f.toml:1:"));
  EXPECT_EQ(read("a = \"\"\"x \\\n  é, \uFEEF\"\"\""), "a: x é, \uFEEF\n");
  EXPECT_THAT(refusal("[<]"), HasSubstr("f.toml: is no TOML"));
  EXPECT_THAT(refusal("a = 'é' # é\n\uFEEF = 1"), HasSubstr("f.toml:2:1: "));
  EXPECT_THAT(refusal(std::string_view("\xFF\xFE\x61\0", 4)), HasSubstr("is UTF-16, expected UTF-8"));
}

TEST(Toml, DeepNestingIsRefused) {
  std::string key, array = "a = ";
  for (int i = 0; i < 100000; ++i) key += "a.", array += "[";
  EXPECT_THAT(refusal(key + "a = 1"), HasSubstr("has a key of more than 500 parts"));
  EXPECT_THAT(refusal("[" + key + "a]\nb = 1"), HasSubstr("has a key of more than 500 parts"));
  EXPECT_THAT(refusal(array), HasSubstr("f.toml:1:"));
}

TEST(Toml, StringsOfAnyBytesSurvive) {
  std::vector<std::string> strings{"",
                                   "plain",
                                   " lead",
                                   "it's",
                                   "say \"hi\"",
                                   "a #1 set",
                                   "[x], y",
                                   "back\\new",
                                   "tab\there",
                                   "line\nfeed",
                                   "007",
                                   "\u00fcn\u00ef",
                                   "\xE9t\xE9 in Latin-1",
                                   "\xED\xA0\x80 half a surrogate",
                                   "\xC0\x80",
                                   "\U0010FF80 stands for a byte",
                                   "\U0010FFFF",
                                   "\U0010FF7F",
                                   "cut \xF0\x9F\x98"};
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    strings.emplace_back(2, static_cast<char>(byte));
  }
  strings.push_back(all);
  for (const std::string& text : strings) {
    const std::string written = toml_string(text);
    EXPECT_EQ(written.find('\n'), std::string::npos);
    const std::vector<TomlEntry> entries = read_toml("a = " + written + " # comment", "f.toml");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].values[0].text, text);
  }
}

}  // namespace
}  // namespace assemble
