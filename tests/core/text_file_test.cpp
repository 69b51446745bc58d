// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string decoded(std::string_view bytes) {
  return decode_text({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "list.txt");
}

std::string utf16(std::u16string_view text, bool big_endian) {
  std::string bytes = big_endian ? "\xFE\xFF" : "\xFF\xFE";
  for (const char16_t unit : text) {
    const char high = static_cast<char>(unit >> 8), low = static_cast<char>(unit & 0xFF);
    bytes += big_endian ? std::string{high, low} : std::string{low, high};
  }
  return bytes;
}

std::vector<std::string> texts_of(std::string_view text) {
  std::vector<std::string> texts;
  for (const TextLine& line : lines_of(text)) texts.push_back(line.text);
  return texts;
}

TEST(DecodeText, KnowsByteOrderMarks) {
  EXPECT_EQ(decoded("\xEF\xBB\xBF"
                    "café"),
            "café");
  EXPECT_EQ(decoded(utf16(u"café 🌹\r\n", false)), "café 🌹\r\n");
  EXPECT_EQ(decoded(utf16(u"café 🌹\r\n", true)), "café 🌹\r\n");
  EXPECT_EQ(decoded(""), "");
}

TEST(DecodeText, TakesOtherBytesAsWindows1252AndSaysSo) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(decoded("caf\xE9"), "café");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("list.txt: is not UTF-8; read as Windows-1252"));
}

TEST(DecodeText, RefusesWhatIsNoText) {
  EXPECT_THAT(error_of<InputError>([] { decoded(std::string_view("c\0a\0t\0", 6)); }), HasSubstr("holds zero bytes"));
  for (const char16_t* text : {u"\xD83C", u"\xDF39", u"\xD83Cx"}) {
    EXPECT_THAT(error_of<InputError>([&] { decoded(utf16(text, false)); }), HasSubstr("damaged UTF-16"));
  }
  EXPECT_THAT(error_of<InputError>([] {
                decoded(
                    "\xFF\xFE"
                    "a");
              }),
              HasSubstr("damaged UTF-16"));
}

TEST(LinesOf, KnowsTheEndsOfEverySystem) {
  EXPECT_THAT(texts_of("cat\r\ndog \t\rowl\n\nyak"), ElementsAre("cat", "dog", "owl", "", "yak"));
  EXPECT_THAT(texts_of("cat\r\n\r\n \n"), ElementsAre("cat"));
  EXPECT_THAT(texts_of("\r\n"), ElementsAre());
  EXPECT_EQ(lines_of("a\r\n\r\nb")[2].number, 3u);
}

TEST(ReadNames, RefusesAnEmptyLineBetweenNames) {
  TemporaryFolder folder;
  write_file(folder / "names.txt", std::string_view("\xEF\xBB\xBF"
                                                    "cat\r\ndog\r\n\r\n"));
  EXPECT_THAT(read_names(folder / "names.txt"), ElementsAre("cat", "dog"));
  write_file(folder / "names.txt", std::string_view("cat\n\ndog\n"));
  EXPECT_THAT(error_of<InputError>([&] { read_names(folder / "names.txt"); }),
              HasSubstr("names.txt line 2: is empty between two names"));
}

TEST(CsvCells, TakesQuotedCells) {
  EXPECT_THAT(csv_cells("a,b"), ElementsAre("a", "b"));
  EXPECT_THAT(csv_cells("\"a,1\",\"say \"\"b\"\"\","), ElementsAre("a,1", "say \"b\"", ""));
  EXPECT_THAT(csv_cells("\"open"), ElementsAre("open"));
}

}  // namespace
}  // namespace assemble
