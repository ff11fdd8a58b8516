// SPDX-License-Identifier: MIT
// What can be seen of running commands, and how one is ended.
#include <algorithm>
#include <ranges>

#include "commands/dispatcher_state.hpp"
#include "commands/exec/run_output.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

constexpr std::size_t kLastLines = 5;
constexpr std::size_t kLastLinesBytes = 800;
constexpr std::size_t kErrorTailBytes = 4096;

bool is_control(const PendingCommand& command) {
    return command.place == Place::control || command.place == Place::control_reserved ||
           (command.resolution && command.resolution->handler->description().control);
}

// In memory and its end not known yet.
bool is_running(const PendingCommand& command) {
    return command.has_begun() && !command.outcome && !is_control(command);
}

Duration age_of(const PendingCommand& command, TimePoint now) {
    const bool is_being_committed = command.started_at == TimePoint();
    return is_being_committed ? Duration::zero() : now - command.started_at;
}

std::string last_lines(const RunOutput& run) {
    const auto& source = run.output.total_bytes() > 0 ? run.output : run.error_output;
    const std::string tail = to_utf8(source.tail(kLastLinesBytes));
    const std::string_view text = trimmed(tail);
    std::size_t begin = text.size();
    for (std::size_t lines = 0; begin > 0; --begin) {
        if (text[begin - 1] == '\n' && ++lines == kLastLines) break;
    }
    return std::string(text.substr(begin));
}

// A half character at the end is left to the next part, as long as it may become whole: what follows it may be a gap.
std::string_view whole_characters(std::string_view bytes, bool is_all_so_far) {
    const auto whole = without_half_character(bytes);
    return whole.empty() && !is_all_so_far ? bytes : whole;
}

Result<OutputPart> part_of(const RunOutput* run, std::uint64_t from, std::size_t limit, OutputPart part) {
    if (run == nullptr && part.outcome) {
        return Error(errc::output_gone, part.name + " has ended (" + std::string(to_string(*part.outcome)) +
                                            "); what it printed is in its result");
    }
    part.total = run == nullptr ? 0 : run->output.total_bytes();
    if (from > part.total) {
        return Error(errc::beyond_output, "there are only " + std::to_string(part.total) + " bytes" +
                                              (part.outcome ? "; the command has ended" : " so far"));
    }
    part.from = part.next = from;
    if (run == nullptr) return part;
    const auto read = run->output.read(from, limit);
    const bool is_all_so_far = read.from + read.bytes.size() == part.total;
    const auto bytes = part.outcome && is_all_so_far ? read.bytes : whole_characters(read.bytes, is_all_so_far);
    part.from = read.from;
    part.next = read.from + bytes.size();
    part.text = to_utf8(bytes);
    part.error_text = to_utf8(run->error_output.tail(kErrorTailBytes));
    part.error_total = run->error_output.total_bytes();
    return part;
}

}  // namespace

std::vector<RunInProgress> Dispatcher::running() const {
    std::vector<RunInProgress> runs;
    for (const auto& command : state_->all_in_order()) {
        if (!is_running(*command)) continue;
        RunInProgress run{.id = command->message.command_sync_id,
                          .name = command->name,
                          .session_id = command->message.session_id,
                          .age = age_of(*command, state_->clock.now()),
                          .user = user_of(*command),
                          .is_detached = command->detached};
        if (command->output) {
            run.output_bytes = command->output->total_bytes();
            run.last_lines = last_lines(*command->output);
        }
        runs.push_back(std::move(run));
    }
    return runs;
}

std::size_t Dispatcher::waiting() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(state_->by_id, [](const auto& known) { return known.second->place == Place::queued; }));
}

std::vector<EndedCommand> Dispatcher::ended(std::size_t limit) const {
    std::vector<EndedCommand> commands;
    for (const auto& run : state_->ended.oldest_first() | std::views::reverse | std::views::take(limit)) {
        commands.push_back({.id = run.id,
                            .name = run.name,
                            .outcome = run.outcome,
                            .age = state_->clock.now() - run.at,
                            .queue_time = run.queue_time,
                            .run_time = run.run_time,
                            .delivery = run.delivery});
    }
    return commands;
}

void Dispatcher::set_delivery(std::string_view id, DeliveryState state) { state_->ended.set_delivery(id, state); }

Result<OutputPart> Dispatcher::output(std::string_view id, std::uint64_t from, std::size_t limit) const {
    const auto known = state_->by_id.find(std::string(id));
    if (known != state_->by_id.end() && !is_control(*known->second)) {
        const PendingCommand& command = *known->second;
        if (command.phase == Phase::waiting && command.resume_before) {
            return Error(errc::no_such_run, "it waits for the machine's restart");
        }
        if (!command.has_begun()) return Error(errc::no_such_run, "it waits for its turn, or was refused");
        return part_of(command.output.get(), from, limit,
                       {.name = command.name, .age = age_of(command, state_->clock.now()), .outcome = command.outcome});
    }
    if (const auto* ended = state_->ended.find(id)) {
        return part_of(ended->output.get(), from, limit,
                       {.name = ended->name, .age = state_->clock.now() - ended->at, .outcome = ended->outcome});
    }
    return Error(errc::no_such_run, "no command of this id runs, or has ended lately: " + excerpt(id));
}

CancelAnswer Dispatcher::cancel(const std::string& command_sync_id, CancelReason reason) {
    const auto found = state_->by_id.find(command_sync_id);
    if (found == state_->by_id.end()) {
        return state_->ended.find(command_sync_id) != nullptr ? CancelAnswer::has_ended : CancelAnswer::unknown;
    }
    const auto command = found->second;
    if (command->outcome || command->phase == Phase::refused) return CancelAnswer::has_ended;
    commands_log.info("A command is being cancelled",
                      {{"command_sync_id", command_sync_id}, {"reason", to_string(reason)}});
    state_->cancel(command, reason);
    return CancelAnswer::is_ending;
}

Task<> Dispatcher::until_cancel_is_kept(std::string id) {
    const auto state = state_;
    const auto found = state->by_id.find(id);
    if (found == state->by_id.end() || found->second->is_tool()) co_return;
    const auto command = found->second;
    const auto runs = [&] { return command->phase == Phase::running && !command->outcome; };
    if (runs()) {
        auto noting = state->sink.not_again(id);
        const auto noted = co_await std::move(noting);
        if (noted) co_return;
        if (runs()) {
            co_return commands_log.warn(
                "A command that was cancelled may run again if the daemon is killed before it has ended",
                {{"command_sync_id", id}, {"reason", noted.error().message}});
        }
    }
    static_cast<void>(co_await command->completed());
}

}  // namespace jiro::commands
