// SPDX-License-Identifier: MIT
#include "dev_hub/dev_hub.hpp"

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>

#include "dev_hub/errors.hpp"
#include "dev_hub/hub_server.hpp"
#include "dev_hub/log.hpp"
#include "dev_hub/results_service.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/task_group.hpp"

namespace jiro::dev_hub {

namespace asio = boost::asio;

namespace {

constexpr auto kStopLimit = std::chrono::seconds(2);

}  // namespace

class DevHub::Impl : public std::enable_shared_from_this<DevHub::Impl> {
  public:
    Impl(Executor on, Options with)
        : options(std::move(with)),
          executor_(std::move(on)),
          chance_(options.seed ? SystemRandom(*options.seed) : SystemRandom()),
          hub_(executor_, clock_, random_, options,
               {[this](HubSession&) { client_ready(); }, [this](HubSession&) { ++counters.disconnections; },
                [this] { ++counters.negotiations; }, [this] { ++counters.refused; }}),
          delayed_([](const std::exception_ptr&) {}) {}

    Result<Endpoints> start() {
        for (const auto& line : options.misbehaviours) {
            const auto misbehaviour = parse_misbehaviour(line);
            if (!misbehaviour) return misbehaviour.error();
            if (!hub_.apply(*misbehaviour) && !faults_.apply(*misbehaviour)) {
                return Error(errc::bad_misbehaviour, "'" + line + "' makes no sense at the start");
            }
        }
        const auto hub_port = hub_.start(options.hub);
        if (!hub_port) return hub_port.error();
        auto settings = ResultsService::Settings{options.grpc, options.tls, options.token, options.api_key};
        const std::weak_ptr<Impl> weak = weak_from_this();
        results_ = ResultsService::make(
            executor_, std::move(settings),
            [weak](std::shared_ptr<ResultCall> call) {
                if (const auto self = weak.lock()) self->on_call(std::move(call));
            },
            [weak](const std::string& reason) {
                if (const auto self = weak.lock()) self->on_refused_call(reason);
            });
        const auto grpc_port = results_->start();
        if (!grpc_port) return grpc_port.error();

        const std::string scheme = options.tls ? "https://" : "http://";
        endpoints.hub_port = *hub_port;
        endpoints.grpc_port = *grpc_port;
        endpoints.hub_url = scheme + Endpoint{options.hub.address, *hub_port}.text() + options.hub_path;
        endpoints.grpc_url = scheme + Endpoint{options.grpc.address, *grpc_port}.text();
        return endpoints;
    }

    Task<> stop() {
        co_await hub_.stop(kStopLimit);
        delayed_.abort();
        co_await delayed_.wait();
        if (results_) results_->stop();
    }

    Task<SendOutcome> send(SendRequest request) {
        const auto self = shared_from_this();
        const auto started = clock_.now();
        if (request.command.sync_id.empty()) request.command.sync_id = random_.uuid();
        SendOutcome outcome;
        outcome.sync_id = request.command.sync_id;
        const bool is_connected = co_await wait_for_client(request.client_timeout);
        if (!is_connected) {
            outcome.error = "no client is connected";
            co_return outcome;
        }

        const auto pending = std::make_shared<Pending>(executor_);
        const auto place = waiters_.emplace(request.command.sync_id, pending);
        const AtEnd at_end([&] { waiters_.erase(place); });
        outcome.clients = write_command(request, pending);
        if (outcome.clients == 0) {
            outcome.error = "no client with this connection id is connected";
            co_return outcome;
        }
        const bool wants_result = request.wait == WaitFor::result || request.wait == WaitFor::both;
        const bool wants_completion = request.invocation == Invocation::with_id &&
                                      (request.wait == WaitFor::completion || request.wait == WaitFor::both);
        const auto missing = [&] {
            return (wants_result && !pending->result) || (wants_completion && !pending->completion);
        };
        const auto deadline = started + request.timeout;
        pending->timer.expires_at(deadline);
        while (missing() && clock_.now() < deadline) co_await pending->timer.async_wait(kNoThrow);

        outcome.result = pending->result;
        outcome.completion = pending->completion;
        outcome.elapsed = clock_.now() - started;
        if (missing()) {
            outcome.error = std::string(wants_result && !pending->result ? "no result" : "no completion") +
                            " came back within " + milliseconds_text(request.timeout);
        }
        co_return outcome;
    }

    Task<bool> wait_for_client(Duration limit) {
        if (!hub_.ready().empty()) co_return true;
        const auto self = shared_from_this();
        asio::steady_timer timer(executor_, limit);
        const auto place = client_waiters_.insert(client_waiters_.end(), &timer);
        const AtEnd at_end([&] { client_waiters_.erase(place); });
        co_await timer.async_wait(kNoThrow);
        co_return !hub_.ready().empty();
    }

    Task<Result<>> misbehave(Misbehaviour misbehaviour) {
        using What = Misbehaviour::What;
        const auto self = shared_from_this();
        hub_.apply(misbehaviour);
        faults_.apply(misbehaviour);
        Result<std::uint16_t> port = std::uint16_t{0};
        switch (misbehaviour.what) {
            case What::hub_down:
                co_await hub_.stop(kStopLimit);
                break;
            case What::hub_up:
                port = hub_up();
                break;
            case What::grpc_down:
                results_->stop();
                break;
            case What::grpc_up:
                port = grpc_up();
                break;
            case What::none:
                port = hub_up();
                if (port) port = grpc_up();
                break;
            default:
                break;
        }
        if (!port) co_return port.error();
        co_return Result<>();
    }

    Task<Result<ClientResult>> request(ClientRequest request) {
        const auto self = shared_from_this();
        const bool is_connected = co_await wait_for_client(request.client_timeout);
        const auto sessions = hub_.ready();
        if (!is_connected || sessions.empty()) co_return Error(errc::bad_control, "no client is connected");
        const auto pending = std::make_shared<Pending>(executor_);
        sessions.front()->invoke(request.target, request.argument, {}, [pending](ClientResult result) {
            pending->completion = std::move(result);
            pending->timer.cancel();
        });
        const auto deadline = clock_.now() + request.timeout;
        while (!pending->completion && clock_.now() < deadline) {
            pending->timer.expires_at(deadline);
            co_await pending->timer.async_wait(kNoThrow);
        }
        if (!pending->completion) co_return Error(errc::bad_control, "the client did not answer in time");
        co_return std::move(*pending->completion);
    }

    std::vector<ClientInfo> clients() const {
        std::vector<ClientInfo> out;
        for (const auto* session : hub_.ready()) {
            out.push_back({session->connection_id(), session->peer(), session->commands_sent()});
        }
        return out;
    }

    // Declared before what uses them.
    Options options;
    Endpoints endpoints;
    Counters counters;

  private:
    Executor executor_;
    SystemClock clock_;
    SystemRandom random_;  // ids and tokens: never from a seed
    SystemRandom chance_;  // of misbehaviour
    HubServer hub_;

  public:
    ResultStore store;

  private:
    // On the port of before; nothing to do while it listens.
    Result<std::uint16_t> hub_up() {
        return hub_.running() ? endpoints.hub_port : hub_.start({options.hub.address, endpoints.hub_port});
    }
    Result<std::uint16_t> grpc_up() { return results_->running() ? endpoints.grpc_port : results_->start(); }

    struct Pending {
        explicit Pending(const Executor& executor) : timer(executor) {}
        asio::steady_timer timer;  // cancelled when something arrives
        std::shared_ptr<const ReceivedResult> result;
        std::optional<ClientResult> completion;
    };

    int write_command(const SendRequest& request, const std::shared_ptr<Pending>& pending) {
        const auto argument = command_json(request.command, request.argument.value_or(options.argument));
        const auto& target = request.target.empty() ? options.target : request.target;
        int written = 0;
        for (auto* session : hub_.ready()) {
            if (!request.connection_id.empty() && session->connection_id() != request.connection_id) continue;
            ++written;
            ++counters.commands_sent;
            if (log::Logger::enabled(log::Level::info)) {
                logger.info("Command sent", {{"command_sync_id", request.command.sync_id},
                                             {"connection_id", session->connection_id()}});
            }
            if (request.invocation == Invocation::plain) {
                session->invoke(target, argument, request.command.headers);
                continue;
            }
            session->invoke(target, argument, request.command.headers,
                            [this, weak = weak_from_this(), pending](ClientResult result) {
                                if (!weak.expired() && !result.connection_lost) ++counters.completions;
                                if (!pending->completion || pending->completion->connection_lost)
                                    pending->completion = std::move(result);
                                pending->timer.cancel();
                            });
        }
        return written;
    }

    void client_ready() {
        ++counters.connections;
        for (auto* waiter : client_waiters_) waiter->cancel();
    }

    void on_refused_call(const std::string& reason) {
        ++counters.grpc_refused;
        logger.warn("Refused a gRPC call", {{"reason", reason}});
    }

    void on_call(std::shared_ptr<ResultCall> call) {
        ++counters.grpc_calls;
        const auto fate = faults_.next(chance_);
        if (fate.delay_ms > 0) {
            delayed_.spawn(executor_, settle_later(shared_from_this(), std::move(call), fate));
        } else {
            settle(*call, fate);
        }
    }

    static Task<> settle_later(std::shared_ptr<Impl> self, std::shared_ptr<ResultCall> call, GrpcFaults::Fate fate) {
        co_await self->clock_.sleep_for(std::chrono::milliseconds(fate.delay_ms));
        self->settle(*call, fate);
    }

    void settle(ResultCall& call, const GrpcFaults::Fate& fate) {
        const auto& result = call.result();
        if (fate.status != 0) {
            store.record(*result, ResultStore::Outcome::not_accepted);
            log_result("Result refused on request", *result, grpc_status_name(fate.status));
            return call.fail(fate.status, "failed on request");
        }
        if (!fate.success) {
            store.record(*result, ResultStore::Outcome::not_accepted);
            log_result("Result refused on request", *result, "success=false");
            return call.answer(false, "refused on request");
        }
        if (options.duplicates == Duplicates::already_exists && store.was_accepted(result->sync_id)) {
            store.record(*result, ResultStore::Outcome::not_accepted);
            log_result("Result received again", *result, "ALREADY_EXISTS");
            return call.fail(*grpc_status_number("ALREADY_EXISTS"), "accepted before");
        }
        accept(result);
        using Reply = GrpcFaults::Fate::Reply;
        switch (fate.reply) {
            case Reply::sent:
                return call.answer(true, "");
            case Reply::cancelled:
                return call.cancel();
            case Reply::silent:
                return call.stay_silent();
        }
    }

    void accept(const std::shared_ptr<const ReceivedResult>& result) {
        store.record(*result, ResultStore::Outcome::accepted);
        log_result("Result received", *result, result->is_success ? "success" : "error");
        const auto [first, last] = waiters_.equal_range(result->sync_id);
        for (auto waiter = first; waiter != last; ++waiter) {
            waiter->second->result = result;
            waiter->second->timer.cancel();
        }
    }

    static void log_result(std::string_view what, const ReceivedResult& result, std::string_view outcome) {
        if (!log::Logger::enabled(log::Level::info)) return;
        logger.info(what, {{"command_sync_id", result.sync_id}, {"outcome", outcome}, {"bytes", result.size}});
    }

    GrpcFaults faults_;
    std::multimap<std::string, std::shared_ptr<Pending>> waiters_;  // by commandSyncId
    std::list<asio::steady_timer*> client_waiters_;
    TaskGroup delayed_;
    std::unique_ptr<ResultsService> results_;
};

DevHub::DevHub(Executor executor, Options options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}
DevHub::~DevHub() = default;

Result<Endpoints> DevHub::start() { return impl_->start(); }
Task<> DevHub::stop() { return impl_->stop(); }
Task<SendOutcome> DevHub::send(SendRequest request) { return impl_->send(std::move(request)); }
Task<Result<ClientResult>> DevHub::request(ClientRequest request) { return impl_->request(std::move(request)); }
Task<bool> DevHub::wait_for_client(Duration limit) { return impl_->wait_for_client(limit); }
Task<Result<>> DevHub::misbehave(Misbehaviour misbehaviour) { return impl_->misbehave(std::move(misbehaviour)); }
std::vector<ClientInfo> DevHub::clients() const { return impl_->clients(); }
const ResultStore& DevHub::results() const noexcept { return impl_->store; }
const Counters& DevHub::counters() const noexcept { return impl_->counters; }

}  // namespace jiro::dev_hub
