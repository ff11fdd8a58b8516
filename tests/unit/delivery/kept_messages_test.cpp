// SPDX-License-Identifier: MIT
#include "delivery/kept_messages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "support/log_capture.hpp"
#include "support/tmpfs_dir.hpp"

namespace jiro::delivery {
namespace {

namespace fs = std::filesystem;

class KeptMessagesTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!tmpfs_.exists()) GTEST_SKIP() << "no tmpfs to write to";
    }
    KeptMessages::Position keep(KeptMessages& kept, const std::string& message) {
        const auto positions = kept.keep({message});
        EXPECT_EQ(positions.size(), 1U);
        return positions.empty() ? 0 : positions.front();
    }
    blkcnt_t blocks() const {
        struct stat status {};
        return stat(path_.c_str(), &status) == 0 ? status.st_blocks : -1;
    }

    test::TmpfsDir tmpfs_;
    const fs::path path_ = tmpfs_.path() / "outbox.db.kept";
};

TEST_F(KeptMessagesTest, gives_back_what_it_was_given) {
    KeptMessages kept(path_, 1024);
    EXPECT_FALSE(fs::exists(path_)) << "made with the first message";
    const auto positions = kept.keep({"one", "two", "three"});
    ASSERT_EQ(positions.size(), 3U);
    EXPECT_EQ(kept.read(positions[0], 3), "one");
    EXPECT_EQ(kept.read(positions[2], 5), "three");
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

// Short ones are written by one call, a long one by its own: each lies where it was said to, also across the file's
// end.
TEST_F(KeptMessagesTest, keeps_short_and_long_ones_in_their_order) {
    constexpr std::uint64_t room = 1024 * 1024;
    KeptMessages kept(path_, room);
    for (int round = 0; round < 4; ++round) {
        std::vector<std::string> messages;
        for (const std::size_t size : {10U, 40'000U, 40'000U, 65'536U, 65'537U, 200'000U, 5U})
            messages.emplace_back(size, static_cast<char>('a' + messages.size()));
        const auto positions = kept.keep({messages.begin(), messages.end()});
        ASSERT_EQ(positions.size(), messages.size());
        for (std::size_t i = 0; i < messages.size(); ++i)
            EXPECT_TRUE(kept.read(positions[i], messages[i].size()) == messages[i]) << i;
    }
    EXPECT_LE(fs::file_size(path_), room);
}

// The newest take the place of the oldest, none lies across the end of the file, and the file does not grow.
TEST_F(KeptMessagesTest, goes_round) {
    KeptMessages kept(path_, 100);
    const std::string text(24, 'x');
    std::vector<KeptMessages::Position> positions;
    for (char c = 'a'; c <= 'z'; ++c) positions.push_back(keep(kept, text + c));
    EXPECT_EQ(kept.read(positions.back(), 25), text + 'z');
    EXPECT_EQ(kept.read(positions[positions.size() - 4], 25), text + 'w');
    EXPECT_EQ(kept.read(positions[positions.size() - 5], 25), std::nullopt);
    EXPECT_LE(fs::file_size(path_), 100U);

    const auto many = kept.keep(std::vector<std::string_view>(10, "0123456"));
    ASSERT_EQ(many.size(), 10U);
    for (const auto position : many) EXPECT_EQ(kept.read(position, 7), "0123456");
    EXPECT_LE(fs::file_size(path_), 100U);

    // Also where one ends with the file.
    const auto full = kept.keep(std::vector<std::string_view>(8, "0123456789012345678901234"));
    ASSERT_EQ(full.size(), 8U);
    EXPECT_EQ(kept.read(full.back(), 25), "0123456789012345678901234");
    EXPECT_LE(fs::file_size(path_), 100U);
}

// The next process goes on where the database says that the last one was.
TEST_F(KeptMessagesTest, goes_on_after_a_restart) {
    KeptMessages::Position first = 0;
    KeptMessages::Position end = 0;
    {
        KeptMessages kept(path_, 1024);
        first = keep(kept, "before");
        end = kept.end();
    }
    KeptMessages kept(path_, 1024);
    EXPECT_EQ(kept.read(first, 6), std::nullopt) << "behind the end";
    kept.start_at(end);
    keep(kept, "after");
    EXPECT_EQ(kept.read(first, 6), "before");
}

// Numbers from a damaged database name no place.
TEST_F(KeptMessagesTest, reads_nothing_elsewhere) {
    KeptMessages kept(path_, 1024);
    keep(kept, "text");
    EXPECT_EQ(kept.read(4, 4), std::nullopt);
    EXPECT_EQ(kept.read(UINT64_MAX, 4), std::nullopt);
    EXPECT_EQ(kept.read(0, 0), std::nullopt);
    EXPECT_EQ(kept.read(0, SIZE_MAX), std::nullopt);
    EXPECT_EQ(kept.read(0, 200), std::nullopt) << "longer than the file";
}

TEST_F(KeptMessagesTest, says_once_that_it_cannot_write) {
    fs::create_directory(path_);
    KeptMessages kept(path_, 1024);
    test::LogCapture log;
    EXPECT_TRUE(kept.keep({"one"}).empty());
    EXPECT_TRUE(kept.keep({"two"}).empty());
    EXPECT_EQ(log.count("Delivered messages cannot be kept beside the outbox"), 1U);
    fs::remove(path_);
    fs::create_symlink(tmpfs_.path() / "elsewhere", path_);
    EXPECT_TRUE(kept.keep({"three"}).empty());
    EXPECT_FALSE(fs::exists(tmpfs_.path() / "elsewhere"));
    fs::remove(path_);
    EXPECT_EQ(kept.keep({"four"}).size(), 1U);
}

TEST_F(KeptMessagesTest, gives_disk_space_back) {
    constexpr std::size_t kSize = 256 * 1024;
    KeptMessages kept(path_, 4 * kSize);
    const std::string text(kSize, 'x');
    for (int i = 0; i < 5; ++i) keep(kept, text);
    ASSERT_GE(blocks() * 512, static_cast<blkcnt_t>(4 * kSize));
    kept.forget(kept.end() - kSize);
    EXPECT_LE(blocks() * 512, static_cast<blkcnt_t>(kSize));
    EXPECT_EQ(kept.read(kept.end() - kSize, kSize), text);
    kept.forget(UINT64_MAX);
    EXPECT_EQ(blocks(), 0);
}

}  // namespace
}  // namespace jiro::delivery
