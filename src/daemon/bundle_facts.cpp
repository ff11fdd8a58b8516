// SPDX-License-Identifier: MIT
#include "daemon/bundle_facts.hpp"

#include "daemon/state_directory.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/log_tail.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

namespace {

constexpr std::size_t kLogLinesInBundle = 1000;

std::string last_lines(const log::Tail& tail, std::size_t count) {
    const auto newest = tail.newest();
    std::string text;
    for (const auto& line : tail.after(newest > count ? newest - count : 0, count)) {
        text += utc_text_ms(line.time) + ' ' + line.component + ": " + line.text + '\n';
    }
    return text;
}

}  // namespace

std::string bundle_file(const std::filesystem::path& outbox_file) {
    const auto folder = outbox_file == kInMemory ? std::filesystem::temp_directory_path() : outbox_file.parent_path();
    return (folder / "bundle.tar.gz").string();
}

Task<std::string> bundle_facts(monitor::Status status, monitor::Routes routes) {
    JsonWriter facts;
    facts.begin_object();
    facts.member("status.json", monitor::status_json(status));
    for (const auto& [name, route] :
         {std::pair("running.json", "GET /running"), std::pair("outbox.json", "GET /outbox")}) {
        auto asking = routes.at(route)({"limit=500", {}});
        const auto reply = co_await std::move(asking);
        facts.member(name, reply.json);
    }
    if (log::tail().is_kept()) facts.member("log.txt", last_lines(log::tail(), kLogLinesInBundle));
    facts.end_object();
    co_return std::move(facts).take();
}

}  // namespace jiro::daemon
