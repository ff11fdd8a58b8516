// SPDX-License-Identifier: MIT
#include "jiro/delivery/probe.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "delivery/outbox_store.hpp"
#include "jiro/base/sqlite.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::delivery {
namespace {

using ::testing::HasSubstr;

class OutboxProbeTest : public ::testing::Test {
  protected:
    // An outbox with one undelivered result and one command that has not run, closed again.
    void make_outbox() {
        auto outbox = open();
        ASSERT_TRUE(outbox);
        ASSERT_TRUE(test::run_task(
            context_,
            (*outbox)->recover([](const Receipt&) { return std::make_shared<const std::string>("lost"); }, {})));
        const auto message = std::make_shared<const std::string>("result");
        ASSERT_TRUE(test::run_task(context_, (*outbox)->finished("a", Outcome::succeeded, message, Lease::no)));
        Receipt receipt{.id = "b", .payload = "{}"};
        const auto admitted = test::run_task(context_, (*outbox)->received(std::move(receipt), FirstState::received));
        ASSERT_EQ(admitted.admission, Admission::accepted);
    }

    [[nodiscard]] Result<std::unique_ptr<Outbox>> open() { return open_sqlite_outbox(clock_, {.path = path_}); }

    void change(const std::string& sql) {
        Database database(path_.string(), Database::Mode::read_write);
        database.execute(sql);
    }

    test::TempDir folder_;
    std::filesystem::path path_ = folder_.path() / "out?box #1%.db";
    boost::asio::io_context context_;
    SystemClock clock_;
};

TEST_F(OutboxProbeTest, counts_what_is_there) {
    make_outbox();
    const auto probe = probe_outbox(path_);
    ASSERT_TRUE(probe) << probe.error().message;
    EXPECT_EQ(probe->schema, kSchemaVersion);
    EXPECT_EQ(probe->undelivered, 1U);
    EXPECT_EQ(probe->unfinished, 1U);
    EXPECT_EQ(probe->dead_letters, 0U);
    EXPECT_FALSE(probe->has_log);
}

// The lock is seen while an outbox is open, and looking for it does not take it.
TEST_F(OutboxProbeTest, sees_who_has_it_open) {
    EXPECT_EQ(is_in_use(path_).value(), false);  // nothing is there at all
    {
        const auto outbox = open();
        ASSERT_TRUE(outbox);
        EXPECT_EQ(is_in_use(path_).value(), true);
    }
    EXPECT_EQ(is_in_use(path_).value(), false);
    EXPECT_TRUE(open());
}

// A daemon that starts while somebody looks waits for the look to end.
TEST_F(OutboxProbeTest, looking_keeps_no_daemon_from_starting) {
    make_outbox();
    std::jthread looker([lock = path_.string() + ".lock"](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const int descriptor = ::open(lock.c_str(), O_RDONLY | O_CLOEXEC);
            flock(descriptor, LOCK_SH | LOCK_NB);
            close(descriptor);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    for (int i = 0; i < 50; ++i) {
        const auto outbox = open();
        EXPECT_TRUE(outbox) << outbox.error().message;
    }
}

TEST_F(OutboxProbeTest, names_what_is_wrong) {
    EXPECT_EQ(probe_outbox(path_).error().code, storage_errc::io);  // not there

    folder_.write(path_.filename().string(), "");
    EXPECT_EQ(probe_outbox(path_).value().schema, 0);  // made, and nothing written yet

    folder_.write(path_.filename().string(), std::string(8192, 'x'));
    EXPECT_EQ(probe_outbox(path_).error().code, errc::wrong_file);
    folder_.write(path_.filename().string() + ".lock", "");  // it was an outbox
    EXPECT_EQ(probe_outbox(path_).error().code, storage_errc::corrupt);
    std::filesystem::remove(path_);

    make_outbox();
    change("PRAGMA user_version = 7");
    EXPECT_EQ(probe_outbox(path_).error().code, storage_errc::newer_version);
    EXPECT_THAT(probe_outbox(path_).error().message, HasSubstr("schema 7"));
    change("PRAGMA user_version = 1; DROP TABLE commands");
    EXPECT_EQ(probe_outbox(path_).error().code, storage_errc::corrupt);
    change("PRAGMA application_id = 4711");
    EXPECT_THAT(probe_outbox(path_).error().message, HasSubstr("is not an outbox"));
}

// Nothing beside the file appears, and the file stays as it was.
TEST_F(OutboxProbeTest, leaves_no_trace) {
    make_outbox();
    const auto listing = [this] {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
            names.push_back(entry.path().filename().string());
        std::ranges::sort(names);
        return names;
    };
    const auto before = listing();
    const auto written = std::filesystem::last_write_time(path_);
    EXPECT_TRUE(probe_outbox(path_));
    EXPECT_TRUE(is_in_use(path_));
    EXPECT_EQ(listing(), before);
    EXPECT_EQ(std::filesystem::last_write_time(path_), written);
}

}  // namespace
}  // namespace jiro::delivery
