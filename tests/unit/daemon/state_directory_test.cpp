// SPDX-License-Identifier: MIT
#include "daemon/state_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

// systemd's STATE_DIRECTORY decides, and its first folder is ours.
TEST(StateDirectory, systemd_folder_is_used_when_the_path_is_not_set) {
    const test::TempDir folder;
    const auto state = (folder.path() / "jiro").string();

    const auto path = prepare_outbox_path({}, {{"STATE_DIRECTORY", state + ":/elsewhere"}, {"HOME", "/nowhere"}});

    ASSERT_TRUE(path.has_value()) << path.error().message;
    EXPECT_EQ(*path, state + "/outbox.db");
}

// Others on the machine must not read results.
TEST(StateDirectory, missing_folder_is_made_for_the_owner_only) {
    const test::TempDir folder;
    const delivery::OutboxSettings settings{.path = folder.path() / "a" / "b" / "outbox.db"};

    const auto path = prepare_outbox_path(settings, {});

    ASSERT_TRUE(path.has_value()) << path.error().message;
    EXPECT_EQ(std::filesystem::status(folder.path() / "a" / "b").permissions(), std::filesystem::perms::owner_all);
}

TEST(StateDirectory, folder_that_cannot_be_made_says_what_to_do) {
    const test::TempDir folder;
    folder.write("file", "");
    const delivery::OutboxSettings settings{.path = folder.path() / "file" / "outbox.db"};

    const auto path = prepare_outbox_path(settings, {});

    ASSERT_FALSE(path.has_value());
    EXPECT_THAT(path.error().message, ::testing::HasSubstr("set Outbox.Path"));
}

TEST(StateDirectory, memory_needs_no_folder) {
    const auto path = prepare_outbox_path({.path = kInMemory}, {});

    ASSERT_TRUE(path.has_value());
    EXPECT_EQ(*path, kInMemory);
}

}  // namespace
}  // namespace jiro::daemon
