// SPDX-License-Identifier: MIT
#include "daemon/audit.hpp"

#include <array>
#include <string_view>
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

std::string time_before(const Clock& clock, Duration ago) {
    return utc_text_ms(clock.wall_now() - std::chrono::duration_cast<WallTime::duration>(ago));
}

// Views of the event and of what is made here.
class AuditFields {
  public:
    AuditFields(const commands::AuditedCommand& command, std::string_view hub, const Clock& clock)
        : text_sha256_(sha256_hex(command.message.command)),
          exit_code_(command.exit_code ? std::to_string(*command.exit_code) : ""),
          received_at_(time_before(clock, command.received_ago)),
          started_at_(command.started_ago ? time_before(clock, *command.started_ago) : ""),
          ended_at_(time_before(clock, {})),
          all{{{"command_sync_id", command.message.command_sync_id},
               {"session_id", command.message.session_id},
               {"command", command.name},
               {"text_sha256", text_sha256_},
               {"signed_by", command.signed_by},
               {"hub", hub},
               {"user", command.user},
               {"outcome", to_string(command.outcome)},
               {"exit_code", exit_code_},
               {"received_at", received_at_},
               {"started_at", started_at_},
               {"ended_at", ended_at_}}} {}
    AuditFields(const AuditFields&) = delete;
    AuditFields& operator=(const AuditFields&) = delete;

  private:
    std::string text_sha256_;
    std::string exit_code_;
    std::string received_at_;
    std::string started_at_;
    std::string ended_at_;

  public:
    // In the order in which they are written. An empty value: there is none.
    const std::array<std::pair<std::string_view, std::string_view>, 12> all;
};

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
            line.string(shortened(value));
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
    const AuditFields fields(command, hub_, clock_);
    if (where_ == Where::log) return write_to_log(fields);
    file_.add(line_of(fields));
}

}  // namespace jiro::daemon
