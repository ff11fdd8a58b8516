// SPDX-License-Identifier: MIT
#include "commands/exec/unit_protocol.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "jiro/commands/errors.hpp"
#include "support/run_task.hpp"

namespace jiro::commands {

namespace {

struct Pair {
    Pair() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        ours = FileDescriptor(ends[0]);
        theirs = FileDescriptor(ends[1]);
    }
    FileDescriptor ours;
    FileDescriptor theirs;
};

std::string with_command(std::string_view rest) {
    return R"({"command":{"name":"it","arguments":[],"parameters":[],"id":"","session":""},)" + std::string(rest) + '}';
}

const std::string kGood = with_command(R"("argv":["/bin/true"],"environment":[],"workingDirectory":"/","limits":{})");

}  // namespace

// What the daemon asks for arrives as it was, with every byte that a text may have.
TEST(UnitProtocol, a_request_comes_back_as_it_was) {
    ChildSpec spec;
    spec.call = {"echo", {"a", ""}, {{"A", "1"}, {"A", "\x01\"\n"}}, "sync-1", "session-1"};
    spec.call.trace = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1");
    spec.argv = {"/bin/echo", "a \"b\"\n\x01\xC3\xA4", ""};
    spec.environment = {{"A", "1"}, {"A", "2"}, {"EMPTY", ""}};
    spec.working_directory = "/tmp";
    spec.limits.cpu = std::chrono::seconds(7);
    spec.limits.file_bytes = 0;
    spec.limits.memory_bytes = UINT64_MAX;
    const auto record = to_record(spec);
    EXPECT_EQ(record.find('\n'), record.size() - 1);
    const auto read = read_request(record);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->call.name, spec.call.name);
    EXPECT_EQ(read->call.arguments, spec.call.arguments);
    EXPECT_EQ(read->call.parameters, spec.call.parameters);
    EXPECT_EQ(read->call.command_sync_id, spec.call.command_sync_id);
    EXPECT_EQ(read->call.session_id, spec.call.session_id);
    EXPECT_EQ(read->call.trace, spec.call.trace);
    EXPECT_EQ(read->call.trace.state(), "a=1");
    EXPECT_EQ(read->argv, spec.argv);
    EXPECT_EQ(read->environment, spec.environment);
    EXPECT_EQ(read->working_directory, spec.working_directory);
    EXPECT_EQ(read->limits.cpu, spec.limits.cpu);
    EXPECT_EQ(read->limits.memory_bytes, spec.limits.memory_bytes);
    EXPECT_EQ(read->limits.file_bytes, spec.limits.file_bytes);
    EXPECT_EQ(read->limits.processes, std::nullopt);
}

// What is no request is refused, whatever it is.
TEST(UnitProtocol, refuses_what_is_no_request) {
    ASSERT_TRUE(read_request(kGood));
    const struct {
        const char* name;
        std::string record;
    } rows[] = {
        {"nothing", ""},
        {"not JSON", "run /bin/true"},
        {"a list", "[]"},
        {"no members", "{}"},
        {"no command", R"({"argv":["/a"],"environment":[],"workingDirectory":"/","limits":{}})"},
        {"a command as text", R"({"command":"it","argv":["/a"],"environment":[],"workingDirectory":"/","limits":{}})"},
        {"a command without a name", R"({"command":{"arguments":[],"parameters":[],"id":"","session":""},)"
                                     R"("argv":["/a"],"environment":[],"workingDirectory":"/","limits":{}})"},
        {"no program", with_command(R"("argv":[],"environment":[],"workingDirectory":"/","limits":{})")},
        {"a relative program", with_command(R"("argv":["true"],"environment":[],"workingDirectory":"/","limits":{})")},
        {"a number as argument",
         with_command(R"("argv":["/a",1],"environment":[],"workingDirectory":"/","limits":{})")},
        {"a variable of one part",
         with_command(R"("argv":["/a"],"environment":[["A"]],"workingDirectory":"/","limits":{})")},
        {"limits as text",
         with_command(R"("argv":["/a"],"environment":[],"workingDirectory":"/","limits":{"cpuSeconds":"1"})")},
        {"no folder", with_command(R"("argv":["/a"],"environment":[],"limits":{})")},
        {"too deep", std::string(100, '[') + std::string(100, ']')}};
    for (const auto& row : rows) {
        const auto read = read_request(row.record);
        ASSERT_FALSE(read) << row.name;
        EXPECT_EQ(read.error().code, errc::bad_request) << row.name;
    }
}

// A request without its three descriptors, one that ends early and one that never ends are refused.
TEST(UnitProtocol, refuses_a_request_that_is_not_whole) {
    for (const std::string& text : {kGood + '\n', kGood, std::string()}) {
        Pair pair;
        ASSERT_EQ(write(pair.ours.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        pair.ours = FileDescriptor();
        EXPECT_FALSE(receive_request(pair.theirs.get())) << text;
    }
    Pair pair;
    std::thread endless([ours = std::move(pair.ours)] {
        const std::string part(1024 * 1024, ' ');
        while (send(ours.get(), part.data(), part.size(), MSG_NOSIGNAL) > 0) {
        }
    });
    EXPECT_FALSE(receive_request(pair.theirs.get()));
    pair.theirs = FileDescriptor();
    endless.join();
}

// The daemon believes no record that is not one, and waits for none that has no end.
TEST(UnitProtocol, a_connection_ends_with_what_is_no_record) {
    for (const std::string& text : {std::string("nonsense\n"), std::string("[1]\n"), std::string(100'000, 'x')}) {
        Pair pair;
        boost::asio::io_context context;
        UnitConnection connection(context.get_executor());
        ASSERT_TRUE(connection.assign(std::move(pair.ours)));
        ASSERT_EQ(write(pair.theirs.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        const auto record = jiro::test::run_task(context, connection.read());
        ASSERT_FALSE(record);
        EXPECT_EQ(record.error().code, errc::connection_lost);
    }
}

}  // namespace jiro::commands
