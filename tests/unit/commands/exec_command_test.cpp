// SPDX-License-Identifier: MIT
// Exec commands with real programs, as children of this process and in units (support/command_unit stands for systemd).
// Time passes really here, but no test waits for a fixed time.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <list>
#include <sstream>
#include <thread>

#include "commands/exec/output_capture.hpp"
#include "jiro/commands/dispatcher.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::commands {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

std::size_t entries(const char* path) {
    std::size_t count = 0;
    DIR* folder = opendir(path);
    while (folder != nullptr && readdir(folder) != nullptr) ++count;
    if (folder != nullptr) closedir(folder);
    return count;
}

std::string children_of(const std::string& process) {
    std::ostringstream text;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + process + "/task")) {
        std::ifstream file(thread.path() / "children");
        std::string children;
        if (std::getline(file, children)) text << children;
    }
    return text.str();
}

// Starts a process for each connection to its socket, as systemd does.
class UnitStarter {
  public:
    explicit UnitStarter(const std::filesystem::path& socket) {
        std::string program = JIRO_COMMAND_UNIT;
        std::string path = socket.string();
        char* arguments[] = {program.data(), path.data(), nullptr};
        EXPECT_EQ(posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environ), 0);
        struct stat status {};
        while (lstat(path.c_str(), &status) != 0) std::this_thread::yield();
    }
    ~UnitStarter() {
        kill(pid_, SIGKILL);
        while (waitpid(-1, nullptr, 0) > 0) {  // its units, too: this process is a subreaper
        }
    }
    UnitStarter(const UnitStarter&) = delete;
    UnitStarter& operator=(const UnitStarter&) = delete;

    [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

  private:
    pid_t pid_ = -1;
};

// While it lives, execve of the file waits: the kernel asks the holder of a write lease to give it up, and waits for
// that. As a mount that hangs or a scanner does, without the rights that those need.
class SlowToStart {
  public:
    explicit SlowToStart(const std::filesystem::path& file) : descriptor_(open(file.c_str(), O_RDWR | O_CLOEXEC)) {
        fcntl(descriptor_, F_SETSIG, SIGURG);  // ignored by default, as SIGIO is not
        holds_ = fcntl(descriptor_, F_SETLEASE, F_WRLCK) == 0;
    }
    ~SlowToStart() { close(descriptor_); }
    SlowToStart(const SlowToStart&) = delete;
    SlowToStart& operator=(const SlowToStart&) = delete;

    [[nodiscard]] bool holds() const { return holds_; }

  private:
    int descriptor_;
    bool holds_ = false;
};

// Processes with this word among their arguments.
int processes_with(const std::string& word) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        std::ostringstream text;
        text << file.rdbuf();
        if (text.str().starts_with("sleep") && text.str().find(word) != std::string::npos) ++count;
    }
    return count;
}

class ExecCommandTest : public ::testing::TestWithParam<RunAs> {
  protected:
    void SetUp() override {
        if (GetParam() == RunAs::unit) units.emplace(files.path() / "socket");
    }

    Settings settings_for(std::vector<ExecCommand> commands) {
        Settings settings;
        settings.run_as = GetParam();
        settings.unit_socket = (files.path() / "socket").string();
        settings.exec = std::move(commands);
        return settings;
    }

    // What this process, or the one that stands for systemd, has started and not reaped.
    std::string own_children() {
        const std::string ours = children_of("self");
        if (!units) return ours;
        return (ours == units->pid() + ' ' ? "" : ours) + children_of(units->pid());
    }

    // A unit ends when its connection does, a little after the command.
    void expect_nothing_left() {
        if (units) jiro::test::run_task(context, until(context, [this] { return own_children().empty(); }));
        EXPECT_EQ(own_children(), "");
    }

    static ExecCommand script(std::string text) {
        ExecCommand command;
        command.name = "it";
        command.program = {std::move(text)};
        command.shell = true;
        command.timeout = 90s;
        command.kill_grace = 200ms;
        return command;
    }

    static ExecCommand program(std::vector<std::string> argv) {
        auto command = script("");
        command.shell = false;
        command.program = std::move(argv);
        return command;
    }

    FinishedCommand run_full(ExecCommand command, std::string arguments = {}, Parameters parameters = {}) {
        auto settings = settings_for({std::move(command)});
        auto registry = make_registry(settings, {});
        if (!registry) {
            ADD_FAILURE() << registry.error().message;
            return {};
        }
        CommandMessage message;
        message.command = "it " + arguments;
        message.command_sync_id = "sync-1";
        message.session_id = "session-1";
        message.parameters = std::move(parameters);
        return jiro::test::run_task(
            context, run_locally(std::move(message), std::move(settings), *registry, clock, random, workers));
    }

    // Ends when `condition` holds.
    static Task<> until(boost::asio::io_context& loop, std::function<bool()> condition) {
        boost::asio::steady_timer timer(loop);
        while (!condition()) {
            timer.expires_after(5ms);
            co_await timer.async_wait(kAwait);
        }
    }

    // A program that says its name.
    std::filesystem::path named(const std::string& name) {
        const auto path = files.write(name, "#!/bin/sh\necho " + name + "\n");
        chmod(path.c_str(), 0755);
        return path;
    }

    CommandResult run(ExecCommand command, std::string arguments = {}) {
        return run_full(std::move(command), std::move(arguments)).result;
    }

    // A program that writes its exact arguments, one a line, ended by NUL.
    ExecCommand show_arguments(std::vector<std::string> arguments, std::vector<ExecParameter> parameters) {
        const auto path = files.write("show", "#!/bin/sh\nfor a in \"$@\"; do printf '[%s]' \"$a\"; done\n");
        chmod(path.c_str(), 0755);
        arguments.insert(arguments.begin(), path.string());
        auto command = program(std::move(arguments));
        command.parameters = std::move(parameters);
        command.result = ExecResultKind::text;
        return command;
    }

    jiro::test::TempDir files;
    boost::asio::io_context context;
    boost::asio::thread_pool workers{1};
    SystemClock clock;
    SystemRandom random;
    std::optional<UnitStarter> units;
};

INSTANTIATE_TEST_SUITE_P(run_as, ExecCommandTest, ::testing::Values(RunAs::daemon, RunAs::unit),
                         [](const auto& row) { return row.param == RunAs::unit ? "unit" : "daemon"; });

}  // namespace

// The plain case: argv, output, exit code.
TEST_P(ExecCommandTest, runs_a_program) {
    ExecParameter path;
    path.name = "path";
    path.default_value = "/";
    auto command = program({"/bin/ls", "-d", "{path}"});
    command.parameters = {path};
    EXPECT_EQ(run(command), CommandResult::text("/\n"));
    EXPECT_EQ(run(command, "/tmp"), CommandResult::text("/tmp\n"));
}

// What the program really saw, after the whole way through the command line.
TEST_P(ExecCommandTest, passes_injection_attempts_as_plain_arguments) {
    ExecParameter value;
    value.name = "value";
    value.max_length = 100000;
    const auto command = show_arguments({"{value}", "end"}, {value});
    for (const char* text : {"a b", "a;reboot", "$(reboot)", "`id`", "a|b&c>d<e", "a\nb", "*", "~", "${HOME}", "%n",
                             "\"q\"", "\xC3\xA4"}) {
        const auto finished = run_full(command, {}, {{"value", text}});
        EXPECT_EQ(finished.result.message(), '[' + std::string(text) + "][end]");
    }
    EXPECT_EQ(run(command, R"("two words")").message(), "[two words][end]");
    EXPECT_EQ(run(command, "two words").outcome, Outcome::rejected);
    EXPECT_EQ(run(command, "-rf").outcome, Outcome::rejected);
    const std::string long_value(100000, 'x');
    EXPECT_EQ(run_full(command, {}, {{"value", long_value}}).result.message(), '[' + long_value + "][end]");
}

// An argument over the system's limit has a name, too.
TEST_P(ExecCommandTest, names_an_argument_that_is_too_long_for_the_system) {
    ExecParameter value;
    value.name = "value";
    value.max_length = 10000000;
    auto command = program({"/bin/true", "{value}"});
    command.parameters = {value};
    const auto finished = run_full(command, {}, {{"value", std::string(1000000, 'x')}});
    EXPECT_THAT(finished.result.message(), HasSubstr("arguments are too long"));
}

// Each way of not starting has a name.
TEST_P(ExecCommandTest, names_why_a_program_does_not_start) {
    const auto plain = files.write("plain", "#!/bin/sh\n");
    const auto no_interpreter = files.write("lost", "#!/no/such/interpreter\n");
    const auto no_line = files.write("noline", "echo hello\n");
    for (const auto& file : {no_interpreter, no_line}) chmod(file.c_str(), 0755);
    const struct {
        const char* name;
        std::string path;
        const char* reason;
    } rows[] = {{"missing", "/no/such/program", "No such file"},
                {"not executable", plain.string(), "Permission denied"},
                {"directory", files.path().string(), "is a directory"},
                {"no interpreter", no_interpreter.string(), "interpreter that it names is missing"},
                {"no #! line", no_line.string(), "no #! line"}};
    for (const auto& row : rows) {
        const auto result = run(program({row.path}));
        EXPECT_EQ(result.outcome, Outcome::failed) << row.name;
        EXPECT_THAT(result.message(), AllOf(HasSubstr("cannot start " + row.path), HasSubstr(row.reason))) << row.name;
    }
    auto lost = program({"/bin/true"});
    lost.working_directory = "/no/such/folder";
    EXPECT_THAT(run(lost).message(), HasSubstr("working directory"));
}

// Each way of ending has an outcome of its own; standard error's tail says why.
TEST_P(ExecCommandTest, tells_the_ends_apart) {
    auto limited = script("sleep 60");
    limited.timeout = 100ms;
    auto stubborn = script("trap '' TERM; echo before; while :; do sleep 1; done");
    stubborn.timeout = 300ms;
    auto accepted = script("exit 3");
    accepted.success_exit_codes = {0, 3};
    auto cpu = script("while :; do :; done");
    cpu.limits.cpu = 1s;
    auto file = script("exec head -c 100000 /dev/zero > " + (files.path() / "big").string());
    file.limits.file_bytes = 1000;
    auto memory = program({"/usr/bin/head", "-c", "1", "/dev/zero"});
    memory.limits.memory_bytes = 4096;
    const struct {
        const char* name;
        ExecCommand command;
        Outcome outcome;
        const char* text;
    } rows[] = {{"prints nothing", script(":"), Outcome::succeeded, ""},
                {"exit code", script("echo why >&2; exit 7"), Outcome::failed, "exit code 7: why"},
                {"accepted exit code", accepted, Outcome::succeeded, ""},
                {"segmentation fault", script("kill -SEGV $$"), Outcome::failed, "signal 11 (SIGSEGV)"},
                {"killed as by the OOM killer", script("kill -KILL $$"), Outcome::failed, "out of memory?"},
                {"time limit", limited, Outcome::timed_out, "timed out after"},
                {"ignores TERM", stubborn, Outcome::timed_out, "before"},
                {"closes its output early", script("exec >&- 2>&-; sleep 0.1; exit 4"), Outcome::failed, "exit code 4"},
                {"CPU limit", cpu, Outcome::failed, "CPU limit"},
                {"file size limit", file, Outcome::failed, "file size limit"},
                {"memory limit", memory, Outcome::failed, ""}};
    for (const auto& row : rows) {
        const auto result = run(row.command);
        EXPECT_EQ(result.outcome, row.outcome) << row.name << ": " << result.message();
        EXPECT_THAT(result.message(), HasSubstr(row.text)) << row.name;
    }
}

// Output becomes what the definition promises; `automatic` looks at it.
TEST_P(ExecCommandTest, makes_results_of_output) {
    const char* graph =
        R"(printf '{"message":"m","data":{"t":[1,2],"v":[3,4]},"xAxis":"t","yAxis":"v","units":{"v":"W"}}')";
    const struct {
        const char* name;
        ExecResultKind kind;
        const char* script;
        CommandResult result;
    } rows[] = {
        {"text", ExecResultKind::text, "echo '{}'", CommandResult::text("{}\n")},
        {"json", ExecResultKind::json, "echo ' {\"a\":1} '", CommandResult::text("{\"a\":1}", TextType::json)},
        {"markdown", ExecResultKind::markdown, "echo '# x'", CommandResult::text("# x\n", TextType::markdown)},
        {"html", ExecResultKind::html, "echo '<p>'", CommandResult::text("<p>\n", TextType::html)},
        {"base64", ExecResultKind::base64, "printf foo", CommandResult::text("Zm9v", TextType::base64)},
        {"graph", ExecResultKind::graph, graph,
         CommandResult::graph({"m", R"({"t":[1,2],"v":[3,4]})", "", "t", "v", {{"v", "W"}}})},
        {"auto: text", ExecResultKind::automatic, "echo hi", CommandResult::text("hi\n")},
        {"auto: json", ExecResultKind::automatic, "echo '[1]'", CommandResult::text("[1]", TextType::json)},
        {"auto: half json", ExecResultKind::automatic, "echo '[1'", CommandResult::text("[1\n")},
        {"auto: html", ExecResultKind::automatic, "printf '<!DOCTYPE html>'",
         CommandResult::text("<!DOCTYPE html>", TextType::html)},
        {"auto: graph", ExecResultKind::automatic, graph,
         CommandResult::graph({"m", R"({"t":[1,2],"v":[3,4]})", "", "t", "v", {{"v", "W"}}})},
        {"auto: binary", ExecResultKind::automatic, R"(printf '\0\1')", CommandResult::text("AAE=", TextType::base64)},
        {"text that is not UTF-8", ExecResultKind::text, R"(printf '\351')",
         CommandResult::text("6Q==", TextType::base64)}};
    for (const auto& row : rows) {
        auto command = script(row.script);
        command.result = row.kind;
        EXPECT_EQ(run(command), row.result) << row.name;
    }
    auto liar = script("echo no json");
    liar.result = ExecResultKind::json;
    EXPECT_THAT(run(liar).message(), HasSubstr("not the JSON"));
    liar.result = ExecResultKind::graph;
    EXPECT_EQ(run(liar).outcome, Outcome::failed);
}

// Standard input is the message as JSON; a program that does not read it is no problem.
TEST_P(ExecCommandTest, feeds_the_message_to_standard_input) {
    auto command = program({"/bin/cat"});
    command.standard_input = ExecStandardInput::message;
    const auto finished = run_full(command, "", {{"k", "v"}});
    EXPECT_THAT(finished.result.message(), AllOf(HasSubstr("\"commandSyncId\":\"sync-1\""), HasSubstr("\"k\":\"v\"")));
    auto deaf = program({"/bin/true"});
    deaf.standard_input = ExecStandardInput::message;
    EXPECT_TRUE(run_full(deaf, "", {{"k", std::string(500000, 'x')}}).result.is_success());
    EXPECT_EQ(run(program({"/bin/cat"})), CommandResult::text("")) << "without it there is nothing to read";
}

// The environment is empty but for the documented and the listed; nothing of ours leaks, no descriptor either.
TEST_P(ExecCommandTest, gives_a_clean_environment) {
    setenv("JIRO_APIKEY", "very-secret", 1);
    auto command = script("env; ls /proc/self/fd | wc -l; umask; pwd; cat /proc/self/status | grep -E 'Sig(Blk|Ign)'");
    command.environment = {{"LISTED", "yes"}, {"LANG", "de_DE"}};
    const auto text = run(command).message();
    unsetenv("JIRO_APIKEY");
    EXPECT_THAT(text, AllOf(HasSubstr("LISTED=yes"), HasSubstr("LANG=de_DE"), HasSubstr("JIRO_COMMAND_ID=sync-1"),
                            Not(HasSubstr("secret")), HasSubstr("\n4\n"), HasSubstr("0077")));
    EXPECT_THAT(text, AllOf(HasSubstr("SigBlk:\t0000000000000000"), HasSubstr("SigIgn:\t0000000000000000")));
}

// With the protection that the daemon switches on at its start, a program of the same user cannot read its environment.
TEST_P(ExecCommandTest, cannot_read_the_environment_of_a_protected_daemon) {
    if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
    prctl(PR_SET_DUMPABLE, 0);
    const auto result = run(program({"/bin/cat", "/proc/" + std::to_string(getpid()) + "/environ"}));
    prctl(PR_SET_DUMPABLE, 1);
    EXPECT_THAT(result.message(), HasSubstr("denied"));
}

// However much is printed, memory is bounded, the program never blocks, and head, tail and total are there.
TEST_P(ExecCommandTest, cuts_long_output) {
    auto command = script("echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo last");
    command.max_output_bytes = 1000;
    const auto text = run(command).message();
    EXPECT_THAT(text, AllOf(HasSubstr("first"), HasSubstr("last"), HasSubstr("bytes left out")));
    EXPECT_LT(text.size(), 1100U);
    command.result = ExecResultKind::json;
    EXPECT_THAT(run(command).message(), HasSubstr("over MaxOutputBytes"));
    auto endless = script("exec yes");
    endless.timeout = 300ms;
    endless.max_output_bytes = 1000;
    EXPECT_EQ(run(endless).outcome, Outcome::timed_out);
}

// Much output is read by a worker; when none has time, the outcome is the program's all the same.
TEST_P(ExecCommandTest, needs_no_worker) {
    std::promise<void> free;
    boost::asio::post(workers, [wait = free.get_future().share()] { wait.wait(); });
    auto command = script("head -c 100000 /dev/zero | tr '\\0' x");
    command.kill_grace = 0ms;
    EXPECT_EQ(run(command), CommandResult::text(std::string(100'000, 'x')));
    free.set_value();
}

// Head and tail of the capture itself, at the borders.
TEST(OutputCaptureTest, keeps_head_and_tail) {
    OutputCapture capture(8);
    for (const char* part : {"ab", "cd", "efgh"}) capture.append(part);
    EXPECT_FALSE(capture.is_cut());
    EXPECT_EQ(capture.text(), "abcdefgh");
    for (int i = 0; i < 1000; ++i) capture.append("0123456789");
    capture.append("XYZ");
    EXPECT_TRUE(capture.is_cut());
    EXPECT_EQ(capture.total_bytes(), 10011U);
    EXPECT_THAT(capture.text(), ::testing::EndsWith("89XYZ"));
    EXPECT_EQ(capture.tail(3), "XYZ");
}

// At the cut only the halves of characters go: what is no text stays, and shows.
TEST(OutputCaptureTest, cuts_between_characters) {
    const struct {
        const char* printed;
        const char* head;
        const char* tail;
    } rows[] = {{"ab€...€0123456789", "ab", "0123456789"},
                {"abcd...0123456789ab", "abcd", "0123456789ab"},
                {"abc\xFF...0123456789ab", "abc\xFF", "0123456789ab"},
                {"abcd...\xFFghijklmnopq", "abcd", "\xFFghijklmnopq"}};
    for (const auto& row : rows) {
        OutputCapture capture(16);  // four bytes of the beginning, twelve of the end
        capture.append(row.printed);
        EXPECT_THAT(capture.text(), ::testing::StartsWith(std::string(row.head) + "\n[... ")) << row.printed;
        EXPECT_THAT(capture.text(), ::testing::EndsWith(std::string("...]\n") + row.tail)) << row.printed;
    }
}

// What a program leaves behind is ended: in the background, in a session of its own, as a daemon, with its traces
// removed.
TEST_P(ExecCommandTest, ends_what_a_program_leaves_behind) {
    const std::string mark = "31" + std::to_string(getpid());
    const char* rows[] = {"sleep MARK >/dev/null 2>&1 & echo done", "setsid sleep MARK >/dev/null 2>&1 & echo done",
                          "(setsid sh -c 'sleep MARK & sleep MARK' >/dev/null 2>&1 &) ; echo done",
                          "env -i setsid sleep MARK >/dev/null 2>&1 & echo done"};
    for (std::string row : rows) {
        while (row.find("MARK") != std::string::npos) row.replace(row.find("MARK"), 4, mark);
        EXPECT_EQ(run(script(row)), CommandResult::text("done\n")) << row;
        EXPECT_EQ(processes_with(mark), 0) << row;
    }
    expect_nothing_left();
}

// Whose a process is stands at any place of its environment: it ends with its own command, and with no other one.
TEST_P(ExecCommandTest, ends_what_has_a_long_environment_with_its_own_command) {
    const std::string mark = "32" + std::to_string(getpid());
    const auto go = files.path() / "go";
    // As much before the tag as leaves its last digit out of the first page, or all of it out.
    const auto leave_behind = [&](const std::string& pages) {
        return "n=$((" + pages + " * 4096 - 14 - ${#JIRO_RUN})); (setsid env -i LONG=$(printf %${n}s | tr ' ' x) " +
               "JIRO_RUN=$JIRO_RUN sleep " + mark + pages + " >/dev/null 2>&1 & " +
               "until grep -qsa ^sleep /proc/$!/cmdline; do :; done); ";
    };
    auto other = script(leave_behind("1") + "while [ ! -e " + go.string() + " ]; do sleep 0.02; done; echo over");
    const auto settings = settings_for({other});
    auto registry = make_registry(settings, {}).value();
    CommandMessage message;
    message.command = "it";
    std::optional<FinishedCommand> finished;
    boost::asio::co_spawn(context, run_locally(message, settings, registry, clock, random, workers),
                          [&](std::exception_ptr, FinishedCommand result) { finished = std::move(result); });
    jiro::test::run_task(context, until(context, [&] { return processes_with(mark + "1") == 1; }));

    EXPECT_EQ(run(script(leave_behind("2") + "echo done")), CommandResult::text("done\n"));
    EXPECT_EQ(processes_with(mark + "2"), 0);
    EXPECT_EQ(processes_with(mark + "1"), 1) << "its own command goes on";
    files.write("go", "");
    jiro::test::run_task(context, until(context, [&] { return finished.has_value(); }));
    EXPECT_EQ(finished->result, CommandResult::text("over\n"));
    EXPECT_EQ(processes_with(mark + "1"), 0);
    registry.reset();
    expect_nothing_left();
}

// A program that is stopped takes its whole family along, whatever sessions they made.
TEST_P(ExecCommandTest, ends_the_family_of_a_program_that_times_out) {
    auto command =
        script("setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & trap '' TERM; while :; do sleep 1; done");
    command.timeout = 300ms;
    const auto before = clock.now();
    EXPECT_EQ(run(command).outcome, Outcome::timed_out);
    EXPECT_LT(clock.now() - before, 10s);
    expect_nothing_left();
}

// A leaked pipe holds the result up for two seconds, not for ever.
TEST_P(ExecCommandTest, does_not_wait_for_a_leaked_pipe) {
    const auto before = clock.now();
    const auto result = run(script("echo done; sleep 300 &"));
    EXPECT_THAT(result.message(), HasSubstr("done"));
    EXPECT_LT(clock.now() - before, 8s);
    expect_nothing_left();
}

// Cancelling ends the program and still yields an outcome, with what it said.
TEST_P(ExecCommandTest, is_cancelled) {
    const auto settings = settings_for({script("echo started >&2; sleep 60")});
    auto registry = make_registry(settings, {}).value();
    CommandMessage message;
    message.command = "it";
    std::optional<FinishedCommand> finished;
    boost::asio::cancellation_signal signal;
    boost::asio::steady_timer timer(context, 300ms);
    timer.async_wait([&](auto) { signal.emit(boost::asio::cancellation_type::terminal); });
    boost::asio::co_spawn(
        context, run_locally(message, settings, registry, clock, random, workers),
        boost::asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr, FinishedCommand result) { finished = std::move(result); }));
    context.run();
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->result.outcome, Outcome::cancelled);
    EXPECT_THAT(finished->result.message(), HasSubstr("cancelled"));
    registry.reset();  // with the unit that waits for a next program
    expect_nothing_left();
}

// A start that hangs ends at the command's time limit, not at the file's.
TEST_P(ExecCommandTest, ends_a_start_that_hangs_at_the_time_limit) {
    const auto path = named("slow");
    const SlowToStart lease(path);
    ASSERT_TRUE(lease.holds()) << std::strerror(errno);
    auto command = program({path.string()});
    command.timeout = 300ms;
    const auto before = clock.now();
    const auto result = run(command);
    EXPECT_LT(clock.now() - before, 5s);
    EXPECT_EQ(result.outcome, Outcome::timed_out);
    EXPECT_THAT(result.message(),
                AllOf(HasSubstr("timed out after 300 ms"), HasSubstr(path.string() + " was not done by then")));
    jiro::test::run_task(context, until(context, [this] { return own_children().empty(); }));
}

// However many starts hang, other programs are started, and the event loop goes on meanwhile.
TEST_P(ExecCommandTest, starts_programs_while_the_starts_of_others_hang) {
    constexpr int kHanging = 5;
    std::list<SlowToStart> leases;
    int ended = 0;
    auto settings = settings_for({});
    for (int i = 0; i < kHanging; ++i) {
        const auto path = named("slow" + std::to_string(i));
        ASSERT_TRUE(leases.emplace_back(path).holds());
        auto command = program({path.string()});
        command.name = "slow" + std::to_string(i);
        command.timeout = 90s;
        settings.exec.push_back(command);
    }
    auto registry = make_registry(settings, {}).value();
    for (int i = 0; i < kHanging; ++i) {
        CommandMessage message;
        message.command = "slow" + std::to_string(i);
        boost::asio::co_spawn(context, run_locally(message, settings, registry, clock, random, workers),
                              [&](std::exception_ptr, const FinishedCommand& finished) {
                                  EXPECT_TRUE(finished.result.is_success()) << finished.result.message();
                                  ++ended;
                              });
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(run(program({named("quick").string()})), CommandResult::text("quick\n"));
    EXPECT_EQ(ended, 0);
    leases.clear();  // whoever held the files up lets them go
    jiro::test::run_task(context, until(context, [&] { return ended == kHanging; }));
    registry.reset();
    expect_nothing_left();
}

// A cancelled start is over at once; the file that held it up is not waited for.
TEST_P(ExecCommandTest, cancels_a_start_that_hangs) {
    const auto path = named("slow");
    const SlowToStart lease(path);
    ASSERT_TRUE(lease.holds());
    const auto settings = settings_for({program({path.string()})});
    auto registry = make_registry(settings, {}).value();
    CommandMessage message;
    message.command = "it";
    std::optional<FinishedCommand> finished;
    boost::asio::cancellation_signal signal;
    boost::asio::co_spawn(
        context, run_locally(message, settings, registry, clock, random, workers),
        boost::asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr, FinishedCommand result) { finished = std::move(result); }));
    jiro::test::run_task(context, until(context, [this] { return !own_children().empty(); }));
    signal.emit(boost::asio::cancellation_type::terminal);
    jiro::test::run_task(context, until(context, [&] { return finished.has_value(); }));
    EXPECT_EQ(finished->result.outcome, Outcome::cancelled);
    registry.reset();
    jiro::test::run_task(context, until(context, [this] { return own_children().empty(); }));
}

// An event loop that ends with a start under way is not called by the starter afterwards.
TEST_P(ExecCommandTest, outlives_an_event_loop_that_ends_during_a_start) {
    const auto path = named("slow");
    {
        const SlowToStart lease(path);
        ASSERT_TRUE(lease.holds());
        const auto settings = settings_for({program({path.string()})});
        const auto registry = make_registry(settings, {}).value();
        CommandMessage message;
        message.command = "it";
        boost::asio::io_context short_lived;
        boost::asio::co_spawn(short_lived, run_locally(message, settings, registry, clock, random, workers),
                              [](std::exception_ptr, const FinishedCommand&) {});
        while (own_children().empty()) short_lived.run_one_for(5ms);
    }
    jiro::test::run_task(context, until(context, [this] { return own_children().empty(); }));
}

// A program that ends or stops the unit's own process harms its own result only.
TEST_P(ExecCommandTest, tells_that_a_program_ended_its_unit) {
    if (!units) GTEST_SKIP() << "without units there is nothing to end";
    const auto before = clock.now();
    const auto ended = run(script("kill -KILL $PPID; exec sleep 60"));
    EXPECT_EQ(ended.outcome, Outcome::failed);
    EXPECT_THAT(ended.message(), ::testing::AnyOf(HasSubstr("its unit was ended"), HasSubstr("its unit has ended")));
    EXPECT_LT(clock.now() - before, 10s);
    EXPECT_EQ(run(program({"/bin/echo", "still here"})), CommandResult::text("still here\n"));
}

// The unit that waits for the next program takes it; one that has gone meanwhile costs nothing but the wait for
// another.
TEST_P(ExecCommandTest, starts_programs_in_the_unit_that_waits) {
    if (!units) GTEST_SKIP() << "without units none waits";
    const auto settings = settings_for({script("echo $PPID")});
    const auto registry = make_registry(settings, {}).value();
    const auto unit_of_next = [&] {
        CommandMessage message;
        message.command = "it";
        return jiro::test::run_task(context, run_locally(message, settings, registry, clock, random, workers))
            .result.message();
    };
    const auto waiting = [this] {
        std::istringstream list(children_of(units->pid()));
        pid_t pid = 0;
        list >> pid;
        return list.eof() || (list >> std::ws).eof() ? pid : 0;
    };
    EXPECT_NE(unit_of_next(), "");
    jiro::test::run_task(context, until(context, [&] { return waiting() > 0; }));
    const pid_t first = waiting();
    EXPECT_EQ(unit_of_next(), std::to_string(first) + '\n');
    jiro::test::run_task(context, until(context, [&] { return waiting() > 0 && waiting() != first; }));
    kill(waiting(), SIGKILL);
    EXPECT_NE(unit_of_next(), "");
}

// A socket that nobody serves is an error result that names it: no program falls back to the daemon's user.
TEST_P(ExecCommandTest, names_a_socket_that_nobody_serves) {
    if (!units) GTEST_SKIP() << "without units there is no socket";
    units.reset();
    const auto result = run(program({"/bin/true"}));
    EXPECT_EQ(result.outcome, Outcome::failed);
    EXPECT_THAT(result.message(), AllOf(HasSubstr("cannot start /bin/true"), HasSubstr("socket: Connection refused"),
                                        HasSubstr("jiro-command.socket")));
}

// Two hundred runs leave no zombie, no descriptor and no thread behind. (scripts run this with 1,000.)
TEST_P(ExecCommandTest, leaves_nothing_behind_after_many_runs) {
    const char* wanted = getenv("JIRO_TEST_RUNS");
    const int runs = wanted != nullptr ? atoi(wanted) : 200;
    run(program({"/bin/true"}));
    const auto descriptors = entries("/proc/self/fd");
    const auto threads = entries("/proc/self/task");
    for (int i = 0; i < runs; ++i) ASSERT_TRUE(run(program({"/bin/true"})).is_success()) << i;
    expect_nothing_left();
    EXPECT_EQ(entries("/proc/self/fd"), descriptors);
    EXPECT_LE(entries("/proc/self/task"), threads + 4) << "a busy machine may ask for one more of each kind";
}

}  // namespace jiro::commands
