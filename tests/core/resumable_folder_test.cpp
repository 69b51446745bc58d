// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/resumable_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

class ResumableFolderTest : public testing::Test {
 protected:
  test::TemporaryFolder temporary_;
  ResumableFolder folder_{temporary_ / "a/b",
                          {.record = "record.json",
                           .what = "the record of a cake",
                           .made_with = "was baked with",
                           .other_hint = "take another tin",
                           .damaged_hint = "bake it again"}};
  const ordered_json settings_{{"flour", 500}, {"nuts", "none"}};
};

TEST_F(ResumableFolderTest, BeginsWithoutARecordAndGoesOnWithTheOneItWrote) {
  EXPECT_TRUE(folder_.read().is_null());
  EXPECT_FALSE(fs::exists(folder_.path())) << "reading makes nothing";
  folder_.prepare();
  folder_.write({{"flour", 500}, {"nuts", "none"}, {"baked", 2}});
  EXPECT_EQ(folder_.read().at("baked"), 2);
  EXPECT_NO_THROW(folder_.require_same(folder_.read(), settings_));
  EXPECT_EQ(test::read_text(folder_.record()), "{\n  \"flour\": 500,\n  \"nuts\": \"none\",\n  \"baked\": 2\n}\n");
}

TEST_F(ResumableFolderTest, RefusesOtherSettings) {
  EXPECT_EQ(test::error_of<UsageError>([&] {
              folder_.require_same({{"flour", 500}, {"nuts", "some"}}, settings_);
            }),
            folder_.record().string() + ": was baked with nuts \"some\", not \"none\" (take another tin)");
  EXPECT_THAT(test::error_of<UsageError>([&] {
                folder_.require_same({{"flour", 500}}, settings_);
              }),
              HasSubstr("was baked with nuts null, not \"none\""));
  EXPECT_THROW(folder_.require_same(ordered_json::array({1}), settings_), UsageError);
  EXPECT_NO_THROW(folder_.require_same({{"flour", 500}}, settings_, {"nuts"})) << "as earlier versions wrote it";
  EXPECT_EQ(ResumableFolder::first_change(nullptr, settings_), "flour") << "a folder that begins";
  EXPECT_EQ(ResumableFolder::first_change({{"flour", 500}, {"nuts", "none"}, {"eggs", 1}}, settings_), std::nullopt);
}

TEST_F(ResumableFolderTest, ReplacesNothingThatHasNoRecord) {
  EXPECT_TRUE(folder_.require_own(settings_, {"cakes", "list.txt"}).is_null()) << "there is nothing";
  fs::create_directories(folder_.path() / "cakes");
  write_file(folder_.path() / "recipe.txt", std::string_view("mine"));
  EXPECT_TRUE(folder_.require_own(settings_, {"cakes", "list.txt"}).is_null()) << "nothing of these";
  write_file(folder_.path() / "cakes/one", std::string_view("mine"));
  const std::string hint = " is there already, but no record.json that says how it was made (write into another folder";
  EXPECT_THAT(test::error_of<UsageError>([&] {
                folder_.require_own(settings_, {"list.txt", "cakes"});
              }),
              HasSubstr("a/b/cakes:" + hint));
  fs::create_symlink("nowhere", folder_.path() / "list.txt");
  EXPECT_THAT(test::error_of<UsageError>([&] {
                folder_.require_new({"list.txt", "cakes"});
              }),
              HasSubstr("a/b/list.txt:" + hint));
  folder_.write(settings_);
  EXPECT_EQ(folder_.require_own(settings_, {"list.txt", "cakes"}), settings_);
  EXPECT_THAT(test::error_of<UsageError>([&] {
                folder_.require_own({{"flour", 1}}, {});
              }),
              HasSubstr("was baked with flour 500, not 1"));
}

TEST_F(ResumableFolderTest, ADamagedRecordIsSaidToBeOne) {
  folder_.prepare();
  for (const char* text : {"{\"flour\": 5", "", "[1]", "null"}) {
    write_file(folder_.record(), std::string_view(text));
    EXPECT_THAT(test::error_of<InputError>([&] { folder_.read(); }),
                testing::AllOf(HasSubstr("record.json: is not the record of a cake: "), HasSubstr("(bake it again)")))
        << text;
  }
}

TEST_F(ResumableFolderTest, RemovesWhatAKilledRunLeftHalfWritten) {
  folder_.prepare();
  write_file(folder_.path() / ".record.json.tmp-1", std::string_view("{"));
  folder_.prepare();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

}  // namespace
}  // namespace assemble
