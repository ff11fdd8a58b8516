// SPDX-License-Identifier: MIT
#include "daemon/reload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

#include "config/schema.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReloadTest : public ::testing::Test {
  protected:
    ReloadTest() { start_with("Commands: {MaxConcurrent: 4}\n"); }

    void start_with(std::string_view text) {
        write(text);
        auto loaded = config::load_file(file(), {});
        reloader_.emplace(context_.get_executor(), std::move(*loaded.config),
                          Environment{{"STATE_DIRECTORY", "/running"}}, clock_, notifier_,
                          [this](const config::Config& next) -> Result<> {
                              if (refusal_) return *refusal_;
                              applied_.push_back(next.commands.max_concurrent);
                              running_ = next;
                              return {};
                          });
    }

    [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "config.yaml"; }
    void write(std::string_view text) { folder_.write("config.yaml", text); }
    ReloadReport reload() { return test::run_task(context_, reloader_->reload()); }

    test::TempDir folder_;
    boost::asio::io_context context_;
    test::ManualClock clock_;
    ServiceNotifier notifier_;
    std::optional<Error> refusal_;
    std::vector<int> applied_;
    config::Config running_;
    std::optional<Reloader> reloader_;
};

TEST_F(ReloadTest, changed_keys_are_put_in_force) {
    write("Commands: {MaxConcurrent: 8}\n");

    const auto report = reload();

    EXPECT_TRUE(report.accepted());
    EXPECT_THAT(applied_, ElementsAre(8));
    EXPECT_THAT(report.in_force, ElementsAre("Commands.MaxConcurrent"));
    EXPECT_EQ(reloader_->last_succeeded(), true);
    EXPECT_THAT(reloader_->status_note(), IsEmpty());
}

// A key that only a restart can change is accepted and named.
TEST_F(ReloadTest, keys_that_want_a_restart_are_named) {
    write("Commands: {MaxConcurrent: 4}\nOutbox: {Durability: power}\n");

    const auto report = reload();

    EXPECT_TRUE(report.accepted());
    EXPECT_THAT(report.want_restart, ElementsAre("Outbox.Durability"));
    EXPECT_THAT(reloader_->status_note(), HasSubstr("a restart is wanted for Outbox.Durability"));
}

// What runs stays as it is until the restart, so each later reload says again that one is wanted; a file that is as
// what runs wants none.
TEST_F(ReloadTest, a_restart_is_wanted_until_it_happens) {
    write("Commands: {MaxConcurrent: 4}\nOutbox: {Durability: power, MaxBytes: 9000000}\n");
    ASSERT_TRUE(reload().accepted());
    write("Commands: {MaxConcurrent: 5}\nOutbox: {Durability: power, MaxBytes: 9000000}\n");
    const auto second = reload();

    EXPECT_THAT(second.in_force, ElementsAre("Commands.MaxConcurrent"));
    EXPECT_THAT(second.want_restart, ElementsAre("Outbox.Durability", "Outbox.MaxBytes"));
    EXPECT_EQ(running_.commands.max_concurrent, 5);
    EXPECT_EQ(running_.delivery.outbox.durability, delivery::Durability::process);
    EXPECT_EQ(running_.delivery.outbox.max_bytes, delivery::OutboxSettings().max_bytes);

    write("Commands: {MaxConcurrent: 5}\n");
    EXPECT_THAT(reload().want_restart, IsEmpty());
    EXPECT_THAT(reloader_->status_note(), IsEmpty());
}

// The file may name another outbox: until the restart the one that runs is written to.
TEST_F(ReloadTest, nothing_is_written_over_the_outbox_that_runs) {
    const std::string text = "Commands: {MaxConcurrent: 4}\nOutbox: {Path: /new/outbox.db}\nLogging: {Audit: ";
    write(text + "/new/audit.log}\n");
    ASSERT_TRUE(reload().accepted());
    write(text + "/running/outbox.db}\n");

    const auto report = reload();

    EXPECT_THAT(report.errors,
                ElementsAre(HasSubstr("Logging.Audit: /running/outbox.db is a file of Outbox.Path, /running/outbox.db, "
                                      "still in use until the restart; name another")));
    EXPECT_EQ(running_.audit, "/new/audit.log");
}

// The restart would end by it. What runs is not looked at: closing its file would drop the locks on it.
TEST_F(ReloadTest, no_file_of_another_program_is_waited_for) {
    const std::string used = folder_.write("used", "no outbox").string();
    const std::string other = folder_.write("other", "no outbox either").string();
    std::filesystem::create_hard_link(used, folder_.path() / "same");
    start_with("Outbox: {Path: " + used + "}\n");

    for (const char* name : {"used", "same", "absent"}) {
        write("Outbox: {Path: " + (folder_.path() / name).string() + "}\n");
        EXPECT_THAT(reload().errors, IsEmpty()) << name;
    }
    for (const auto& [key, what] :
         {std::pair{"Outbox: {Path: ", "no outbox: "}, std::pair{"Outbox: {RedoLog: ", "no redo log"},
          std::pair{"Chat: {Model: a, Path: ", "holds no conversations"}}) {
        write(key + other + "}\n");
        EXPECT_THAT(reload().errors, ElementsAre(HasSubstr(what))) << key;
    }
}

// One changed value of each key of WebSocket. A key that is added needs a row.
const std::map<std::string, std::string, std::less<>> kHubKeys{
    {"HubUrl", "'http://127.0.0.1:1/other'"},
    {"ReconnectionDelayMs", "5001"},
    {"MaxReconnectionDelayMs", "60001"},
    {"MaxReconnectionAttempts", "6"},
    {"FailedRetryDelayMs", "60001"},
    {"HandshakeTimeoutMs", "15001"},
    {"KeepAliveIntervalMs", "14999"},
    {"ServerTimeoutMs", "30001"},
    {"AccessToken", "other"},
    {"AccessTokenFile", "/other"},
    {"Headers", "{X-Other: x}"},
    {"SkipNegotiation", "true"},
    {"StatefulReconnect", "true"},
    {"MaxMessageBytes", "1048575"},
    {"MaxSendBytes", "32767"},
    {"Proxy", "'http://127.0.0.1:1'"},
    {"Tls.CaFile", "/other"},
    {"Tls.CertificateFile", "/other"},
    {"Tls.PrivateKeyFile", "/other"},
    {"Tls.Verify", "false"},
};

config::Config loaded(const std::string& text) {
    auto result = config::load_text(text, "config.yaml", {});
    EXPECT_TRUE(result) << text << (result.errors.empty() ? "" : config::to_string(result.errors.front()));
    return result ? std::move(*result.config) : config::Config();
}

std::string nested(std::string_view path, const std::string& value) {
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) return std::string(path) + ": " + value;
    return std::string(path.substr(0, dot)) + ": {" + nested(path.substr(dot + 1), value) + '}';
}

// The hub connection is opened anew by a change of exactly those keys of which the schema, and so the documentation,
// says it.
TEST(ReloadEffects, the_hub_connection_does_what_the_schema_says_of_each_key) {
    for (const auto& key : config::schema()) {
        if (!key.path.starts_with("WebSocket.")) continue;
        const auto name = key.path.substr(key.path.find('.') + 1);
        const auto changed = kHubKeys.find(name);
        if (changed == kHubKeys.end()) {
            ADD_FAILURE() << key.path << " is not in kHubKeys";
            continue;
        }
        config::Config after;
        // A certificate and its key are given together.
        if (name == "Tls.CertificateFile" || name == "Tls.PrivateKeyFile") {
            after = loaded("WebSocket: {Tls: {CertificateFile: /other, PrivateKeyFile: /other}}");
        } else {
            after = loaded(nested(key.path, changed->second));
        }
        const config::Config before;
        EXPECT_FALSE(config::changes(before, after).empty()) << key.path;
        EXPECT_EQ(signalr::requires_reconnect(before.websocket, after.websocket),
                  key.effect == config::Effect::reconnects_hub)
            << key.path;
    }
}

// Nothing changes, every error is told, and the status line says so until a good reload.
TEST_F(ReloadTest, file_with_errors_changes_nothing) {
    write("Commands: {MaxConcurrent: many, MaxQueue: 1}\n");

    const auto report = reload();

    EXPECT_FALSE(report.accepted());
    EXPECT_EQ(report.errors.size(), 2U);
    EXPECT_THAT(applied_, IsEmpty());
    EXPECT_EQ(reloader_->last_succeeded(), false);
    EXPECT_THAT(reloader_->status_note(), HasSubstr("last reload refused"));

    write("Commands: {MaxConcurrent: 5}\n");
    EXPECT_TRUE(reload().accepted());
    EXPECT_THAT(reloader_->status_note(), IsEmpty());
}

TEST_F(ReloadTest, what_cannot_be_applied_is_refused) {
    write("Commands: {MaxConcurrent: 8}\n");
    refusal_ = Error(make_error_code(boost::system::errc::invalid_argument), "no such program");

    const auto report = reload();

    EXPECT_THAT(report.errors, ElementsAre("no such program"));
}

// A file that was just cut to nothing, to be written anew, is valid YAML: nothing that it said is forgotten. It may go,
// it may be left with a comment, and what was always empty may be empty.
TEST_F(ReloadTest, a_file_that_became_empty_is_refused) {
    std::filesystem::create_directory(folder_.path() / "config.d");
    folder_.write("config.d/hub.yaml",
                  "WebSocket: {HubUrl: 'http://127.0.0.1:1/hub'}\nGrpc: {ServerUrl: 'http://127.0.0.1:1'}\n");
    folder_.write("config.d/more.yaml", "Commands: {MaxQueued: 7}\n");
    folder_.write("config.d/placeholder.yaml", "");
    ASSERT_TRUE(reload().accepted());

    folder_.write("config.d/more.yaml", "");
    EXPECT_THAT(reload().errors, ElementsAre(HasSubstr("more.yaml: is empty now")));
    EXPECT_EQ(running_.commands.max_queued, 7);
    std::filesystem::remove(folder_.path() / "config.d/more.yaml");
    EXPECT_THAT(reload().in_force, ElementsAre("Commands.MaxQueued"));

    write("");
    EXPECT_THAT(reload().errors, ElementsAre(HasSubstr(file().string() + ": is empty now")));
    EXPECT_EQ(running_.commands.max_concurrent, 4);
    write("# config.d has it all\n");
    EXPECT_THAT(reload().in_force, ElementsAre("Commands.MaxConcurrent"));
}

// A file that says less than before must not end the connection.
TEST_F(ReloadTest, losing_the_hub_is_refused) {
    write("WebSocket: {HubUrl: 'http://127.0.0.1:1/hub'}\nGrpc: {ServerUrl: 'http://127.0.0.1:1'}\n");
    ASSERT_TRUE(reload().accepted());

    write("Commands: {MaxConcurrent: 4}\n");
    const auto report = reload();

    EXPECT_THAT(report.errors, ElementsAre(HasSubstr("WebSocket.HubUrl is no longer set")));
    EXPECT_EQ(applied_.size(), 1U);
}

// A signal and a control request at the same moment: one after the other, each with its report.
TEST_F(ReloadTest, two_at_a_time_come_one_after_the_other) {
    write("Commands: {MaxConcurrent: 8}\n");
    std::vector<ReloadReport> reports;
    const auto note = [&](const std::exception_ptr&, ReloadReport report) { reports.push_back(std::move(report)); };
    boost::asio::co_spawn(context_, reloader_->reload(), note);
    boost::asio::co_spawn(context_, reloader_->reload(), note);
    while (reports.size() < 2) context_.run_one();

    EXPECT_THAT(reports[0].in_force, ElementsAre("Commands.MaxConcurrent"));
    EXPECT_TRUE(reports[1].accepted());
    EXPECT_THAT(reports[1].in_force, IsEmpty());
}

// One that nobody waits for any more (its control connection ended) leaves the way free for the next.
TEST_F(ReloadTest, one_that_is_given_up_holds_up_no_other) {
    bool has_ended = false;
    boost::asio::cancellation_signal stop;
    boost::asio::co_spawn(context_, reloader_->reload(),
                          boost::asio::bind_cancellation_slot(stop.slot(), [&](const auto&...) { has_ended = true; }));
    context_.poll();
    stop.emit(boost::asio::cancellation_type::terminal);
    while (!has_ended) context_.run_one();  // before the file changes: it may have read it by then, too
    write("Commands: {MaxConcurrent: 8}\n");
    EXPECT_THAT(reload().in_force, ElementsAre("Commands.MaxConcurrent"));
}

TEST_F(ReloadTest, missing_file_is_refused) {
    std::filesystem::remove(file());

    EXPECT_FALSE(reload().accepted());
}

}  // namespace
}  // namespace jiro::daemon
