// SPDX-License-Identifier: MIT
#include "daemon/command_routes.hpp"

#include <functional>
#include <nlohmann/json.hpp>

#include "daemon/route_reply.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::daemon {

namespace {

using nlohmann::json;

constexpr std::size_t kPartBytes = 256 * 1024;

Task<monitor::RouteReply> running_route(commands::RunningCommands& commands, const Pause& pause,
                                        monitor::RouteRequest) {
    json runs = json::array();
    for (const auto& run : commands.running()) {
        runs.push_back({{"id", run.id},
                        {"name", run.name},
                        {"sessionId", run.session_id},
                        {"ageSeconds", in_seconds(run.age)},
                        {"user", run.user},
                        {"outputBytes", run.output_bytes},
                        {"detached", run.is_detached},
                        {"lastLines", run.last_lines}});
    }
    co_return reply_with(
        200, {{"running", std::move(runs)}, {"waiting", commands.waiting()}, {"paused", pause.has_order()}});
}

Task<monitor::RouteReply> output_route(commands::RunningCommands& commands, monitor::RouteRequest request) {
    const auto id = argument(request, "id");
    const auto text = argument(request, "from");
    const auto from = text.empty() ? std::optional<std::uint64_t>(0) : parse_number<std::uint64_t>(text);
    if (id.empty()) co_return reply_with_error(400, "id is missing");
    if (!from) co_return reply_with_error(400, "from must be a number of bytes");
    const auto part = commands.output(id, *from, kPartBytes);
    if (!part) {
        co_return reply_with_error(part.error().code == commands::errc::beyond_output ? 416 : 404,
                                   part.error().message);
    }
    json body{{"id", id},
              {"name", part->name},
              {"from", part->from},
              {"next", part->next},
              {"total", part->total},
              {"text", part->text},
              {"errorText", part->error_text},
              {"errorBytes", part->error_total},
              {"ageSeconds", in_seconds(part->age)},
              {"outcome", nullptr}};
    if (part->outcome) body["outcome"] = to_string(*part->outcome);
    co_return reply_with(200, body);
}

Task<monitor::RouteReply> cancel_route(commands::RunningCommands& commands, monitor::RouteRequest request) {
    const auto id = argument(request, "id");
    if (id.empty()) co_return reply_with_error(400, "id is missing");
    switch (commands.cancel(id, commands::CancelReason::by_operator)) {
        case commands::CancelAnswer::is_ending:
            co_await commands.until_cancel_is_kept(id);
            co_return reply_with(200, {{"cancelled", id}});
        case commands::CancelAnswer::has_ended:
            co_return reply_with_error(409, "it has ended already");
        case commands::CancelAnswer::unknown:
            break;
    }
    co_return reply_with_error(404, "no command of this id waits or runs");
}

}  // namespace

monitor::Routes command_routes(commands::RunningCommands& commands, const Pause& pause) {
    return {{"GET /running", std::bind_front(running_route, std::ref(commands), std::cref(pause))},
            {"GET /output", std::bind_front(output_route, std::ref(commands))},
            {"POST /cancel", std::bind_front(cancel_route, std::ref(commands))}};
}

}  // namespace jiro::daemon
