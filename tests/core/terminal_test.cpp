// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pseudo_terminal.h"

namespace assemble {
namespace {

using test::PseudoTerminal;
using test::ScopedVariable;
using testing::ElementsAre;

TEST(Terminal, ShowsWhatItIs) {
  const ScopedVariable columns("COLUMNS", nullptr), term("TERM", "xterm"), colour("NO_COLOR", nullptr);
  const PseudoTerminal pseudo(63);
  const Terminal terminal = terminal_of(pseudo.descriptor());
  EXPECT_EQ(terminal.columns, 63u);
  EXPECT_TRUE(terminal.redraws);
  EXPECT_TRUE(terminal.colours);
  pseudo.resize(120);
  EXPECT_EQ(terminal_of(pseudo.descriptor()).columns, 120u);
  pseudo.resize(0);
  EXPECT_EQ(terminal_of(pseudo.descriptor()).columns, 80u) << "as of a serial line";
}

TEST(Terminal, TheEnvironmentSaysWhatIsWished) {
  const PseudoTerminal pseudo(63);
  const ScopedVariable term("TERM", "xterm");
  {
    const ScopedVariable columns("COLUMNS", "50"), colour("NO_COLOR", "1");
    const Terminal terminal = terminal_of(pseudo.descriptor());
    EXPECT_EQ(terminal.columns, 50u);
    EXPECT_TRUE(terminal.redraws);
    EXPECT_FALSE(terminal.colours);
  }
  for (const char* nonsense : {"", "0", "-5", "80x", "99999999999999999999999"}) {
    const ScopedVariable columns("COLUMNS", nonsense), colour("NO_COLOR", "");
    EXPECT_EQ(terminal_of(pseudo.descriptor()).columns, 63u) << nonsense;
    EXPECT_TRUE(terminal_of(pseudo.descriptor()).colours) << "an empty NO_COLOR is none";
  }
  const ScopedVariable dumb("TERM", "dumb"), columns("COLUMNS", nullptr);
  EXPECT_EQ(terminal_of(pseudo.descriptor()).columns, 63u);
  EXPECT_FALSE(terminal_of(pseudo.descriptor()).redraws);
  EXPECT_FALSE(terminal_of(pseudo.descriptor()).colours);
}

TEST(Terminal, AFileIsNone) {
  const ScopedVariable columns("COLUMNS", nullptr), term("TERM", "xterm");
  const int file = open("/dev/null", O_WRONLY);
  const Terminal terminal = terminal_of(file);
  close(file);
  EXPECT_EQ(terminal.columns, 80u);
  EXPECT_FALSE(terminal.redraws);
  EXPECT_FALSE(terminal.colours);
}

TEST(Terminal, TextTakesTheColumnsOfItsCharacters) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("tulip"), 5u);
  EXPECT_EQ(display_width("größe 0 … 1"), 11u);
  EXPECT_EQ(display_width("郁金香"), 6u);
  EXPECT_EQ(display_width("e\u0301"), 1u) << "an accent that combines";
  EXPECT_EQ(display_width("\xff\xfe"), 2u) << "what is no UTF-8";
}

TEST(Terminal, TextIsCutBetweenCharacters) {
  EXPECT_EQ(cut_to_width("tulip", 5), "tulip");
  EXPECT_EQ(cut_to_width("tulips", 5), "tuli…");
  EXPECT_EQ(cut_to_width("郁金香", 5), "郁金…");
  EXPECT_EQ(cut_to_width("郁金香", 4), "郁…");
  EXPECT_EQ(cut_to_width("tulip", 1), "…");
  EXPECT_EQ(cut_to_width("tulip", 0), "");
}

TEST(Terminal, LinesBreakAtBlanks) {
  EXPECT_THAT(wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("one  two", 80), ElementsAre("one two"));
  EXPECT_THAT(wrap("incomprehensible word", 6), ElementsAre("incomprehensible", "word"));
  EXPECT_THAT(wrap("", 6), ElementsAre(""));
}

}  // namespace
}  // namespace assemble
