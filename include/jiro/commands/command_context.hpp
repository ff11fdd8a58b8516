// SPDX-License-Identifier: MIT
#pragma once
// What a handler sees of the command that it runs. Made by the CommandScope, one for each run, valid until the
// handler's coroutine has ended; used on the event loop only.

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/on_worker.hpp"
#include "jiro/commands/kept_programs.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

class CommandRegistry;
struct CommandDescription;
struct RunOutput;

// What follows the name of a command. one_text: as it came, to a handler that takes texts, or the whole of a text that
// names no command.
enum class ArgumentsAre { words, one_text };

// A handler's wish: its command is to run again once the machine has been started anew.
struct Suspension {
    std::chrono::milliseconds resume_within{};  // later it fails
};

class CommandContext {
  public:
    struct Parts {
        const CommandMessage& message;  // outlives the context
        std::string name;
        std::string_view argument_text;  // of message.command
        ArgumentsAre arguments_are = ArgumentsAre::words;
        TimePoint started_at;  // by an earlier process, perhaps
        TimePoint deadline;
        std::size_t max_result_bytes = 0;
        std::shared_ptr<const CommandRegistry> registry;
        std::shared_ptr<const RunOutput>* shown_output = nullptr;  // outlives the context; null: nobody looks
        int resumes = 0;
        std::optional<Suspension>* suspension = nullptr;  // outlives the context
        Handover* handover = nullptr;                     // outlives the context; null: nobody hands over
        const bool* is_grace_over = nullptr;              // outlives the context; null: never
    };

    CommandContext(Parts parts, Clock& clock, boost::asio::thread_pool& workers)
        : parts_(std::move(parts)), clock_(clock), workers_(workers) {}

    [[nodiscard]] const std::string& instance_id() const noexcept { return parts_.message.instance_id; }
    [[nodiscard]] const std::string& session_id() const noexcept { return parts_.message.session_id; }
    [[nodiscard]] const CommandMessage& message() const noexcept { return parts_.message; }
    [[nodiscard]] const std::string& name() const noexcept { return parts_.name; }
    // The words after the name, quotes and escapes resolved; or the one text, if there is any.
    [[nodiscard]] std::vector<std::string> arguments() const;
    // What follows the name, as it came.
    [[nodiscard]] std::string_view argument_text() const noexcept { return parts_.argument_text; }
    [[nodiscard]] const Parameters& parameters() const noexcept { return parts_.message.parameters; }

    // Before the handler of a built-in command runs: what came, as words or as parameters of the message, belongs to
    // the parameters that it declares, by the rule of Commands.Exec. errc::bad_argument, with how it is used. One that
    // declares none takes anything.
    [[nodiscard]] std::optional<Error> bind(const CommandDescription& description);
    // The value of a declared parameter. Null: it was not given, or is empty.
    [[nodiscard]] const std::string* argument(std::string_view name) const noexcept;

    [[nodiscard]] TimePoint started_at() const noexcept { return parts_.started_at; }
    // The handler is cancelled (terminal) at this time; one that declares own_clean_up watches it alone.
    [[nodiscard]] TimePoint deadline() const noexcept { return parts_.deadline; }
    // A program that was told to end is killed now; a handler that waits for its end is told by a cancellation of the
    // type `total`.
    [[nodiscard]] bool is_grace_over() const noexcept {
        return parts_.is_grace_over != nullptr && *parts_.is_grace_over;
    }
    [[nodiscard]] std::size_t max_result_bytes() const noexcept { return parts_.max_result_bytes; }
    [[nodiscard]] Clock& clock() const noexcept { return clock_; }
    // The commands that were in force when this one started.
    [[nodiscard]] const CommandRegistry& registry() const noexcept { return *parts_.registry; }

    // From now on others may look at what the handler's program prints.
    void show_output(std::shared_ptr<const RunOutput> output) {
        if (parts_.shown_output != nullptr) *parts_.shown_output = std::move(output);
    }

    // How often the machine was started anew for this command.
    [[nodiscard]] int resumes() const noexcept { return parts_.resumes; }
    // The handler's result is then the outcome only where the command cannot wait for that.
    void suspend(Suspension wish) {
        if (parts_.suspension != nullptr) *parts_.suspension = wish;
    }

    // on_worker, for what computes. The workers are few and everybody's: what may wait for something outside of the
    // process is an outside call.
    template <typename Function>
    Task<std::invoke_result_t<Function&>> run_on_worker(Function function) {
        return on_worker(workers_, std::move(function));
    }

    // Of the handler's program to the daemon's next process. Null: this one waits for its end.
    [[nodiscard]] Handover* handover() const noexcept { return parts_.handover; }

  private:
    Parts parts_;
    Parameters bound_;
    Clock& clock_;
    boost::asio::thread_pool& workers_;
};

}  // namespace jiro::commands
