// SPDX-License-Identifier: MIT
#include "daemon/audit.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/events.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/sha256.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/config/config.hpp"

namespace jiro::daemon {

namespace asio = boost::asio;

namespace {

const log::Logger& audit_log() {
    static const log::Logger logger = log::Logger(log::kAudit).with_event(event::kAudit);
    return logger;
}

std::string time_before(WallTime time, Duration ago) {
    return utc_text_ms(time - std::chrono::duration_cast<WallTime::duration>(ago));
}

constexpr std::size_t kHashedHere = 16 * 1024;          // ten microseconds; to ask a worker takes twenty
constexpr std::size_t kMostHashing = 16 * 1024 * 1024;  // workers that hang get no more
constexpr std::size_t kTextSha256 = 3;                  // among the fields

// Views of the event and of what is made here.
class AuditFields {
  public:
    // `ended_at`: the other times count from then.
    AuditFields(const commands::AuditedCommand& command, std::string text_sha256, WallTime ended_at,
                std::string_view hub)
        : text_sha256_(std::move(text_sha256)),
          exit_code_(command.exit_code ? std::to_string(*command.exit_code) : ""),
          received_at_(time_before(ended_at, command.received_ago)),
          started_at_(command.started_ago ? time_before(ended_at, *command.started_ago) : ""),
          ended_at_(utc_text_ms(ended_at)),
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

// The same of an event that outlives its command.
using KeptFields = std::array<std::pair<std::string_view, std::string>, std::tuple_size_v<decltype(AuditFields::all)>>;

KeptFields kept_of(const AuditFields& fields) {
    KeptFields kept;
    std::ranges::copy(fields.all, kept.begin());
    return kept;
}

// A field without a value is said to have none: each event has all of them.
template <typename Fields>
void write_fields(const Fields& all) {
    static constexpr std::string_view kNone = "-";
    const auto field = [&all](std::size_t index) {
        const auto& [name, value] = all.at(index);
        return log::Field(name, value.empty() ? kNone : std::string_view(value));
    };
    audit_log().info("Audit", {field(0), field(1), field(2), field(3), field(4), field(5), field(6), field(7), field(8),
                               field(9), field(10), field(11)});
}

template <typename Fields>
std::string line_of(const Fields& all) {
    JsonWriter line;
    line.begin_object();
    for (const auto& [name, value] : all) {
        line.key(name);
        if (value.empty()) {
            line.null();
        } else if (name == std::string_view("exit_code")) {
            line.number(value);
        } else {
            line.string(log::scrubbed(name, shortened(value)));
        }
    }
    line.end_object();
    return std::move(line).take() + '\n';
}

// The event of which line_of() made that line.
void write_to_log(std::string_view line) {
    const auto event = json_or_null(line);
    const CommandMessage nobodys;
    auto all = kept_of(AuditFields({.message = nobodys}, {}, {}, {}));
    for (auto& [name, value] : all) {
        const auto found = event.is_object() ? event.value(std::string(name), nlohmann::json()) : nlohmann::json();
        value = found.is_string() ? found.get<std::string>() : found.is_null() ? "" : found.dump();
    }
    write_fields(all);
}

}  // namespace

Audit::Audit(const Executor& executor, Clock& clock, asio::thread_pool& workers)
    : executor_(executor), clock_(clock), workers_(workers), hashed_(executor), file_(executor, clock, write_to_log) {}

void Audit::use(const std::string& where, std::string hub) {
    hub_ = std::move(hub);
    const bool is_file = where != config::kAuditJournal && where != config::kAuditOff;
    where_ = is_file ? Where::file : where == config::kAuditOff ? Where::nowhere : Where::log;
    file_.use(is_file ? where : std::string());
}

void Audit::add(const commands::AuditedCommand& command) {
    if (where_ == Where::nowhere) return;
    const std::string& text = command.message.command;
    const bool is_short = text.size() <= kHashedHere || hashing_bytes_ + text.size() > kMostHashing;
    const AuditFields fields(command, is_short ? sha256_hex(text) : std::string(), clock_.wall_now(), hub_);
    if (is_short) return write(fields.all);
    hashing_bytes_ += text.size();
    // text = text: captured by its name it would be const, and copied at each move.
    asio::post(workers_,
               [this, executor = executor_, text = text, kept = std::make_shared<KeptFields>(kept_of(fields))] {
                   kept->at(kTextSha256).second = sha256_hex(text);
                   asio::post(executor, [this, kept, size = text.size()] {
                       hashing_bytes_ -= size;
                       hashed_.notify();
                       write(*kept);
                   });
               });
}

template <typename Fields>
void Audit::write(const Fields& fields) {
    if (where_ == Where::log) write_fields(fields);
    if (where_ == Where::file) file_.add(line_of(fields));
}

Task<> Audit::flush(TimePoint deadline) {
    while (hashing_bytes_ > 0) {
        auto hashed = hashed_.wait();
        const bool in_time = co_await with_timeout(clock_, deadline - clock_.now(), std::move(hashed));
        if (!in_time) break;  // what they still have goes to the log
    }
    if (where_ == Where::file) {
        static_cast<void>(co_await file_.flush(deadline));
        where_ = Where::log;  // what comes now would find nobody who waits for the file
    }
}

}  // namespace jiro::daemon
