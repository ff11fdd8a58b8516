// SPDX-License-Identifier: MIT
// What each target of the contract answers, through the router, as JSON.
#include "daemon/requests/targets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/hub_overlay.hpp"
#include "daemon/reload.hpp"
#include "daemon/requests/answers.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/log_tail.hpp"
#include "support/fixed_random.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

// A session store in memory.
class FakeSessions final : public SessionStore {
  public:
    struct Session {
        SessionSummary summary;
        std::vector<SessionMessage> messages;
    };

    Task<Result<SessionList>> list(std::size_t limit) override {
        if (fails) co_return failure();
        SessionList list;
        list.total = sessions.size();
        for (const auto& session : sessions) {
            if (list.sessions.size() < limit) list.sessions.push_back(session.summary);
        }
        co_return list;
    }
    Task<Result<std::optional<SessionSummary>>> find(std::string id) override {
        if (fails) co_return failure();
        const auto* session = get(id);
        co_return session == nullptr ? std::optional<SessionSummary>() : std::optional(session->summary);
    }
    Task<Result<std::vector<SessionMessage>>> messages(std::string id, MessagePage page) override {
        std::vector<SessionMessage> found;
        const auto* session = get(id);
        if (session == nullptr) co_return found;
        auto all = session->messages;
        const bool is_newest_first = page.order == MessageOrder::newest_first;
        if (is_newest_first) std::ranges::reverse(all);
        std::size_t bytes = 0;
        for (const auto& message : all) {
            if (page.after && (is_newest_first ? message.sequence >= *page.after : message.sequence <= *page.after))
                continue;
            bytes += message.content.size();
            if (found.size() >= page.limit || (!found.empty() && bytes > page.max_bytes)) break;
            found.push_back(message);
        }
        co_return found;
    }
    Task<Result<bool>> remove(std::string id) override {
        if (fails) co_return failure();
        co_return std::erase_if(sessions, [&](const Session& session) { return session.summary.id == id; }) > 0;
    }
    Task<Result<bool>> update(std::string id, SessionChange change) override {
        if (fails) co_return failure();
        auto* session = get(id);
        if (session == nullptr) co_return false;
        if (change.name) session->summary.name = *change.name;
        if (change.description) session->summary.description = *change.description;
        co_return true;
    }

    Session& add(const std::string& id, std::vector<std::string> contents) {
        Session session;
        session.summary = {id, "Session-" + id, "", WallTime(), WallTime(), contents.size()};
        for (auto& content : contents) {
            const auto number = static_cast<std::int64_t>(session.messages.size()) + 1;
            session.messages.push_back({number, "m" + std::to_string(number), number % 2 == 1, MessageKind::text,
                                        std::move(content), WallTime()});
        }
        sessions.push_back(std::move(session));
        return sessions.back();
    }

    std::vector<Session> sessions;
    bool fails = false;

  private:
    static Error failure() {
        return Error(make_error_code(boost::system::errc::io_error), "/var/lib/secret.db: disk I/O error");
    }
    Session* get(const std::string& id) {
        for (auto& session : sessions) {
            if (session.summary.id == id) return &session;
        }
        return nullptr;
    }
};

class TargetsTest : public ::testing::Test {
  protected:
    static constexpr std::size_t kLimit = 32'768;

    TargetsTest() : load_(clock_) {
        config_text({});
        reloader_.emplace(context_.get_executor(), config_, environment_, clock_, notifier_,
                          [this](const config::Config& next) -> Result<> {
                              if (refuses_reload_) return Error(signalr::errc::internal, "it cannot be applied");
                              config_ = next;
                              return {};
                          });
        uploads_.update(config::RequestKinds::all(), kLimit);
        const RunningConfig running = [this]() -> const config::Config& { return config_; };
        const Identity identity{"1.2.3", "myhost", "jiro", "Linux 6.1.0", clock_.now()};
        RequestTargets all;
        const auto add = [&all](RequestTargets group) { std::ranges::move(group, std::back_inserter(all)); };
        add(commands_targets([this] { return registry_; }));
        add(machine_targets(load_, identity));
        add(config_targets(clock_, running, identity, environment_, *reloader_));
        add(themes_targets(clock_, running));
        add(logs_targets(clock_, uploads_));
        add(sessions_targets(
            clock_, [this]() -> SessionStore& { return sessions_; }, uploads_));
        config::HubSettings settings;
        settings.requests = config::RequestKinds::all();
        router_.emplace(context_.get_executor(), clock_, std::move(all), settings, kLimit);
    }
    ~TargetsTest() override { log::tail().keep(0); }

    // The configuration file; Hub.Requests allows everything.
    void config_text(json more) {
        more["Hub"]["Requests"] = json::array({"commands", "sessions", "machine", "config", "logs", "themes"});
        if (!more.contains("Outbox")) more["Outbox"]["Path"] = (folder_.path() / "outbox.db").string();
        folder_.write("config.yaml", more.dump());
        auto loaded = load_with_overlay(folder_.path() / "config.yaml", environment_);
        ASSERT_TRUE(loaded) << to_string(loaded.errors.front());
        config_ = std::move(*loaded.config);
    }

    json ask(const char* target, json argument = json::object()) {
        argument["requestId"] = "r1";
        signalr::Invocation invocation;
        invocation.target = target;
        invocation.invocation_id = "s1";
        invocation.arguments.push_back(std::move(argument));
        // Files are read on other threads.
        std::optional<Result<json>> answer;
        boost::asio::co_spawn(context_, router_->receive(std::move(invocation)),
                              [&](std::exception_ptr, Result<json> value) { answer.emplace(std::move(value)); });
        const auto work = boost::asio::make_work_guard(context_);
        context_.restart();
        while (!answer) context_.run_one_for(10s);
        EXPECT_TRUE(*answer);
        EXPECT_LE(json_bytes(**answer) + 64, kLimit) << target;
        EXPECT_EQ((**answer)["RequestId"], "r1") << target;
        return **answer;
    }

    boost::asio::io_context context_{1};
    test::ManualClock clock_;
    test::TempDir folder_;
    Environment environment_{{"JIRO_GRPC__MAXRETRIES", "4"}};
    config::Config config_;
    bool refuses_reload_ = false;
    ServiceNotifier notifier_;
    std::optional<Reloader> reloader_;
    commands::LoadSampler load_;
    std::shared_ptr<const commands::CommandRegistry> registry_ = commands::make_registry({}, {}).value();
    FakeSessions sessions_;
    HubUploads uploads_{context_.get_executor(), clock_};
    std::optional<RequestRouter> router_;
};

std::string names(const json& object) {
    std::string names;
    for (const auto& [name, value] : object.items()) names += (names.empty() ? "" : " ") + name;
    return names;
}

// Commands

TEST_F(TargetsTest, CommandsMetadata_has_the_registry_with_real_parameters) {
    commands::Settings settings;
    settings.exec.resize(2);
    settings.exec[0].name = "disk";
    settings.exec[0].description = "Shows a disk";
    settings.exec[0].program = {"/bin/df", "{path}", "{depth}", "{human}"};
    settings.exec[0].parameters.resize(3);
    settings.exec[0].parameters[0].name = "path";
    settings.exec[0].parameters[1].name = "depth";
    settings.exec[0].parameters[1].type = commands::ExecParameter::Type::integer;
    settings.exec[0].parameters[2].name = "human";
    settings.exec[0].parameters[2].type = commands::ExecParameter::Type::boolean;
    settings.exec[1].name = "undescribed";
    settings.exec[1].program = {"/opt/secret/tool"};
    registry_ = commands::make_registry(settings, {}).value();

    const json answer = ask("CommandsMetadataRequested");
    EXPECT_EQ(names(answer), "Commands RequestId");
    const auto find = [&](const char* name) {
        for (const auto& command : answer["Commands"]) {
            if (command["CommandName"] == name) return command;
        }
        return json();
    };
    EXPECT_EQ(find("disk"),
              json({{"CommandName", "disk"},
                    {"CommandDescription", "Shows a disk"},
                    {"CommandSyntax", "disk <path> <depth> <human>"},
                    {"Parameters", {{"path", "System.String"}, {"depth", "System.Int64"}, {"human", "System.Boolean"}}},
                    {"ModuleName", "Exec"},
                    {"Keywords", json::array()}}));
    EXPECT_EQ(find("ping")["ModuleName"], "BaseCommands");
    EXPECT_THAT(answer.dump(), Not(HasSubstr("/opt/secret")));
}

TEST_F(TargetsTest, CommandsMetadata_of_thousands_fits_into_one_record) {
    commands::Settings settings;
    for (int i = 0; i < 2000; ++i) {
        commands::ExecCommand command;
        command.name = "command-" + std::to_string(i);
        command.description = std::string(3000, 'd');
        command.program = {"/bin/true"};
        settings.exec.push_back(command);
    }
    registry_ = commands::make_registry(settings, {}).value();
    const json answer = ask("CommandsMetadataRequested");
    EXPECT_THAT(answer["Commands"], SizeIs(Ge(10U)));
    EXPECT_THAT(answer["Note"].get<std::string>(), HasSubstr(" commands"));
}

// Machine

TEST_F(TargetsTest, MachineInfo_has_all_members_as_texts) {
    const json answer = ask("MachineInfoRequested", {{"filters", {{"a", "b"}}}});
    EXPECT_EQ(names(answer), "Description MachineId Metadata Name RequestId Status");
    EXPECT_EQ(answer["MachineId"], "myhost");
    EXPECT_EQ(answer["Status"], "Active");
    EXPECT_EQ(
        names(answer["Metadata"]),
        "AvailableMemoryMB CpuUsagePercent Is64BitOS Is64BitProcess MemoryUsagePercent OS Platform ProcessorCount "
        "RuntimeVersion TotalMemoryMB UsedMemoryMB UserDomainName UserName WorkingSet");
    for (const auto& [name, value] : answer["Metadata"].items()) {
        ASSERT_TRUE(value.is_string()) << name;
        EXPECT_NE(value, "") << name;
    }
}

TEST_F(TargetsTest, MachineInfo_gives_the_cpu_of_an_interval_not_since_boot) {
    ASSERT_THAT(load_.samples(), SizeIs(1));
    ask("MachineInfoRequested");
    EXPECT_THAT(load_.samples(), SizeIs(2));
    ask("MachineInfoRequested");
    EXPECT_THAT(load_.samples(), SizeIs(2));
}

TEST_F(TargetsTest, MachineInfo_refuses_filters_of_another_type) {
    const json answer = ask("MachineInfoRequested", {{"filters", "text"}});
    EXPECT_EQ(answer["Status"], "Unavailable");
    EXPECT_THAT(answer["Description"].get<std::string>(), HasSubstr("Filters"));
}

// Themes

TEST_F(TargetsTest, CustomThemes_are_the_files_of_the_folder) {
    const auto themes = folder_.path() / "themes";
    std::filesystem::create_directory(themes);
    folder_.write("themes/dark.json",
                  R"({"name":"Dark","description":"At night","colorScheme":{"transparent":"transparent"}})");
    folder_.write("themes/unnamed.json", R"({"ColorScheme":{}})");
    folder_.write("themes/template.json", R"({"name":"Template","colorScheme":{}})");
    folder_.write("themes/broken.json", "{");
    folder_.write("themes/list.json", "[]");
    folder_.write("themes/no-scheme.json", R"({"name":"x"})");
    folder_.write("themes/notes.txt", "no theme");
    folder_.write("themes/huge.json", std::string(1024 * 1024, ' ') + "{}");
    std::filesystem::create_symlink("/dev/zero", themes / "zero.json");
    std::filesystem::create_directory(themes / "folder.json");
    config_text({{"Hub", {{"Themes", themes.string()}}}});

    const json answer = ask("CustomThemesRequested");
    EXPECT_EQ(answer["Themes"], json::array({{{"Name", "Dark"},
                                              {"Description", "At night"},
                                              {"JsonColorScheme", "{\n  \"transparent\": \"transparent\"\n}"}},
                                             {{"Name", "unnamed"}, {"Description", ""}, {"JsonColorScheme", "{}"}}}));
}

TEST_F(TargetsTest, CustomThemes_are_none_without_a_folder) {
    EXPECT_EQ(ask("CustomThemesRequested")["Themes"], json::array());
    config_text({{"Hub", {{"Themes", (folder_.path() / "missing").string()}}}});
    EXPECT_EQ(ask("CustomThemesRequested")["Themes"], json::array());
}

TEST_F(TargetsTest, CustomThemes_beyond_one_record_are_left_out) {
    std::filesystem::create_directory(folder_.path() / "themes");
    for (int i = 0; i < 5; ++i) {
        folder_.write("themes/" + std::to_string(i) + ".json",
                      json({{"name", std::to_string(i)}, {"colorScheme", {{"a", std::string(10'000, 'x')}}}}).dump());
    }
    config_text({{"Hub", {{"Themes", (folder_.path() / "themes").string()}}}});
    const json answer = ask("CustomThemesRequested");
    EXPECT_THAT(answer["Themes"], SizeIs(3));
    EXPECT_THAT(answer["Note"].get<std::string>(), HasSubstr("3 of 5 themes"));
}

// Logs

TEST_F(TargetsTest, Logs_are_the_newest_first_with_level_limit_and_offset) {
    log::tail().keep(100'000);
    const log::Level levels[] = {log::Level::info, log::Level::warn, log::Level::error, log::Level::debug};
    for (int i = 0; i < 8; ++i) {
        log::tail().add({0, clock_.wall_now(), levels[i % 4], "test", "line " + std::to_string(i)});
    }
    const auto texts = [&](json argument) {
        const json answer = ask("LogsRequested", std::move(argument));
        std::string all;
        for (const auto& line : answer["Logs"]) {
            EXPECT_EQ(names(line), "File Level Message Timestamp");
            const auto message = line["Message"].get<std::string>();
            if (message.starts_with("[test] line ")) all += message.substr(12);
        }
        return all;
    };
    EXPECT_EQ(texts({{"limit", 1000}}).substr(0, 8), "76543210");
    EXPECT_EQ(texts({{"level", "WRN"}}), "51");
    EXPECT_EQ(texts({{"Level", "warning"}}), "51");
    EXPECT_EQ(texts({{"level", "Error"}}), "62");
    EXPECT_EQ(texts({{"level", "FTL"}}), "");
    EXPECT_EQ(texts({{"level", "ERR"}, {"offset", 1}, {"limit", 10}}), "2");
    EXPECT_EQ(texts({{"level", "ERR"}, {"limit", 1}}), "6");
    EXPECT_EQ(texts({{"level", "ERR"}, {"limit", 0}}), "");
    EXPECT_EQ(texts({{"level", "ERR"}, {"offset", 1'000'000'000'000}}), "");
    const json answer = ask("LogsRequested", {{"level", "DBG"}, {"limit", 1}});
    EXPECT_EQ(answer["TotalLogs"], 2);
    EXPECT_EQ(answer["Limit"], 1);
    EXPECT_EQ(answer["Level"], "DBG");
    EXPECT_THAT(answer["Logs"][0]["Timestamp"].get<std::string>(),
                ::testing::MatchesRegex("....-..-.. ..:..:..\\.... [+-]..:.."));
}

TEST_F(TargetsTest, Logs_fit_into_one_record) {
    log::tail().keep(1'000'000);
    for (int i = 0; i < 100; ++i) {
        log::tail().add({0, clock_.wall_now(), log::Level::error, "test", std::string(2000, '"')});
    }
    const json answer = ask("LogsRequested", {{"level", "ERR"}});
    EXPECT_THAT(answer["Logs"], SizeIs(AllOf(Ge(5U), Le(20U))));
    EXPECT_THAT(answer["Note"].get<std::string>(), HasSubstr("of 100 lines"));
}

TEST_F(TargetsTest, Logs_malformed_say_so_in_a_line) {
    const json answer = ask("LogsRequested", {{"limit", "many"}});
    EXPECT_THAT(answer["Logs"][0]["Message"].get<std::string>(), HasSubstr("Limit: expected a whole number"));
}

// Sessions

TEST_F(TargetsTest, Sessions_of_an_empty_store) {
    EXPECT_EQ(ask("SessionsRequested", {{"instanceId", "i1"}}), json({{"InstanceId", "i1"},
                                                                      {"TotalSessions", 0},
                                                                      {"CurrentSessionId", nullptr},
                                                                      {"Sessions", json::array()},
                                                                      {"RequestId", "r1"}}));
}

TEST_F(TargetsTest, Sessions_are_listed_opened_renamed_and_removed) {
    sessions_.add("s-1", {"Hello", "Hi!"});
    EXPECT_EQ(
        ask("SessionsRequested")["Sessions"],
        json::array(
            {{{"SessionId", "s-1"}, {"SessionName", "Session-s-1"}, {"CreatedAt", "1970-01-01T00:00:00.0000000Z"}}}));
    EXPECT_EQ(ask("UpdateSession", {{"sessionId", "s-1"}, {"name", "Taxes"}}),
              json({{"IsSuccess", true},
                    {"Message", "Session s-1 updated successfully"},
                    {"Errors", json::array()},
                    {"RequestId", "r1"}}));
    const json opened = ask("SingleSessionRequested", {{"instanceId", "i"}, {"sessionId", "s-1"}});
    EXPECT_EQ(names(opened),
              "CreatedAt InstanceId LastUpdatedAt Messages RequestId SessionId SessionName TotalMessages");
    EXPECT_EQ(opened["SessionName"], "Taxes");
    EXPECT_EQ(opened["TotalMessages"], 2);
    EXPECT_EQ(opened["Messages"][0], json({{"MessageId", "m1"},
                                           {"IsUser", true},
                                           {"Type", "Text"},
                                           {"Content", "Hello"},
                                           {"CreatedAt", "1970-01-01T00:00:00.0000000Z"}}));
    EXPECT_EQ(ask("RemoveSession", {{"sessionId", "s-1"}, {"reason", "old"}})["Message"],
              "Session s-1 removed successfully");
    EXPECT_EQ(ask("SessionsRequested")["TotalSessions"], 0);
}

TEST_F(TargetsTest, Sessions_that_do_not_exist) {
    const json missing{{"sessionId", "nobody"}, {"instanceId", "i"}};
    const json opened = ask("SingleSessionRequested", missing);
    EXPECT_EQ(opened["SessionName"], "Error");
    EXPECT_EQ(opened["SessionId"], "nobody");
    EXPECT_EQ(opened["TotalMessages"], 0);
    for (const char* target : {"RemoveSession", "UpdateSession"}) {
        const json answer = ask(target, missing);
        EXPECT_EQ(answer["IsSuccess"], false);
        EXPECT_EQ(answer["Message"], "Session not found");
        EXPECT_EQ(answer["Errors"], json::array({"Session with ID nobody does not exist"}));
    }
}

// The newest messages are what a user wants to see; what is missing is said.
TEST_F(TargetsTest, Sessions_that_are_long_are_shortened_from_their_beginning) {
    std::vector<std::string> contents;
    for (int i = 0; i < 100; ++i) contents.push_back(std::to_string(i) + std::string(1000, 'x'));
    sessions_.add("long", contents);
    const json answer = ask("SingleSessionRequested", {{"sessionId", "long"}});
    EXPECT_EQ(answer["TotalMessages"], 100);
    EXPECT_THAT(answer["Messages"], SizeIs(AllOf(Ge(20U), Le(31U))));
    EXPECT_EQ(answer["Messages"].back()["MessageId"], "m100");
    EXPECT_THAT(answer["Note"].get<std::string>(), HasSubstr("of 100 messages"));
}

TEST_F(TargetsTest, Sessions_with_one_message_beyond_the_limit_show_its_beginning) {
    sessions_.add("huge", {"first", std::string(1024 * 1024, 'y')});
    const json answer = ask("SingleSessionRequested", {{"sessionId", "huge"}});
    ASSERT_THAT(answer["Messages"], SizeIs(1));
    EXPECT_THAT(answer["Messages"][0]["Content"].get<std::string>(), HasSubstr("[shortened: 1048576 bytes in all]"));
    EXPECT_TRUE(answer.contains("Note"));
}

TEST_F(TargetsTest, Sessions_by_the_thousand_fit_into_one_record) {
    for (int i = 0; i < 2000; ++i) sessions_.add("session-" + std::to_string(i), {});
    const json answer = ask("SessionsRequested");
    EXPECT_EQ(answer["TotalSessions"], 2000);
    EXPECT_THAT(answer["Sessions"], SizeIs(Ge(200U)));
    EXPECT_TRUE(answer.contains("Note"));
}

// The storage's own words may name files.
// Its name may be eight times as long as JSON.
TEST_F(TargetsTest, Sessions_with_a_name_of_control_characters_are_in_the_list) {
    sessions_.sessions.push_back(FakeSessions::Session());
    sessions_.sessions.back().summary.id = "s1";
    sessions_.sessions.back().summary.name = std::string(8000, '\1');
    ASSERT_THAT(ask("SessionsRequested")["Sessions"], SizeIs(1U));
    EXPECT_EQ(ask("SingleSessionRequested", {{"sessionId", "s1"}})["SessionId"], "s1");
}

TEST_F(TargetsTest, Sessions_in_trouble_say_so_without_the_storages_words) {
    sessions_.fails = true;
    EXPECT_EQ(ask("RemoveSession", {{"sessionId", "x"}})["Message"], "Failed to remove session");
    EXPECT_EQ(ask("UpdateSession", {{"sessionId", "x"}})["Message"], "Failed to update session");
    EXPECT_EQ(ask("SessionsRequested")["Note"], "Failed to read sessions");
    EXPECT_EQ(ask("SingleSessionRequested", {{"sessionId", "x"}})["SessionName"], "Error");
}

// Configuration

TEST_F(TargetsTest, Config_is_flat_and_its_secrets_are_masked) {
    config_text({{"ApiKey", "very-secret-key"},
                 {"WebSocket",
                  {{"HubUrl", "https://hub.example/hub?token=in-the-url"},
                   {"AccessToken", "very-secret-token"},
                   {"Headers", {{"X-Api-Key", "very-secret-header"}, {"User-Agent", "me"}}}}},
                 {"Commands",
                  {{"Exec",
                    {{"tool",
                      {{"Program", {"/opt/tool", "--password=very-secret-argument"}},
                       {"Environment", {{"PASSWORD", "very-secret-variable"}}}}}}}}}});
    const json answer = ask("ConfigRequested");
    EXPECT_EQ(names(answer),
              "ApplicationName Configuration Environment InstanceId RequestId SystemInfo UptimeSeconds Version");
    EXPECT_THAT(answer.dump(), Not(HasSubstr("secret")));
    EXPECT_THAT(answer.dump(), Not(HasSubstr("in-the-url")));
    auto values = answer["Configuration"]["Values"];
    for (const auto& [key, value] : values.items()) EXPECT_TRUE(value.is_string()) << key;
    EXPECT_EQ(values["JiroCloud:ApiKey"], "***");
    EXPECT_EQ(values["JiroCloud:WebSocket:Headers:User-Agent"], "me");
    EXPECT_EQ(values["JiroCloud:WebSocket:Headers:X-Api-Key"], "***");
    EXPECT_EQ(values["Commands:TimeoutMs"], "60000");
    EXPECT_EQ(values["Commands:Exec"], "tool");
    EXPECT_EQ(answer["InstanceId"], "myhost");
    EXPECT_TRUE(answer["SystemInfo"]["TotalMemory"].is_number_integer());
}

TEST_F(TargetsTest, ConfigUpdated_changes_what_it_may_and_answers_both_shapes) {
    const json answer =
        ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}, {"logging", {{"level", "warn"}}}}}});
    EXPECT_EQ(answer["Success"], true) << answer["Message"];
    EXPECT_EQ(answer["ReceivedKeys"], json::array({"Commands.TimeoutMs", "logging.level"}));
    EXPECT_EQ(answer["Configuration"]["Values"]["Commands:TimeoutMs"], "5000");
    EXPECT_EQ(config_.commands.timeout, 5s);
    EXPECT_EQ(config_.logging.level, log::Level::warn);
    // It is there after a restart, and null gives the key back to the operator.
    const auto again = load_with_overlay(folder_.path() / "config.yaml", environment_);
    EXPECT_EQ(again.config->commands.timeout, 5s);
    EXPECT_EQ(ask("ConfigUpdated", {{"configData", {{"Commands:TimeoutMs", nullptr}}}})["Success"], true);
    EXPECT_EQ(config_.commands.timeout, 60s);
    EXPECT_EQ(config_.logging.level, log::Level::warn);
}

// All of an update or nothing; the hub can never define what runs, whom to trust, or where things are.
TEST_F(TargetsTest, ConfigUpdated_refuses_everything_else) {
    const std::string before = config::print_effective(config_);
    const json rows[] = {
        {{"ApiKey", "stolen"}},
        {{"WebSocket.AccessToken", "stolen"}},
        {{"WebSocket.HubUrl", "https://evil.example"}},
        {{"WebSocket", {{"Tls", {{"Verify", false}}}}}},
        {{"Outbox.Path", "/etc/passwd"}},
        {{"Hub.Themes", "/etc"}},
        {{"Hub.Requests", json::array({"commands"})}},
        {{"Commands.Exec", {{"evil", {{"Program", json::array({"/bin/sh"})}}}}}},
        {{"Commands", {{"Exec", {{"evil", {{"Program", "/bin/sh"}}}}}}}},
        {{"commands:exec:evil:program", "/bin/sh"}},
        {{"Commands__Exec", "{evil: {Program: [/bin/sh]}}"}},
        {{"Commands.RunAs", "daemon"}},
        {{"Commands.Default", "tool"}},
        {{"AllowInsecure", true}},
        {{"Nothing.Known", 1}},
        {{"", 1}},
        {{"Commands.TimeoutMs", json::array({1, 2})}},
        {{"Commands", {{"TimeoutMs", json::object()}}}},
        {{"Commands.TimeoutMs", "not a number"}},
        {{"Commands.TimeoutMs", -5}},
        {{"Commands.TimeoutMs", 5000}, {"ApiKey", "stolen"}},
        {{"Commands.TimeoutMs\nExec", 5000}},
        {{"Logging.Level", "info\nCommands:\n  Exec: {}"}},
    };
    for (const auto& row : rows) {
        const json answer = ask("ConfigUpdated", {{"configData", row}});
        EXPECT_EQ(answer["Success"], false) << row.dump();
        EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr("nothing was changed: ")) << row.dump();
        EXPECT_EQ(config::print_effective(config_), before) << row.dump();
        EXPECT_FALSE(std::filesystem::exists(folder_.path() / "hub-settings.json")) << row.dump();
    }
    for (const json& data : {json(), json("text"), json::array({1})}) {
        EXPECT_EQ(ask("ConfigUpdated", {{"configData", data}})["Success"], false) << data.dump();
    }
    json many;
    for (int i = 0; i < 1000; ++i) many[std::string(500, 'k') + std::to_string(i)] = i;
    EXPECT_EQ(ask("ConfigUpdated", {{"configData", many}})["Success"], false);
}

// What is in force is said of each key: a variable lies over the hub's value, and there may be nothing to do.
TEST_F(TargetsTest, ConfigUpdated_says_what_is_in_force) {
    const struct {
        json data;
        bool is_success;
        const char* message;
    } rows[] = {
        {{{"Grpc.MaxRetries", 5}},
         false,
         "nothing was changed: Grpc.MaxRetries is kept, but environment JIRO_GRPC__MAXRETRIES lies over it"},
        {{{"Grpc.MaxRetries", 5}, {"Commands.MaxQueued", 6}},
         true,
         "1 keys are in force; Grpc.MaxRetries is kept, but environment JIRO_GRPC__MAXRETRIES lies over it"},
        {{{"Commands.MaxQueued", nullptr}}, true, "1 keys are in force"},
        {{{"Commands.MaxQueued", nullptr}}, true, "nothing was changed: Commands.MaxQueued was not set by the hub"},
        {json::object(), true, "nothing was changed: no value differs from what is shown"},
        {{{"Commands", json::object()}}, true, "nothing was changed: no value differs from what is shown"},
        {{{"Commands", {{"MaxQueued", json::object()}}}},
         false,
         "nothing was changed: Commands.MaxQueued: expected one value"},
    };
    for (const auto& row : rows) {
        const json answer = ask("ConfigUpdated", {{"configData", row.data}});
        EXPECT_EQ(answer["Success"], row.is_success) << row.data.dump();
        EXPECT_EQ(answer["Message"], row.message) << row.data.dump();
    }
    EXPECT_EQ(config_.delivery.grpc.max_retries, 4);
}

// A name that is too long for a key is not made the beginning of a path for each of its members.
TEST_F(TargetsTest, ConfigUpdated_refuses_long_names_unread) {
    const json data{{std::string(300, 'k'), {{"inner", "***"}}}};
    const json answer = ask("ConfigUpdated", {{"configData", data}});
    EXPECT_EQ(answer["Success"], false);
    EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr("unknown key"));
}

// A value as it was shown, masked, is no change.
TEST_F(TargetsTest, ConfigUpdated_ignores_masked_values) {
    const json answer = ask("ConfigUpdated", {{"configData", {{"ApiKey", "***"}, {"Commands.TimeoutMs", 4000}}}});
    EXPECT_EQ(answer["Success"], true);
    EXPECT_EQ(config_.commands.timeout, 4s);
}

// A page that shows all values sends all of them back, as texts, with one that its user has changed.
TEST_F(TargetsTest, ConfigUpdated_takes_back_what_ConfigRequested_shows) {
    config_text({{"ApiKey", "secret"}, {"WebSocket", {{"HubUrl", "https://hub.example/hub"}}}});
    test::run_task(context_, reloader_->reload());
    const config::Config before = config_;
    json values = ask("ConfigRequested")["Configuration"]["Values"];
    values["Commands:TimeoutMs"] = "4321";
    const json answer = ask("ConfigUpdated", {{"configData", values}});
    EXPECT_EQ(answer["Success"], true) << answer["Message"];
    EXPECT_EQ(answer["ReceivedKeys"], json::array({"Commands:TimeoutMs"}));
    EXPECT_EQ(config_.commands.timeout, 4321ms);
    EXPECT_EQ(config::changes(before, config_).size(), 1U);
    values["JiroCloud:WebSocket:HubUrl"] = "https://evil.example/hub";
    EXPECT_EQ(ask("ConfigUpdated", {{"configData", values}})["Success"], false);
}

TEST_F(TargetsTest, ConfigUpdated_leaves_no_trace_of_what_cannot_be_applied) {
    refuses_reload_ = true;
    const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
    EXPECT_EQ(answer["Success"], false);
    EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr("it cannot be applied"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "hub-settings.json"));
    // Its very bytes are there again.
    const std::string text = "{ /* ops */ \"Commands\": { \"TimeoutMs\": 7000 } }";
    folder_.write("hub-settings.json", text);
    ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
    EXPECT_EQ(read_small_file(folder_.path() / "hub-settings.json", 1000)->text, text);
}

// What the operator has saved meanwhile waits for the operator's reload.
TEST_F(TargetsTest, ConfigUpdated_puts_nothing_else_in_force) {
    const config::Config running = config_;
    config_text({{"Commands", {{"MaxQueued", 7}}}, {"WebSocket", {{"KeepAliveIntervalMs", 14000}}}});
    config_ = running;
    const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
    EXPECT_EQ(answer["Success"], true) << answer["Message"];
    ASSERT_EQ(config::changes(running, config_).size(), 1U);
    EXPECT_EQ(config::changes(running, config_)[0].path, "Commands.TimeoutMs");
    EXPECT_EQ(test::run_task(context_, reloader_->reload()).in_force.size(), 2U);
    EXPECT_EQ(config_.commands.timeout, 5s);
}

// The hub may want it no more when it is half done: it is in force then, as the file says.
TEST_F(TargetsTest, ConfigUpdated_is_whole_also_when_it_is_cancelled) {
    signalr::Invocation invocation;
    invocation.target = "ConfigUpdated";
    invocation.invocation_id = "s1";
    invocation.arguments.push_back({{"requestId", "r1"}, {"configData", {{"Commands.TimeoutMs", 5000}}}});
    boost::asio::cancellation_signal cancel;
    bool has_ended = false;
    const auto on_end = [&](const std::exception_ptr&, const Result<json>&) { has_ended = true; };
    boost::asio::co_spawn(context_, router_->receive(std::move(invocation)),
                          boost::asio::bind_cancellation_slot(cancel.slot(), on_end));
    const auto work = boost::asio::make_work_guard(context_);
    context_.restart();
    while (!std::filesystem::exists(folder_.path() / "hub-settings.json")) context_.run_one_for(1ms);
    cancel.emit(boost::asio::cancellation_type::terminal);
    while (!has_ended) context_.run_one_for(10s);
    EXPECT_EQ(config_.commands.timeout, 5s);
}

TEST_F(TargetsTest, ConfigUpdated_needs_a_disk) {
    config_text({{"Outbox", {{"Path", ":memory:"}}}});
    const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
    EXPECT_EQ(answer["Success"], false);
    EXPECT_THAT(answer["Message"].get<std::string>(), HasSubstr("no state directory"));
}

// The overlay is a file that somebody may damage: then the operator's configuration alone is in force.
TEST_F(TargetsTest, Overlay_that_is_damaged_or_holds_more_is_left_out) {
    for (const char* text : {"{", "[]", R"({"Commands":{"Exec":{"evil":{"Program":["/bin/sh"]}}}})",
                             R"({"ApiKey":"x"})", R"({"Commands":{"TimeoutMs":"soon"}})"}) {
        folder_.write("hub-settings.json", text);
        const auto loaded = load_with_overlay(folder_.path() / "config.yaml", environment_);
        ASSERT_TRUE(loaded) << text;
        EXPECT_TRUE(loaded.config->commands.exec.empty()) << text;
        EXPECT_THAT(loaded.config->warnings.back().text, HasSubstr("what the hub has set is left out")) << text;
    }
}

// It is the operator's to edit: who adds a key to it reads it as the loader does, and no key in force is lost.
TEST_F(TargetsTest, ConfigUpdated_keeps_what_is_in_force_however_it_is_written) {
    for (const char* text : {"{ // raised by ops\n \"Commands\": { \"MaxQueued\": 5, \"timeoutms\": 7000, },\n}",
                             "commands:  # raised by ops\n  MaxQueued: 5\n  TimeoutMs: 7000\n"}) {
        folder_.write("hub-settings.json", text);
        const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.MaxQueued", 6}}}});
        EXPECT_EQ(answer["Success"], true) << answer["Message"];
        const auto again = load_with_overlay(folder_.path() / "config.yaml", environment_);
        ASSERT_TRUE(again);
        EXPECT_THAT(again.config->warnings, IsEmpty());
        EXPECT_EQ(again.config->commands.timeout, 7s) << text;
        EXPECT_EQ(again.config->commands.max_queued, 6U) << text;
    }
}

// What cannot be read may be in force, and is not written over: the answer names it.
TEST_F(TargetsTest, ConfigUpdated_is_refused_while_the_overlay_cannot_be_read) {
    const auto overlay = folder_.path() / "hub-settings.json";
    for (const char* text :
         {"{", "[]", "{\"Commands\": 5}", R"({"Commands":{"Exec":{"evil":{"Program":["/bin/sh"]}}}})",
          R"({"ApiKey":"x"})", R"({"Commands":{"TimeoutMs":[5000]}})", R"({"Commands":{"MaxQueued":"many"}})",
          "Commands: {TimeoutMs: 1}\nCommands: {TimeoutMs: 2}"}) {
        folder_.write("hub-settings.json", text);
        const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
        EXPECT_EQ(answer["Success"], false) << text;
        EXPECT_THAT(answer["Message"].get<std::string>(),
                    HasSubstr("mend or remove its file on the machine: " + overlay.string() + ':'));
        EXPECT_EQ(read_small_file(overlay, 1000)->text, text);
    }
    std::filesystem::remove(overlay);
    std::filesystem::create_directory(overlay);
    const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});
    EXPECT_THAT(answer["Message"].get<std::string>(),
                HasSubstr("mend or remove its file on the machine: " + overlay.string() + ": is a directory"));
    EXPECT_EQ(config_.commands.timeout, 60s);
}

// A bad value of the key that is set anew is mended by that.
TEST_F(TargetsTest, ConfigUpdated_mends_what_it_replaces) {
    folder_.write("hub-settings.json", R"({"Commands":{"TimeoutMs":"soon"}})");
    const json bad = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", "later"}}}});
    EXPECT_THAT(bad["Message"].get<std::string>(),
                AllOf(HasSubstr("Commands.TimeoutMs: must be a whole number"), Not(HasSubstr("mend or remove"))));
    EXPECT_EQ(ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}})["Success"], true);
    EXPECT_EQ(config_.commands.timeout, 5s);
}

// A folder that takes files and cannot be flushed: the new file is there when that fails.
TEST_F(TargetsTest, ConfigUpdated_restores_what_a_late_failure_left) {
    constexpr uid_t kNobody = 65534;
    const auto folder = folder_.path() / "state";
    const auto overlay = folder / "hub-settings.json";
    const std::string before = R"({"Commands":{"TimeoutMs":7000}})";
    std::filesystem::create_directory(folder);
    config_text({{"Outbox", {{"Path", (folder / "outbox.db").string()}}}});
    std::ofstream(overlay) << before;
    const bool is_root = geteuid() == 0;  // to whom every folder is open
    for (const auto& path : {folder_.path(), folder})
        ASSERT_TRUE(!is_root || chown(path.c_str(), kNobody, static_cast<gid_t>(-1)) == 0);
    ASSERT_EQ(chmod(folder.c_str(), 0300), 0);
    ASSERT_TRUE(!is_root || seteuid(kNobody) == 0);

    const json answer = ask("ConfigUpdated", {{"configData", {{"Commands.TimeoutMs", 5000}}}});

    ASSERT_TRUE(!is_root || seteuid(0) == 0);
    ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
    EXPECT_EQ(answer["Success"], false);
    EXPECT_THAT(answer["Message"].get<std::string>(),
                AllOf(HasSubstr("what was set may be in force after the next start: "), HasSubstr("cannot be flushed"),
                      Not(HasSubstr("nothing was changed"))));
    EXPECT_EQ(read_small_file(overlay, 1000)->text, before);
    EXPECT_EQ(config_.commands.timeout, 60s);
}

// Without the permission the overlay does not count.
TEST_F(TargetsTest, Overlay_counts_only_while_the_hub_may_set_keys) {
    folder_.write("hub-settings.json", R"({"Commands":{"TimeoutMs":7000}})");
    EXPECT_EQ(load_with_overlay(folder_.path() / "config.yaml", environment_).config->commands.timeout, 7s);
    folder_.write("other.yaml", json({{"Outbox", {{"Path", (folder_.path() / "outbox.db").string()}}}}).dump());
    EXPECT_EQ(load_with_overlay(folder_.path() / "other.yaml", environment_).config->commands.timeout, 60s);
}

}  // namespace
}  // namespace jiro::daemon
