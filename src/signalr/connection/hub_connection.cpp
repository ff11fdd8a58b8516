// SPDX-License-Identifier: MIT
#include <boost/asio/this_coro.hpp>

#include "jiro/base/peer_text.hpp"
#include "jiro/base/race.hpp"
#include "signalr/connection/hub_connection_impl.hpp"
#include "signalr/log.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;

namespace {

Failure settings_changed() {
    return Failure{Error(errc::settings_changed, "the settings of the connection have changed")};
}

}  // namespace

HubConnection::Impl::Impl(Executor executor, Settings settings, Dependencies dependencies)
    : executor_(executor),
      settings_(std::move(settings)),
      clock_(dependencies.clock),
      credentials_(std::move(dependencies.credentials)),
      connector_(dependencies.connector ? std::move(dependencies.connector) : make_beast_connector(clock_)),
      environment_(std::move(dependencies.environment)),
      fsm_(dependencies.random, std::move(dependencies.retry_policy)),
      dispatcher_(std::make_shared<InvocationDispatcher>(executor,
                                                         [current = current_session_] {
                                                             if (const auto session = current->lock()) {
                                                                 session->writable_changed();
                                                             }
                                                         })),
      uploads_([](const std::exception_ptr&) { signalr_log.error("An upload's coroutine failed"); }),
      wake_(executor),
      ended_(executor),
      first_attempt_ended_(executor) {}

Task<> HubConnection::Impl::run() {
    const auto self = shared_from_this();
    running_ = true;
    std::exception_ptr failure;
    try {
        auto connecting = stay_connected();
        auto dispatching = dispatcher_->run();
        if (!stopping_) co_await race(std::move(connecting), std::move(dispatching));
    } catch (...) {
        failure = std::current_exception();  // cancelled from outside; what runs is still ended in order
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const Error stopped(errc::stopped, "the connection was stopped");
    if (session_) session_->finish(stopped);
    session_.reset();
    co_await dispatcher_->finish();
    uploads_.abort();
    co_await uploads_.wait();
    next_attempt_at_.reset();
    if (fsm_.state() != State::disconnected) {
        if (fsm_.state() != State::disconnecting) announce(fsm_.stopping(), nullptr);
        announce(fsm_.stopped(), nullptr);
    }
    end_first_attempt();
    running_ = false;
    stopping_ = true;
    ended_.notify();
    if (failure) std::rethrow_exception(failure);
}

Task<> HubConnection::Impl::stay_connected() {
    while (!stopping_) {
        if (!settings_.hub_url) {
            co_await wake_.wait();
            continue;
        }
        if (fsm_.state() == State::disconnected || fsm_.state() == State::failed) {
            announce(fsm_.start(clock_.now()), nullptr);
        }
        interrupted_ = false;
        is_first_attempt_ = !had_attempt_;
        had_attempt_ = true;
        fsm_.attempt_started();
        std::optional<Attempt> outcome;
        auto making = into(outcome, attempt());
        auto interruption = until_interrupted();
        co_await race(std::move(making), std::move(interruption));
        if (stopping_) break;
        if (interrupted_ || !outcome) {
            end_first_attempt();
            continue;  // new settings, perhaps in the turn in which the attempt ended
        }
        if (outcome->failure) {
            const auto transition = fsm_.attempt_failed(settings_, *outcome->failure, clock_.now());
            record_transition(transition, &*outcome->failure);
            end_first_attempt();
            co_await wait_until_due(*transition.delay);
            continue;
        }
        session_ =
            std::make_shared<Session>(executor_, clock_, settings_, std::move(*outcome->connection), *dispatcher_);
        *current_session_ = session_;
        record_transition(fsm_.opened(clock_.now()), nullptr);
        end_first_attempt();
        co_await serve();
    }
}

void HubConnection::Impl::end_first_attempt() {
    is_first_attempt_ = false;
    first_attempt_ended_.notify();
}

Task<> HubConnection::Impl::until_first_attempt_ended() {
    const auto self = shared_from_this();
    while (is_first_attempt_) co_await first_attempt_ended_.wait();
}

Task<Attempt> HubConnection::Impl::attempt() {
    if (!settings_.tls.verify) {
        signalr_log.warn("TLS verification is off: anyone in between can read and change everything",
                         {{"hub", settings_.hub_url->redacted()}});
    }
    Establish establish(clock_, *connector_, settings_, credentials_, environment_);
    establish.mask_too(told_);
    std::string reason;
    try {
        co_return co_await establish.run();
    } catch (const std::exception& error) {
        if (is_cancellation(error)) throw;
        reason = error.what();  // no memory, no thread for a look-up, ...
    }
    Attempt broken;
    broken.failure = Failure{Error(errc::internal, shortened("the attempt broke off: " + reason))};
    co_return broken;
}

// The session's life, and what follows from its end.
Task<> HubConnection::Impl::serve() {
    const auto session = session_;
    std::optional<Failure> ended;
    auto serving = into(ended, serve_until_lost(session));
    if (session->established().token_lifetime) {
        auto refreshing = keep_token_fresh(session);
        co_await race(std::move(serving), std::move(refreshing));
    } else {
        co_await std::move(serving);
    }
    Failure failure = std::move(*ended);
    failure.error.message = session->shown(failure.error.message);
    told_ = session->secrets();
    last_frame_at_ = session->last_record_at();
    session->finish(failure.error);
    session_.reset();
    if (stopping_) co_return;
    const bool restart = failure.error.code == errc::settings_changed;
    const auto now = clock_.now();
    const auto transition = restart ? fsm_.restarted(now) : fsm_.lost(settings_, failure, now);
    record_transition(transition, &failure);
    interrupted_ = false;
    co_await wait_until_due(*transition.delay);
}

Task<Failure> HubConnection::Impl::serve_until_lost(std::shared_ptr<Session> session) {
    Failure failure = co_await session->run();
    while (session->can_resume(failure)) {
        const bool resumed = co_await resume(failure);
        if (!resumed) break;
        failure = co_await session->run();
    }
    if (interrupted_ && !stopping_) co_return settings_changed();  // while it was to be resumed
    co_return failure;
}

// A server that tells how long an access token lives takes a new one on the connection that stands. A failure leaves
// that as it is; nothing more is asked on it then. Ends with the session.
Task<> HubConnection::Impl::keep_token_fresh(std::shared_ptr<Session> session) {
    auto lifetime = session->established().token_lifetime;
    while (lifetime) {
        co_await clock_.sleep_for(refresh_due_after(*lifetime));
        Establish establish(clock_, *connector_, settings_, credentials_, environment_);
        Result<std::optional<std::chrono::seconds>> refreshed = lifetime;
        try {
            auto asking = establish.refresh_token(session->established());
            refreshed = co_await std::move(asking);
        } catch (const std::exception& error) {
            if (is_cancellation(error)) throw;
            refreshed = Error(errc::internal, error.what());
        }
        session->note_refreshed(establish.own_secrets());
        if (refreshed) {
            lifetime = *refreshed;
            signalr_log.debug("The access token of the connection was refreshed");
        } else {
            lifetime.reset();
            signalr_log.warn("The access token was not refreshed: the server may end the connection with the old one",
                             {{"reason", refreshed.error().message}});
        }
    }
    co_await until_cancelled();
}

// Stateful reconnect: one try with the same connection token; the state stays Connected. False: a full start is needed,
// and not before the server wants it.
Task<bool> HubConnection::Impl::resume(Failure& lost) {
    const auto session = session_;
    signalr_log.info("The connection was cut; trying to resume it");
    Establish establish(clock_, *connector_, settings_, credentials_, environment_);
    std::optional<Attempt> attempt;
    auto opening = into(attempt, establish.reopen(session->established()));
    auto interruption = until_interrupted();
    co_await race(std::move(opening), std::move(interruption));
    if (interrupted_ || !attempt || !session->is_open()) co_return false;
    if (attempt->failure) {
        lost.retry_after = attempt->failure->retry_after;
        signalr_log.info("The connection could not be resumed", {{"reason", attempt->failure->error.message}});
        co_return false;
    }
    session->resume(std::move(*attempt->connection));
    signalr_log.info("The connection was resumed");
    co_return true;
}

Task<> HubConnection::Impl::until_interrupted() {
    while (!stopping_ && !interrupted_) co_await wake_.wait();
}

Task<> HubConnection::Impl::wait_until_due(Duration delay) {
    next_attempt_at_ = clock_.now() + delay;
    if (delay > Duration::zero()) {
        auto sleep = clock_.sleep_until(*next_attempt_at_);
        auto interruption = until_interrupted();
        co_await race(std::move(sleep), std::move(interruption));
    }
    next_attempt_at_.reset();
}

void HubConnection::Impl::record_transition(const Transition& transition, const Failure* failure) {
    if (failure != nullptr) {
        last_error_ = failure->error;
        next_attempt_at_ = clock_.now() + transition.delay.value_or(Duration::zero());
        log_failure(transition, *failure);
    } else if (transition.to == State::connected) {
        signalr_log.info("Connected to the hub", {{"hub", connected_url()->redacted()},
                                                  {"connection_id", connection_id().value_or("none")},
                                                  {"state", to_string(transition.to)}});
    }
    announce(transition, failure);
}

void HubConnection::Impl::log_failure(const Transition& transition, const Failure& failure) const {
    const auto delay =
        std::chrono::duration_cast<std::chrono::milliseconds>(transition.delay.value_or(Duration::zero()));
    const std::string& reason = failure.error.message;
    if (transition.to == State::failed) {
        signalr_log.error(failure.rejected ? "The hub does not want this client; trying again later"
                                           : "The hub cannot be reached; trying again later",
                          {{"reason", reason},
                           {"attempts", fsm_.attempts()},
                           {"next_attempt_in_ms", delay},
                           {"state", to_string(transition.to)}});
    } else if (transition.from == State::connected) {
        signalr_log.warn("Connection to the hub lost",
                         {{"reason", reason}, {"next_attempt_in_ms", delay}, {"state", to_string(transition.to)}});
    } else {
        signalr_log.warn("Connecting to the hub failed", {{"reason", reason},
                                                          {"attempt", fsm_.attempts()},
                                                          {"next_attempt_in_ms", delay},
                                                          {"state", to_string(transition.to)}});
    }
}

void HubConnection::Impl::announce(const Transition& transition, const Failure* failure) {
    if (transition.from == transition.to) return;
    StateChange change{transition.from, transition.to, {}, {}, transition.delay, fsm_.attempts()};
    if (failure != nullptr) change.error = failure->error;
    if (transition.to == State::connected) change.connection_id = connection_id();
    const auto told = observers;  // an observer may add another
    for (const auto& observer : told) {
        try {
            observer(change);
        } catch (const std::exception& error) {
            signalr_log.error("An observer of the connection's state failed", {{"reason", error.what()}});
        }
    }
}

Task<> HubConnection::Impl::stop() {
    const auto self = shared_from_this();
    if (!stopping_) {
        stopping_ = true;
        if (running_ && fsm_.state() != State::disconnected) announce(fsm_.stopping(), nullptr);
        if (session_) {
            dispatcher_->answer_all(*session_, "The client is shutting down.");
            Failure stopped{Error(errc::stopped, "the connection was stopped")};
            session_->begin_close(std::move(stopped), Session::SendClose::yes);
        }
        wake_.notify();
    }
    while (running_) co_await ended_.wait();
}

void HubConnection::Impl::retry_now() {
    if (!next_attempt_at_ || stopping_) return;
    interrupted_ = true;
    wake_.notify();
}

void HubConnection::Impl::update(Settings settings) {
    // Where a redirect led may be forbidden now although the configured address is not; also to an attempt under way.
    const bool may_stay = session_ ? may_be_hub(settings, session_->established().hub_url)
                                   : settings.may_be_overheard || !settings_.may_be_overheard;
    const bool must_reconnect = requires_reconnect(settings_, settings) || !may_stay;
    settings_ = std::move(settings);
    if (!must_reconnect || stopping_) return;
    interrupted_ = true;
    wake_.notify();
    if (session_ && session_->is_open()) {
        session_->begin_close(settings_changed(), Session::SendClose::yes);
    }
}

std::optional<Url> HubConnection::Impl::connected_url() const {
    return session_ ? std::optional(session_->established().hub_url) : std::nullopt;
}

std::optional<std::string> HubConnection::Impl::connection_id() const {
    return session_ ? session_->established().connection_id : std::nullopt;
}

std::optional<TimePoint> HubConnection::Impl::last_frame_at() const {
    return session_ ? std::optional(session_->last_record_at()) : last_frame_at_;
}

}  // namespace jiro::signalr
