// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/encoding.h"

#include <gtest/gtest.h>

#include "assemble/core/json.h"

namespace assemble {
namespace {

TEST(IsUtf8, RefusesWhatJsonWould) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("rose, caf\xC3\xA9, \xE6\x97\xA5\xE6\x9C\xAC, \xF0\x9F\x8C\xB9"));
  for (const char* text : {"caf\xE9", "\xC3", "\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(ToUtf8, KeepsUtf8AndTakesTheRestAsWindows1252) {
  EXPECT_EQ(to_utf8("caf\xC3\xA9"), "café");
  EXPECT_EQ(to_utf8("caf\xE9 \x80 \xFF"), "café € ÿ");
  EXPECT_EQ(to_utf8("\xC3\xA9 \xE9"), "é é");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_TRUE(is_utf8(to_utf8(all)));
}

TEST(NameText, IsTheSameForMacOsLinuxAndWindows) {
  EXPECT_EQ(name_text("cafe\xCC\x81"), "café");
  EXPECT_EQ(name_text("caf\xC3\xA9"), "café");
  EXPECT_EQ(name_text("caf\xE9"), "café");
  EXPECT_EQ(name_text("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "한");
  EXPECT_EQ(name_text("rose 1"), "rose 1");
}

TEST(OneLine, EscapesControlCharacters) { EXPECT_EQ(one_line("a\nb\t\x7F\xE9"), "a\\x0Ab\\x09\\x7Fé"); }

TEST(JsonText, TakesAnyBytes) {
  EXPECT_EQ(json_text(nlohmann::json{{"path", "caf\xE9.png"}}), "{\"path\":\"caf\xEF\xBF\xBD.png\"}");
  EXPECT_EQ(json_text(nlohmann::ordered_json{{"b", 1}, {"a", "é"}}, 1), "{\n \"b\": 1,\n \"a\": \"é\"\n}");
}

}  // namespace
}  // namespace assemble
