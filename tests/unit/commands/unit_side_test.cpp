// SPDX-License-Identifier: MIT
// The unit's side of a command against a daemon that was taken over: what root defined is all that runs.
#include "jiro/commands/unit_side.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "commands/exec/unit_protocol.hpp"
#include "jiro/commands/errors.hpp"
#include "support/run_task.hpp"

namespace jiro::commands {

namespace {

using testing::HasSubstr;

ExecCommand definition_of_show() {
    ExecCommand command;
    command.name = "show";
    command.program = {"/bin/sh", "-c", "cat; echo \"$1 $JIRO_COMMAND $JIRO_PARAM_WORD $LIMIT\"; pwd; ulimit -n", "sh",
                       "{word}"};
    ExecParameter word;
    word.name = "word";
    word.pattern = "[a-z]+";
    command.parameters = {word};
    command.environment = {{"LIMIT", "roots"}};
    command.working_directory = "/usr";
    command.limits.open_files = 77;
    return command;
}

// Root's definitions: `show`, and one that is broken.
UnitPolicy policy_of_root(Undefined undefined) {
    const auto definition_of = [](const std::string& name) -> Result<ExecCommand> {
        if (name == "show") return definition_of_show();
        if (name == "broken") return Error(errc::bad_definition, "the command broken is not defined well");
        return Error(errc::not_defined, "the command " + name + " is not defined in /x");
    };
    return {definition_of, undefined};
}

// What a daemon that was taken over asks for: everything but the command's name and its values is its own.
ChildSpec taken_over(std::string name, Parameters parameters, std::vector<std::string> arguments = {}) {
    ChildSpec spec;
    spec.call = {std::move(name), std::move(arguments), std::move(parameters), "sync-1", "session-1"};
    spec.argv = {"/bin/echo", "taken over"};
    spec.environment = {{"LIMIT", "theirs"}, {"LD_PRELOAD", "/tmp/x.so"}};
    spec.working_directory = "/tmp";
    return spec;
}

struct Answer {
    std::string problem;
    std::string output;
};

Task<> ask(FileDescriptor connected, ChildSpec spec, std::array<FileDescriptor, 3> descriptors, Answer& answer) {
    const auto executor = co_await boost::asio::this_coro::executor;
    UnitConnection connection(executor);
    EXPECT_TRUE(connection.assign(std::move(connected)));
    std::string record = to_record(spec);
    const bool is_sent = co_await connection.send_request(std::move(record), descriptors);
    EXPECT_TRUE(is_sent);
    for (;;) {
        const auto said = co_await connection.read();
        if (!said) co_return;
        if (said->contains("problem")) answer.problem = said->at("problem").get<std::string>();
        if (said->contains("problem") || said->contains("code") || said->contains("signal")) co_return;
    }
}

Answer answer_of(UnitPolicy policy, ChildSpec spec) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int output[2];
    EXPECT_EQ(pipe2(output, O_CLOEXEC), 0);
    int input[2];
    EXPECT_EQ(pipe2(input, O_CLOEXEC), 0);
    EXPECT_EQ(write(input[1], "fed\n", 4), 4);
    close(input[1]);
    std::array<FileDescriptor, 3> descriptors{FileDescriptor(input[0]), FileDescriptor(output[1]),
                                              FileDescriptor(open("/dev/null", O_WRONLY | O_CLOEXEC))};
    const FileDescriptor ours(output[0]);

    boost::asio::io_context context;
    SystemClock clock;
    Answer answer;
    const auto served = [](const std::exception_ptr&, const Result<>&) {};
    boost::asio::co_spawn(context, serve_command(FileDescriptor(ends[1]), clock, std::move(policy)), served);
    jiro::test::run_task(context, ask(FileDescriptor(ends[0]), std::move(spec), std::move(descriptors), answer));
    context.restart();
    context.run();  // the unit's side ends with the connection
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = read(ours.get(), buffer.data(), buffer.size())) > 0;) {
        answer.output.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return answer;
}

}  // namespace

// Of a request for a command that root defined only its name and its values count; what it is not to read it cannot.
TEST(UnitSide, makes_the_program_of_roots_definition) {
    const auto answer = answer_of(policy_of_root(Undefined::refuse), taken_over("show", {{"word", "abc"}}));
    EXPECT_EQ(answer.problem, "");
    EXPECT_EQ(answer.output, "abc show abc roots\n/usr\n77\n");
}

// The values are checked once more.
TEST(UnitSide, checks_the_values_again) {
    const struct {
        const char* name;
        Parameters parameters;
        std::vector<std::string> arguments;
        const char* problem;
    } rows[] = {
        {"a value that is not allowed", {{"word", "A; id"}}, {}, "word \"A; id\" does not match"},
        {"by position", {}, {"A"}, "word \"A\" does not match"},
        {"an option", {{"word", "-rf"}}, {}, "word \"-rf\""},
        {"a missing one", {}, {}, "the argument word is missing"},
        {"one too many", {{"word", "a"}}, {"more"}, "too many arguments"},
        {"a NUL", {{"word", std::string("a\0b", 3)}}, {}, "word"},
        {"a very long one", {{"word", std::string(100'000, 'a')}}, {}, "word"},
    };
    for (const auto& row : rows) {
        const auto answer =
            answer_of(policy_of_root(Undefined::run), taken_over("show", row.parameters, row.arguments));
        EXPECT_THAT(answer.problem, HasSubstr(row.problem)) << row.name;
        EXPECT_EQ(answer.output, "") << row.name;
    }
}

// What root did not define is refused by its name, unless root lets the unit run it; what it defined badly always.
TEST(UnitSide, refuses_what_is_not_defined) {
    for (const char* name : {"other", "", "Show", "show ", "../show", "sh\now"}) {
        const auto refused = answer_of(policy_of_root(Undefined::refuse), taken_over(name, {{"word", "abc"}}));
        EXPECT_EQ(refused.problem, "the command " + std::string(name) + " is not defined in /x");
        EXPECT_EQ(refused.output, "");
        EXPECT_EQ(answer_of(policy_of_root(Undefined::run), taken_over(name, {})).output, "taken over\n");
    }
    for (const auto undefined : {Undefined::refuse, Undefined::run}) {
        const auto broken = answer_of(policy_of_root(undefined), taken_over("broken", {}));
        EXPECT_EQ(broken.problem, "the command broken is not defined well");
        EXPECT_EQ(broken.output, "");
    }
    EXPECT_EQ(answer_of({}, taken_over("anything", {})).output, "taken over\n");
}

}  // namespace jiro::commands
