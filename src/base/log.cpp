// SPDX-License-Identifier: MIT
#include "jiro/base/log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/log_output.hpp"
#include "base/log_queue.hpp"
#include "base/log_record.hpp"
#include "base/log_sinks.hpp"

namespace jiro::log {

namespace {

constexpr spdlog::level::level_enum of_spdlog(Level level) { return static_cast<spdlog::level::level_enum>(level); }
static_assert(of_spdlog(Level::trace) == spdlog::level::trace && of_spdlog(Level::error) == spdlog::level::err);

// The one sink of every logger, before the one in force. Formatters, which spdlog gives to new loggers, stop here.
class Switch final : public spdlog::sinks::dist_sink_mt {
    void set_pattern_(const std::string& /*pattern*/) override {}
    void set_formatter_(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}
};

// At the end of the process: an output that hangs is not waited for any longer.
constexpr std::chrono::seconds kEndLimit{3};

// loggers -> Switch -> [QueueSink -> BudgetSink ->] ScrubSink -> OutputSink and Tail. The one global of the project.
// Nothing but use_sink_for_test waits for a line that the log's thread is writing.
struct Core {
    std::shared_ptr<Switch> front = std::make_shared<Switch>();
    std::shared_ptr<ScrubSink> scrub = std::make_shared<ScrubSink>();
    std::shared_ptr<OutputSink> output = std::make_shared<OutputSink>(make_output(Target::console));
    Tail tail;

    std::mutex mutex;  // guards what follows
    Settings settings;
    std::vector<std::shared_ptr<spdlog::logger>> loggers;
    std::shared_ptr<QueueSink> queue;  // null before `configure` and after `shutdown`
    spdlog::sink_ptr for_test;         // in place of queue and output

    Core() { end_in(output); }

    void end_in(spdlog::sink_ptr last) {
        scrub->set_sinks({std::move(last), std::make_shared<TailSink>(tail)});
        connect();
    }

    void use_level() {
        spdlog::set_level(for_test ? spdlog::level::trace : of_spdlog(settings.level));
        if (const auto audit = spdlog::get(std::string(kAudit))) audit->set_level(spdlog::level::trace);
    }

    void connect() {
        front->set_sinks({queue && !for_test ? spdlog::sink_ptr(queue) : scrub});
        use_level();
        spdlog::flush_on(queue ? spdlog::level::warn : spdlog::level::trace);
    }
};

// Never destroyed: a line may be written by a static object's destructor.
Core& core() {
    static Core& instance = *new Core;
    return instance;
}

spdlog::logger* logger_of(const std::string& component) {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    if (const auto known = spdlog::get(component)) return known.get();
    shared.loggers.push_back(std::make_shared<spdlog::logger>(component, shared.front));
    spdlog::initialize_logger(shared.loggers.back());
    if (component == kAudit) shared.loggers.back()->set_level(spdlog::level::trace);
    return shared.loggers.back().get();
}

}  // namespace

Logger::Logger(std::string_view component) : logger_(logger_of(std::string(component))) {}

Logger Logger::with_event(Event event) const {
    Logger copy = *this;
    copy.event_ = event;
    return copy;
}

bool Logger::enabled(Level level) noexcept { return spdlog::should_log(of_spdlog(level)); }

void Logger::write(Level level, std::string_view sentence, Fields fields) const {
    if (!logger_->should_log(of_spdlog(level))) return;
    Payload payload(event_.id, sentence);
    for (const Field& field : fields) payload.field(field.name(), field.value());
    logger_->log(spdlog::log_clock::now(), {}, of_spdlog(level), payload.text());
}

void configure(const Settings& settings) {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    const auto before = std::exchange(shared.settings, settings);
    if (shared.queue && before.target == settings.target) return shared.use_level();  // waits for no line
    shared.output->use(make_output(settings.target));
    if (!shared.queue) {
        shared.queue = std::make_shared<QueueSink>(std::make_shared<BudgetSink>(shared.scrub), shared.output);
    }
    shared.connect();
}

void shutdown() {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    auto ending = std::exchange(shared.queue, nullptr);
    if (!ending || ending->end(kEndLimit)) return shared.connect();
    shared.front->set_sinks({});  // the thread has all that is behind it, and goes with the process
    static_cast<void>(new auto(std::move(ending)));
}

std::uint64_t lost_lines() {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    return shared.queue ? shared.queue->lost() : 0;
}

Tail& tail() { return core().tail; }

std::string scrubbed(std::string_view text) { return core().scrub->scrubbed({}, text); }

std::string scrubbed(std::string_view name, std::string_view value) { return core().scrub->scrubbed(name, value); }

std::vector<std::string> scrubbed(std::vector<std::string> words) {
    std::string option;  // whose value comes next
    for (auto& word : words) {
        const bool is_option = word.starts_with('-');
        const auto equals = word.find('=');
        if (is_option) {
            option = word.substr(0, equals);
            option.erase(0, option.find_first_not_of('-'));
            std::ranges::replace(option, '-', '_');
        }
        const bool has_value = !is_option || equals != std::string::npos;
        const auto begin = !has_value ? word.size() : is_option ? equals + 1 : 0;
        const auto value = word.substr(begin);
        const bool is_place = value.starts_with('{') && value.ends_with('}');  // of a value that comes with a command
        word = scrubbed(word.substr(0, begin) + (value.empty() || is_place ? value : scrubbed(option, value)));
        if (has_value) option.clear();
    }
    return words;
}

void register_secret(const Secret& secret, std::string_view source) {
    core().scrub->redactor().add(secret.reveal(), source);
}

void register_all(Holder holder, const std::vector<Secret>& secrets) {
    static_assert(static_cast<std::size_t>(Holder::configuration_in_force) + 1 == Redactor::kHolders);
    std::vector<std::string> values;
    for (const Secret& secret : secrets) values.push_back(secret.reveal());
    core().scrub->redactor().hold(static_cast<std::size_t>(holder), std::move(values));
}

void use_sink_for_test(std::shared_ptr<spdlog::sinks::sink> sink) {
    Core& shared = core();
    const std::scoped_lock lock(shared.mutex);
    shared.for_test = std::move(sink);
    shared.end_in(shared.for_test ? shared.for_test : shared.output);
}

}  // namespace jiro::log
