// SPDX-License-Identifier: MIT
#include "daemon/application.hpp"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "daemon/bundle_facts.hpp"
#include "daemon/chat.hpp"
#include "daemon/chat_commands.hpp"
#include "daemon/chat_routes.hpp"
#include "daemon/clock_watch.hpp"
#include "daemon/command_metrics.hpp"
#include "daemon/command_recovery.hpp"
#include "daemon/command_routes.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/credential_store.hpp"
#include "daemon/descriptor_store.hpp"
#include "daemon/events.hpp"
#include "daemon/intake.hpp"
#include "daemon/journal.hpp"
#include "daemon/log.hpp"
#include "daemon/outbox_routes.hpp"
#include "daemon/pause.hpp"
#include "daemon/reload.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "daemon/requests/targets.hpp"
#include "daemon/service_notifier.hpp"
#include "daemon/shutdown.hpp"
#include "daemon/start_timeout.hpp"
#include "daemon/state_directory.hpp"
#include "daemon/status_source.hpp"
#include "daemon/tls_watch.hpp"
#include "daemon/version.hpp"
#include "jiro/base/log_tail.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/task_group.hpp"
#include "jiro/base/with_timeout.hpp"
#include "jiro/commands/load_sampler.hpp"
#include "jiro/commands/run_folders.hpp"
#include "jiro/config/locations.hpp"
#include "jiro/delivery/grpc_result_sender.hpp"
#include "jiro/delivery/sqlite_outbox.hpp"
#include "jiro/monitor/status_server.hpp"

namespace jiro::daemon {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// What is not delivered by then is in the outbox, and goes out after the restart.
constexpr auto kDeliverLimitOnDisk = 5s;
constexpr auto kDeliverLimitInMemory = 60s;
constexpr auto kGrace = 10s;       // of programs that are cancelled by a stop
constexpr auto kGraceAtOnce = 1s;  // and by one at once
constexpr auto kChatLimit = 2s;
constexpr auto kLookLimit = 2s;  // for a look for the outbox's file, whose disk may hang
constexpr auto kAuditLimit = 1s;
constexpr auto kAnswerLimit = 1s;
constexpr auto kAnswerInterval = 10ms;
constexpr auto kCloseLimit = 8s;  // for the hub's close
constexpr auto kCloseLimitAtOnce = 1s;
constexpr auto kStatusLineInterval = 2s;
constexpr std::size_t kWorkerThreads = 2;
constexpr std::size_t kLogTailBytes = 512 * 1024;  // for a hub that may read the log

// How long the steps of a stop may take.
struct StopLimits {
    Duration run;      // for commands to end by themselves
    Duration grace;    // for their programs, when they are cancelled
    Duration deliver;  // for results
    Duration close;    // for the connection to the hub

    [[nodiscard]] Duration total() const {
        return run + grace + commands::Dispatcher::kEndLimit + kChatLimit + deliver + kLookLimit + kAuditLimit +
               kAnswerLimit + close;
    }
};

// When the file was last written: it is later now, whatever the wall clock says.
WallTime written_at(const std::filesystem::path& file) {
    struct stat status {};
    return stat(file.c_str(), &status) == 0 ? std::chrono::system_clock::from_time_t(status.st_mtime) : WallTime();
}

Pause::Files pause_files(const std::filesystem::path& outbox_file, const Environment& environment) {
    Pause::Files files;
    files.order = config::find_pause_path(outbox_file);
    const std::filesystem::path runtime = systemd_folder(environment, "RUNTIME_DIRECTORY");
    if (!runtime.empty()) files.hold = runtime / "hold";
    return files;
}

// What systemd gave for this process alone stays here.
std::vector<std::pair<std::string, std::string>> variables_of_child(Environment environment) {
    for (const char* name :
         {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "FDSTORE"})
        environment.erase(name);
    return {environment.begin(), environment.end()};
}

std::string redacted_hub_url(const config::Config& config) {
    return config.websocket.hub_url ? config.websocket.hub_url->redacted() : "";
}

}  // namespace

// Members are built from top to bottom and destroyed in reverse: each refers only to what stands above it.
struct Application::Parts {
    Parts(config::Config loaded, Environment environment, std::filesystem::path outbox_path,
          std::unique_ptr<delivery::Outbox> opened_outbox);

    RequestTargets request_targets(const Environment& environment);
    void allow_requests(const config::Config& next);
    [[nodiscard]] SessionStore& session_store();
    monitor::Routes routes();
    void listen();
    Result<> build_registry(const config::Config& next);
    Result<> apply(const config::Config& next);

    Task<> run();
    Task<> serve();
    Task<> report_status();
    void show_status();
    Task<> feed_watchdog();
    Task<> stop_on_signal();
    Task<> stop(StopLimits limits);
    Task<> tell_what_is_kept();
    void delivery_became(const std::string& id, DeliveryState state);
    void connection_changed(const signalr::StateChange& change);
    [[nodiscard]] bool has_chat() const { return chat && config.chat.is_configured(); }

    // Never destroyed: what hangs on a worker may still refer to it when the process ends, and is not waited for.
    struct Loop {
        asio::io_context context{1};
        asio::thread_pool workers{kWorkerThreads};
        CaughtSignals caught{context.get_executor()};

        static Loop& of_process() {
            static auto& loop = *new Loop;
            return loop;
        }
    };

    // The loop, its sources of time and chance, and the threads for what blocks.
    Loop& loop = Loop::of_process();
    Executor executor = loop.context.get_executor();
    std::unique_ptr<StartTimeoutExtender> start_timeout;  // until READY
    SystemClock clock;
    SystemRandom random;
    asio::thread_pool& workers = loop.workers;
    ShutdownSignal shutdown{executor};
    ServiceNotifier notifier;

    // What the configuration says; a reload replaces it.
    Environment environment;
    config::Config config;
    std::filesystem::path outbox_file;  // Outbox.Path, or what stands for it when it is not set
    CredentialStore credentials;
    TlsWatch tls_watch;

    // Results out.
    Persistence persistence;
    std::unique_ptr<delivery::Outbox> outbox;
    monitor::CommandQueueMonitor monitor;
    std::shared_ptr<void> grpc_descriptors;
    delivery::Courier courier;

    // Commands.
    Journal journal;
    Audit audit;
    CommandMetrics metrics;
    commands::LoadSampler load;
    std::unique_ptr<Chat> chat;  // once the configuration had a model
    commands::OwnProgram own_program;
    DescriptorStore descriptors{environment};
    std::shared_ptr<const commands::CommandRegistry> registry;
    Pause pause;
    commands::Dispatcher dispatcher;
    CommandRecovery recovery{clock, *outbox, courier, dispatcher, descriptors};

    // What the hub may ask beside commands.
    Reloader reloader;
    EmptySessionStore no_sessions;
    HubUploads uploads;
    RequestRouter requests;

    // Commands in.
    DeliveryWatch deliveries;
    Intake intake;
    signalr::HubConnection hub;

    // What can be seen from outside.
    StatusSource status;
    monitor::StatusServer status_server;
    monitor::StatusServer control_server;
};

Application::Parts::Parts(config::Config loaded, Environment environment, std::filesystem::path outbox_path,
                          std::unique_ptr<delivery::Outbox> opened_outbox)
    : environment(environment),
      config(std::move(loaded)),
      outbox_file(std::move(outbox_path)),
      credentials(config.credentials, environment),
      tls_watch(executor, clock, [this]() -> const config::Config& { return config; }),
      persistence(config.delivery.outbox.path == kInMemory ? Persistence::memory : Persistence::disk),
      outbox(std::move(opened_outbox)),
      courier(executor, *outbox, delivery::make_grpc_result_sender(clock, config.delivery.grpc, credentials.for_grpc()),
              clock, random, config.delivery.grpc, config.delivery.outbox,
              {.delivered =
                   [this](const delivery::Delivery& delivery) {
                       monitor.delivered(delivery.latency);
                       delivery_became(delivery.id, DeliveryState::delivered);
                   },
               .answered =
                   [this](delivery::SendResult& answer) {
                       if (!answer.confirmed()) {  // the log knows earlier credentials, too
                           const auto without_ours = credentials.redacted(std::move(answer.message));
                           answer.message = shortened(log::scrubbed(without_ours));
                       }
                       status.note(answer);
                   },
               .given_up = [this](const std::string& id) { delivery_became(id, DeliveryState::dead); }}),
      journal(*outbox, courier, persistence),
      audit(executor, clock, workers),
      metrics(monitor, audit, clock),
      load(clock),
      pause(executor, clock, pause_files(outbox_file, environment), [this] { dispatcher.gate_changed(); }),
      dispatcher(executor, clock, random, workers, journal, metrics, config.commands, nullptr),
      reloader(executor, config, environment, clock, notifier, [this](const auto& next) { return apply(next); }),
      uploads(executor, clock),
      requests(executor, clock, request_targets(environment), config.hub, config.websocket.max_send_bytes),
      deliveries(executor, clock),
      intake(dispatcher, metrics, deliveries, clock, config.commands.acknowledge, config.websocket.max_send_bytes),
      hub(executor, config.websocket, {.clock = clock, .random = random, .credentials = credentials.for_hub()}),
      status({clock, hub, monitor, *outbox, courier, reloader, &pause, &dispatcher, &requests, &uploads},
             config.instance_id),
      status_server(
          executor, clock, config.monitoring, [this] { return status.current(); }, routes()),
      control_server(
          executor, clock, control_settings(environment, config.monitoring), [this] { return status.current(); },
          routes()) {
    log::register_all(log::Holder::configuration_in_force, config::all_secrets(config));
    audit.use(config.audit, redacted_hub_url(config));
    take_signals();  // `shutdown` and `reloader` handle them
    status.set_hub_url(redacted_hub_url(config));
    status.set_chat([this] { return has_chat() ? std::optional(chat->status()) : std::nullopt; });
    own_program = {config.source.string(), variables_of_child(environment), bundle_file(outbox_file),
                   [this] { return bundle_facts(status.current(), routes()); }};
    allow_requests(config);
    dispatcher.set_gate(pause);
    intake.attach(hub);
    uploads.attach(hub);
    requests.attach(hub);
    hub.on_state_changed([this](const signalr::StateChange& change) { connection_changed(change); });
}

Result<std::unique_ptr<Application>> Application::make(config::Config config, Environment environment) {
    auto start_timeout = std::make_unique<StartTimeoutExtender>();
    auto grpc_descriptors = delivery::reserve_descriptors_for_grpc();
    auto path = prepare_outbox_path(config.delivery.outbox, environment);
    if (!path) return path.error();
    // Not written into `config`: a reload compares that with the file.
    auto outbox_settings = config.delivery.outbox;
    outbox_settings.path = *path;

    const WallTime was_at_least = written_at(*path);
    static const SystemClock storage_clock;  // the storage thread's: it outlives every outbox
    auto outbox = delivery::open_sqlite_outbox(storage_clock, outbox_settings);
    if (!outbox) return outbox.error();

    auto parts =
        std::make_unique<Parts>(std::move(config), std::move(environment), std::move(*path), std::move(*outbox));
    parts->dispatcher.not_before(was_at_least);
    parts->start_timeout = std::move(start_timeout);
    parts->grpc_descriptors = std::move(grpc_descriptors);
    if (const auto built = parts->build_registry(parts->config); !built) return built.error();
    return std::unique_ptr<Application>(new Application(std::move(parts)));
}

Application::Application(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Application::~Application() = default;

void Application::run() {
    std::exception_ptr failure;
    auto& context = parts_->loop.context;
    asio::co_spawn(context, parts_->run(), [&](std::exception_ptr exception) { failure = exception; });
    try {
        context.run();
    } catch (...) {
        (void)parts_.release();  // what is under way refers to them, on other threads too: they end with the process
        throw;
    }
    parts_.reset();  // closes the outbox, which may take a moment
    if (failure) std::rethrow_exception(failure);
    daemon_log.info("Stopped");
}

Task<> Application::Parts::run() {
    daemon_log.info("Starting", {{"version", kVersion},
                                 {"config", config.source.string()},
                                 {"hub", redacted_hub_url(config)},
                                 {"outbox", outbox_file.string()},
                                 {"redo_log", config.delivery.outbox.redo_log.string()}});
    for (const auto& warning : config.warnings) daemon_log.warn(warning.text);
    if (geteuid() == 0 && !config.commands.exec.empty()) {
        daemon_log.warn("Running as root: so do the programs of Commands.Exec; give the service a user of its own");
    }
    if (!config.websocket.hub_url) {
        daemon_log.with_event(event::kNotConfigured)
            .warn("No hub is configured: set WebSocket.HubUrl and Grpc.ServerUrl, then reload",
                  {{"config", config.source.string()}});
    }
    const auto recovered = co_await recovery.recover();
    if (!recovered) {
        daemon_log.error("The outbox could not be recovered; starting degraded",
                         {{"reason", recovered.error().message}});
    }
    // What the wall clock showed when it was last looked at in this boot, and what has gone by.
    dispatcher.not_before(outbox->now() + outbox->figures().wall_set_by);
    listen();
    start_timeout.reset();
    notifier.ready();
    // Named, not temporaries of the awaited expression: g++ 12 loses those.
    auto serving = serve();
    auto stopping = stop_on_signal();
    co_await race(std::move(serving), std::move(stopping));
}

// The contract's thirteen targets but for commands, which are Intake's, and one of those that it only declares.
RequestTargets Application::Parts::request_targets(const Environment& environment) {
    utsname kernel{};
    uname(&kernel);
    const std::string user = variable_in(environment, "USER");
    const Identity identity{kVersion, kernel.nodename, user.empty() ? std::to_string(geteuid()) : user,
                            std::string(kernel.sysname) + ' ' + kernel.release, clock.now()};
    const RunningConfig running = [this]() -> const config::Config& { return config; };
    RequestTargets all;
    const auto add = [&all](RequestTargets group) { std::ranges::move(group, std::back_inserter(all)); };
    add(commands_targets([this] { return registry; }));
    add(machine_targets(load, identity));
    add(config_targets(clock, running, identity, environment, reloader));
    add(themes_targets(clock, running));
    add(logs_targets(clock, uploads));
    add(sessions_targets(
        clock, [this]() -> SessionStore& { return session_store(); }, uploads));
    add(words_targets(
        clock, [this] { return has_chat() ? &chat->assistant() : nullptr; }, uploads));
    return all;
}

SessionStore& Application::Parts::session_store() {
    if (has_chat()) return chat->assistant().sessions();
    return no_sessions;
}

void Application::Parts::allow_requests(const config::Config& next) {
    const bool takes_commands = next.hub.requests.has(config::RequestKind::commands);
    intake.update(next.commands.acknowledge, takes_commands ? CommandsAre::taken : CommandsAre::refused,
                  next.websocket.max_send_bytes);
    requests.update(next.hub, next.websocket.max_send_bytes);
    uploads.update(next.hub.requests, next.websocket.max_send_bytes);
    log::tail().keep(next.hub.requests.has(config::RequestKind::logs) ? kLogTailBytes : 0);
}

// What an operator may do, on the Unix sockets only.
monitor::Routes Application::Parts::routes() {
    auto all = outbox_routes(*outbox, OutboxUsers{courier, std::bind_front(&Parts::delivery_became, this)});
    all.merge(reload_route(reloader));
    all.merge(chat_routes([this] { return has_chat() ? &chat->assistant() : nullptr; }));
    all.merge(command_routes(dispatcher, pause));
    all.merge(pause_routes(pause));
    return all;
}

void Application::Parts::listen() {
    if (const auto listening = status_server.listen(); !listening) {
        daemon_log.error("The status endpoint is not available; the daemon goes on without it",
                         {{"reason", listening.error().message}});
    }
    if (const auto listening = control_server.listen(); !listening) {
        daemon_log.error(
            "The control socket is not available: `jiro-client reload` and `outbox` will not find the daemon",
            {{"reason", listening.error().message}});
    }
}

Task<> Application::Parts::serve() {
    auto parts =
        tasks(hub.run(), courier.run(), dispatcher.run(), load.run(), status_server.run(), control_server.run(),
              reloader.run(), uploads.run(), report_status(), feed_watchdog(), recovery.recover_rest(), pause.run(),
              audit.run(), commands::remove_left_run_folders(clock), watch_wall_clock(clock, *outbox), tls_watch.run());
    co_await all(std::move(parts));
}

Task<> Application::Parts::report_status() {
    for (;;) {
        status.sample();
        show_status();
        co_await clock.sleep_for(kStatusLineInterval);
    }
}

void Application::Parts::show_status() {
    notifier.status(monitor::status_line(status.current()) + reloader.status_note());
}

Task<> Application::Parts::feed_watchdog() {
    const auto interval = ServiceNotifier::watchdog_interval();
    if (!interval) co_return;
    for (;;) {
        // There and back through the storage thread: a loop that hangs on either side is not fed. Its answer, even an
        // error, is progress.
        static_cast<void>(co_await outbox->next_due());
        notifier.watchdog();
        co_await clock.sleep_for(*interval);
    }
}

Task<> Application::Parts::stop_on_signal() {
    co_await shutdown.wait();
    daemon_log.info("Stopping: commands that run may finish; a second signal stops at once");
    status.set_stopping();
    notifier.stopping();
    show_status();  // not at the next turn: now
    dispatcher.request_stop();

    const auto deliver_limit = persistence == Persistence::disk ? kDeliverLimitOnDisk : kDeliverLimitInMemory;
    auto stopping =
        stop({.run = config.commands.stop_limit, .grace = kGrace, .deliver = deliver_limit, .close = kCloseLimit});
    auto second_signal = shutdown.wait();
    const auto first_to_end = co_await race(std::move(stopping), std::move(second_signal));
    if (first_to_end == 1) {
        daemon_log.warn("Second signal: stopping at once");
        co_await stop({.run = 0s, .grace = kGraceAtOnce, .deliver = kDeliverLimitOnDisk, .close = kCloseLimitAtOnce});
    }
}

// Again, from wherever it was, when a second signal came.
Task<> Application::Parts::stop(StopLimits limits) {
    notifier.extend_timeout(std::chrono::duration_cast<std::chrono::microseconds>(limits.total()));
    const bool have_ended = co_await dispatcher.drain(clock.now() + limits.run);
    if (!have_ended) {
        daemon_log.warn("Commands that still run are cancelled");
        co_await dispatcher.end_all(commands::CancelReason::shutting_down, limits.grace);
    }
    if (chat) static_cast<void>(co_await chat->assistant().stop(clock.now() + kChatLimit));  // the terminal's
    const auto give_up_at = clock.now() + limits.deliver;
    const bool are_delivered = co_await courier.drain(give_up_at);
    TaskGroup look(nullptr);  // left to itself after its time: it cannot be cancelled
    look.spawn(executor, outbox->look_for_its_file());
    const bool has_looked = co_await look.wait_until(clock, clock.now() + kLookLimit);
    const bool lasts = persistence == Persistence::disk && !outbox->figures().is_astray;
    const auto unsaved = courier.figures().unsaved;  // the end of the courier's run says what became of them
    if (!are_delivered) {
        daemon_log.with_event(event::kLeftUndelivered)
            .warn("Results are left undelivered", {{"count", outbox->figures().pending + unsaved},
                                                   {"kept", !has_looked   ? "not known: the disk does not answer"
                                                            : !lasts      ? "no"
                                                            : unsaved > 0 ? "in part"
                                                                          : "in the outbox"}});
    }
    co_await audit.flush(clock.now() + kAuditLimit);
    if (has_looked && lasts && unsaved == 0) co_await tell_what_is_kept();
    auto closing = hub.stop();
    static_cast<void>(co_await with_timeout(clock, limits.close, std::move(closing)));
}

// Before the connection is closed, which tells whoever waits that the client stops, and no more.
Task<> Application::Parts::tell_what_is_kept() {
    deliveries.stop();
    const auto give_up_at = clock.now() + kAnswerLimit;
    while (hub.unanswered() > 0 && clock.now() < give_up_at) co_await clock.sleep_for(kAnswerInterval);
}

void Application::Parts::delivery_became(const std::string& id, DeliveryState state) {
    dispatcher.set_delivery(id, state);
    if (state != DeliveryState::waiting) deliveries.became(id, state);  // asked for again: it goes on
}

void Application::Parts::connection_changed(const signalr::StateChange& change) {
    status.note(change);
    if (change.from == signalr::State::connected && change.to != signalr::State::disconnecting) {
        const bool was_left = change.error && change.error->code == signalr::errc::settings_changed;
        was_left ? dispatcher.connection_left() : dispatcher.connection_lost();
    }
    show_status();
}

Result<> Application::Parts::build_registry(const config::Config& next) {
    if (next.chat.is_configured() && !chat) {
        ToolCommands tools{[this] { return dispatcher.registry(); },
                           [this](CommandMessage message) { return dispatcher.call(std::move(message)); }};
        chat = std::make_unique<Chat>(executor, clock, random, std::move(tools), environment, next,
                                      config::find_sessions_path(next, outbox_file, environment));
    }
    if (next.chat.is_configured()) chat->update(next);  // the handlers take their time limit from it
    commands::BuiltinServices services{.version = kVersion,
                                       .status = [this] { return monitor::status_json(status.current()); },
                                       .load = &load,
                                       .runs = &dispatcher,
                                       .own = &own_program,
                                       .kept = &descriptors};
    if (next.chat.is_configured()) services.others = [this] { return make_chat_commands(chat->assistant()); };
    auto built = commands::make_registry(next.commands, services);
    if (!built) return built.error();
    registry = std::move(*built);
    dispatcher.reload(next.commands, registry);
    return {};
}

// Every part is given its whole section, whatever changed in it: a new key needs nothing here. What a change costs (a
// new connection) is the part's own decision; tests/unit/daemon/reload_test.cpp holds it against the schema's word, and
// tests/e2e/test_reload.py sees each key's new value at work.
Result<> Application::Parts::apply(const config::Config& next) {
    if (auto built = build_registry(next); !built) return built;  // the one part that can refuse; nothing changed yet
    log::configure(next.logging);
    credentials.replace(next.credentials);
    outbox->set_dedupe_window(next.delivery.outbox.dedupe_window);
    if (next.delivery.grpc != config.delivery.grpc)
        courier.use(delivery::make_grpc_result_sender(clock, next.delivery.grpc, credentials.for_grpc()));
    courier.update(next.delivery.grpc, next.delivery.outbox);
    courier.retry_now();
    allow_requests(next);
    hub.update(next.websocket);
    hub.retry_now();
    status.set_hub_url(redacted_hub_url(next));
    audit.use(next.audit, redacted_hub_url(next));
    status.set_instance_id(next.instance_id);
    config = next;
    log::register_all(log::Holder::configuration_in_force, config::all_secrets(config));
    tls_watch.look_again();
    return {};
}

}  // namespace jiro::daemon
