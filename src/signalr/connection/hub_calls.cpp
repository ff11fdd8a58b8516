// SPDX-License-Identifier: MIT
// Calls to the hub: send, invoke, stream, upload streams; and the public face of HubConnection.

#include "jiro/base/at_end.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"
#include "signalr/connection/hub_connection_impl.hpp"

namespace jiro::signalr {

using nlohmann::json;

namespace {

Error not_active() { return Error(errc::not_active, "the connection is not active"); }
Error call_cancelled() { return Error(errc::call_cancelled, "the call was cancelled here"); }
Error call_timeout() { return Error(errc::call_timeout, "the hub did not complete the call before its deadline"); }

// Whether it ended before the deadline, if there is one.
template <typename T>
Task<bool> ended_before(Clock& clock, std::optional<TimePoint> deadline, Task<T> task) {
    if (!deadline) {
        static_cast<void>(co_await std::move(task));
        co_return true;
    }
    const Duration left = *deadline - clock.now();
    if (left <= Duration::zero()) co_return false;
    const auto ended = co_await with_timeout(clock, left, std::move(task));
    co_return static_cast<bool>(ended);
}

// The next item of a source, its failure as an Error; never throws but for a cancellation.
Task<Result<std::optional<json>>> pull(UploadSource& source) {
    try {
        co_return co_await source();
    } catch (const std::exception& error) {
        if (is_cancellation(error)) throw;
        co_return Error(errc::call_failed, error.what());
    }
}

Task<> wait_for_end(std::shared_ptr<PendingCall> call) {
    while (!call->end) co_await call->changed.wait();
}

Subscription subscription(const std::shared_ptr<InvocationDispatcher>& to, std::string target, std::uint64_t id) {
    return Subscription([weak = std::weak_ptr(to), target = std::move(target), id] {
        if (const auto dispatcher = weak.lock()) dispatcher->remove(target, id);
    });
}

}  // namespace

Task<Result<HubConnection::Impl::PreparedCall>> HubConnection::Impl::prepare(std::size_t uploads,
                                                                             std::optional<Duration> deadline) {
    PreparedCall prepared;
    if (deadline) prepared.deadline = clock_.now() + *deadline;
    if (is_first_attempt_) {
        auto start = until_first_attempt_ended();
        const bool in_time = co_await ended_before(clock_, prepared.deadline, std::move(start));
        if (!in_time) co_return call_timeout();
    }
    prepared.session = session_;
    if (!prepared.session || !prepared.session->is_open() || fsm_.state() != State::connected) co_return not_active();
    const auto session = prepared.session;
    auto room = session->wait_until_writable();
    const bool in_time = co_await ended_before(clock_, prepared.deadline, std::move(room));
    if (!in_time) co_return call_timeout();
    if (!session->is_open()) co_return not_active();
    for (std::size_t i = 0; i < uploads; ++i) prepared.stream_ids.push_back(session->next_id());
    co_return prepared;
}

void HubConnection::Impl::start_uploads(const PreparedCall& prepared, std::shared_ptr<PendingCall> call,
                                        std::vector<UploadSource> sources) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
        uploads_.spawn(executor_, run_upload(prepared.session, call, prepared.stream_ids[i], std::move(sources[i])));
    }
}

// `call` is null for send(): then only the source and the connection end it.
Task<> HubConnection::Impl::run_upload(std::shared_ptr<Session> session, std::shared_ptr<PendingCall> call,
                                       std::string stream_id, UploadSource source) {
    CompletionMessage completion;
    completion.invocation_id = stream_id;
    while (!call || !call->end) {
        Result<std::optional<json>> item = std::optional<json>();
        if (call) {
            std::optional<Result<std::optional<json>>> pulled;
            auto pulling = into(pulled, pull(source));
            auto ending = wait_for_end(call);
            const std::size_t first = co_await race(std::move(pulling), std::move(ending));
            if (first == 1) break;
            item = std::move(*pulled);
        } else {
            item = co_await pull(source);
        }
        const bool has_room = co_await session->wait_until_writable();
        if (!has_room) co_return;
        if (call && call->end) break;
        if (!item) {
            completion.error = "Stream failed: " + item.error().message;
        } else if (*item) {
            StreamItemMessage message{stream_id, std::move(**item)};
            const auto posted = session->post(message);
            if (posted) continue;
            completion.error = "Stream failed: " + posted.error().message;
        }
        co_return session->complete_now(std::move(completion));
    }
    // The hub completed the call: stop. It ended here: say so, or the hub's method waits for items for ever.
    if (call->is_abandoned) {
        completion.error = "Stream canceled by client.";
        session->complete_now(std::move(completion));
    }
}

Task<Result<void>> HubConnection::Impl::send(std::string target, json arguments, CallOptions options) {
    const auto self = shared_from_this();
    auto prepared = co_await prepare(options.uploads.size(), options.deadline);
    if (!prepared) co_return prepared.error();
    InvocationMessage message{std::move(target), std::nullopt, std::move(arguments), prepared->stream_ids};
    message.headers = std::move(options.headers);
    auto posted = prepared->session->post(message);
    if (posted) start_uploads(*prepared, nullptr, std::move(options.uploads));
    co_return posted;
}

Task<Result<std::optional<json>>> HubConnection::Impl::invoke(std::string target, json arguments, CallOptions options) {
    const auto self = shared_from_this();
    auto prepared = co_await prepare(options.uploads.size(), options.deadline);
    if (!prepared) co_return prepared.error();
    const auto session = prepared->session;
    const auto call = session->open_call(PendingCall::Kind::invoke);
    InvocationMessage message{std::move(target), call->id, std::move(arguments), prepared->stream_ids};
    message.headers = std::move(options.headers);
    if (const auto posted = session->post(message); !posted) {
        session->forget(*call, posted.error());
        co_return posted.error();
    }
    // For a caller that goes away before the hub has completed the call.
    const AtEnd at_end([&] { session->abandon(*call, call_cancelled()); });
    start_uploads(*prepared, call, std::move(options.uploads));
    while (!call->end) {
        auto change = call->changed.wait();
        const bool in_time = co_await ended_before(clock_, prepared->deadline, std::move(change));
        if (!in_time && !call->end) session->abandon(*call, call_timeout());
    }
    if (call->end->error) co_return *call->end->error;
    co_return std::move(call->end->result);
}

struct StreamReader::Impl {
    Clock& clock;
    std::shared_ptr<Session> session;
    std::shared_ptr<PendingCall> call;
    std::optional<TimePoint> deadline;
};

Task<Result<StreamReader>> HubConnection::Impl::stream(std::string target, json arguments, CallOptions options) {
    const auto self = shared_from_this();
    auto prepared = co_await prepare(options.uploads.size(), options.deadline);
    if (!prepared) co_return prepared.error();
    const auto session = prepared->session;
    const auto call = session->open_call(PendingCall::Kind::stream);
    StreamInvocationMessage message{std::move(target), call->id, std::move(arguments), prepared->stream_ids};
    message.headers = std::move(options.headers);
    if (const auto posted = session->post(message); !posted) {
        session->forget(*call, posted.error());
        co_return posted.error();
    }
    start_uploads(*prepared, call, std::move(options.uploads));
    auto impl = std::make_shared<StreamReader::Impl>(StreamReader::Impl{clock_, session, call, prepared->deadline});
    co_return StreamReader(std::move(impl));
}

StreamReader::StreamReader() = default;
StreamReader::StreamReader(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamReader::StreamReader(StreamReader&&) noexcept = default;

StreamReader& StreamReader::operator=(StreamReader&& other) noexcept {
    cancel();
    impl_ = std::move(other.impl_);
    return *this;
}

StreamReader::~StreamReader() { cancel(); }

void StreamReader::cancel() {
    if (impl_) impl_->session->abandon(*impl_->call, call_cancelled());
}

Task<Result<std::optional<json>>> StreamReader::next() {
    const auto impl = impl_;
    if (!impl) co_return not_active();
    const auto call = impl->call;
    while (call->items.empty() && !call->end) {
        auto change = call->changed.wait();
        const bool in_time = co_await ended_before(impl->clock, impl->deadline, std::move(change));
        if (!in_time && call->items.empty() && !call->end) impl->session->abandon(*call, call_timeout());
    }
    if (call->items.empty()) {
        if (call->end->error) co_return *call->end->error;
        co_return std::optional<json>();
    }
    std::optional<json> item(std::move(call->items.front()));
    call->items.pop_front();
    impl->session->writable_changed();
    co_return std::move(item);
}

Subscription& Subscription::operator=(Subscription&& other) noexcept {
    remove();
    remove_ = std::exchange(other.remove_, nullptr);
    return *this;
}

void Subscription::remove() {
    if (auto action = std::exchange(remove_, nullptr)) action();
}

HubConnection::HubConnection(Executor executor, Settings settings, Dependencies dependencies)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(settings), std::move(dependencies))) {}

HubConnection::~HubConnection() = default;

Task<> HubConnection::run() { return impl_->run(); }
Task<> HubConnection::stop() { return impl_->stop(); }
std::size_t HubConnection::unanswered() const noexcept { return impl_->unanswered(); }
void HubConnection::retry_now() { impl_->retry_now(); }
void HubConnection::update(Settings settings) { impl_->update(std::move(settings)); }

Subscription HubConnection::on(std::string target, Handler handler) {
    const auto id = impl_->dispatcher()->add(target, std::move(handler));
    return subscription(impl_->dispatcher(), std::move(target), id);
}

Subscription HubConnection::on_result(std::string target, ResultHandler handler, OverLimit over_limit,
                                      std::function<ArgumentsReader()> make_reader) {
    const auto id = impl_->dispatcher()->add_result(target, std::move(handler), over_limit, std::move(make_reader));
    return subscription(impl_->dispatcher(), std::move(target), id);
}

void HubConnection::on_state_changed(std::function<void(const StateChange&)> observer) {
    impl_->observers.push_back(std::move(observer));
}

Task<Result<void>> HubConnection::send(std::string target, json arguments, CallOptions options) {
    return impl_->send(std::move(target), std::move(arguments), std::move(options));
}

Task<Result<std::optional<json>>> HubConnection::invoke(std::string target, json arguments, CallOptions options) {
    return impl_->invoke(std::move(target), std::move(arguments), std::move(options));
}

Task<Result<StreamReader>> HubConnection::stream(std::string target, json arguments, CallOptions options) {
    return impl_->stream(std::move(target), std::move(arguments), std::move(options));
}

State HubConnection::state() const noexcept { return impl_->state(); }
std::optional<Url> HubConnection::connected_url() const { return impl_->connected_url(); }
std::optional<std::string> HubConnection::connection_id() const { return impl_->connection_id(); }
std::optional<Error> HubConnection::last_error() const { return impl_->last_error(); }
std::optional<TimePoint> HubConnection::last_frame_at() const { return impl_->last_frame_at(); }
int HubConnection::attempts() const noexcept { return impl_->attempts(); }
std::optional<TimePoint> HubConnection::next_attempt_at() const { return impl_->next_attempt_at(); }

}  // namespace jiro::signalr
