#include "daemon/reload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReloadTest : public ::testing::Test {
  protected:
    ReloadTest() {
        write("Commands: {MaxConcurrent: 4}\n");
        auto loaded = config::load_file(file(), {});
        reloader_.emplace(context_.get_executor(), std::move(*loaded.config), config::Environment{}, clock_, notifier_,
                          [this](const config::Config& next, const std::vector<config::Change>&) -> Result<> {
                              if (refusal_) return *refusal_;
                              applied_.push_back(next.commands.max_concurrent);
                              return {};
                          });
    }

    [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "config.yaml"; }
    void write(std::string_view text) { folder_.write("config.yaml", text); }

    test::TempDir folder_;
    boost::asio::io_context context_;
    test::ManualClock clock_;
    ServiceNotifier notifier_;
    std::optional<Error> refusal_;
    std::vector<int> applied_;
    std::optional<Reloader> reloader_;
};

TEST_F(ReloadTest, changed_keys_are_put_in_force) {
    write("Commands: {MaxConcurrent: 8}\n");

    const auto report = reloader_->reload();

    EXPECT_TRUE(report.accepted());
    EXPECT_THAT(applied_, ElementsAre(8));
    EXPECT_THAT(report.in_force, ElementsAre("Commands.MaxConcurrent"));
    EXPECT_EQ(reloader_->last_succeeded(), true);
    EXPECT_THAT(reloader_->complaint(), IsEmpty());
}

// A key that only a restart can change is accepted and named.
TEST_F(ReloadTest, keys_that_want_a_restart_are_named) {
    write("Commands: {MaxConcurrent: 4}\nOutbox: {Durability: power}\n");

    const auto report = reloader_->reload();

    EXPECT_TRUE(report.accepted());
    EXPECT_THAT(report.want_restart, ElementsAre("Outbox.Durability"));
}

// Nothing changes, every error is told, and the status line says so until a good reload.
TEST_F(ReloadTest, file_with_errors_changes_nothing) {
    write("Commands: {MaxConcurrent: many, MaxQueue: 1}\n");

    const auto report = reloader_->reload();

    EXPECT_FALSE(report.accepted());
    EXPECT_EQ(report.errors.size(), 2U);
    EXPECT_THAT(applied_, IsEmpty());
    EXPECT_EQ(reloader_->last_succeeded(), false);
    EXPECT_THAT(reloader_->complaint(), HasSubstr("last reload refused"));

    write("Commands: {MaxConcurrent: 5}\n");
    EXPECT_TRUE(reloader_->reload().accepted());
    EXPECT_THAT(reloader_->complaint(), IsEmpty());
}

TEST_F(ReloadTest, what_cannot_be_applied_is_refused) {
    write("Commands: {MaxConcurrent: 8}\n");
    refusal_ = Error(make_error_code(boost::system::errc::invalid_argument), "no such program");

    const auto report = reloader_->reload();

    EXPECT_THAT(report.errors, ElementsAre("no such program"));
}

// A file that an editor has just emptied is valid YAML; it must not end the connection.
TEST_F(ReloadTest, losing_the_hub_is_refused) {
    write("WebSocket: {HubUrl: 'http://127.0.0.1:1/hub'}\nGrpc: {ServerUrl: 'http://127.0.0.1:1'}\n");
    ASSERT_TRUE(reloader_->reload().accepted());

    write("");
    const auto report = reloader_->reload();

    EXPECT_THAT(report.errors, ElementsAre(HasSubstr("WebSocket.HubUrl is no longer set")));
    EXPECT_EQ(applied_.size(), 1U);
}

TEST_F(ReloadTest, missing_file_is_refused) {
    std::filesystem::remove(file());

    EXPECT_FALSE(reloader_->reload().accepted());
}

}  // namespace
}  // namespace jiro::daemon
