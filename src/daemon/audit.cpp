// SPDX-License-Identifier: MIT
#include "daemon/audit.hpp"

#include <array>
#include <utility>

#include "daemon/events.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/sha256.hpp"
#include "jiro/base/text.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon {

namespace {

const log::Logger& audit_log() {
    static const log::Logger logger = log::Logger(log::kAudit).with_event(event::kAudit);
    return logger;
}

// In the order in which they are written. An empty value: there is none.
struct AuditFields {
    std::array<std::pair<std::string_view, std::string>, 12> all;
};

std::string time_before(const Clock& clock, Duration ago) {
    return utc_text_ms(clock.wall_now() - std::chrono::duration_cast<WallTime::duration>(ago));
}

AuditFields fields_of(const commands::AuditedCommand& command, const std::string& hub, const Clock& clock) {
    const auto& message = command.message;
    return {{{{"command_sync_id", shortened(message.command_sync_id)},
              {"session_id", shortened(message.session_id)},
              {"command", std::string(command.name)},
              {"text_sha256", sha256_hex(message.command)},
              {"signed_by", std::string(command.signed_by)},
              {"hub", hub},
              {"user", std::string(command.user)},
              {"outcome", std::string(to_string(command.outcome))},
              {"exit_code", command.exit_code ? std::to_string(*command.exit_code) : ""},
              {"received_at", time_before(clock, command.received_ago)},
              {"started_at", command.started_ago ? time_before(clock, *command.started_ago) : ""},
              {"ended_at", time_before(clock, {})}}}};
}

// A field without a value is said to have none: each event has all of them.
void write_to_log(const AuditFields& fields) {
    static constexpr std::string_view kNone = "-";
    const auto field = [&fields](std::size_t index) {
        const auto& [name, value] = fields.all.at(index);
        return log::Field(name, value.empty() ? kNone : value);
    };
    audit_log().info("Audit", {field(0), field(1), field(2), field(3), field(4), field(5), field(6), field(7), field(8),
                               field(9), field(10), field(11)});
}

std::string line_of(const AuditFields& fields) {
    JsonWriter line;
    line.begin_object();
    for (const auto& [name, value] : fields.all) {
        line.key(name);
        if (value.empty()) {
            line.null();
        } else if (name == std::string_view("exit_code")) {
            line.number(value);
        } else {
            line.string(value);
        }
    }
    line.end_object();
    return std::move(line).take() + '\n';
}

}  // namespace

void Audit::use(const std::string& where, std::string hub) {
    hub_ = std::move(hub);
    const bool is_file = where != config::kAuditJournal && where != config::kAuditOff;
    where_ = is_file ? Where::file : where == config::kAuditOff ? Where::nowhere : Where::log;
    file_.use(is_file ? where : std::string());
}

void Audit::add(const commands::AuditedCommand& command) {
    if (where_ == Where::nowhere) return;
    const auto fields = fields_of(command, hub_, clock_);
    if (where_ == Where::log) return write_to_log(fields);
    file_.add(line_of(fields));
}

}  // namespace jiro::daemon
