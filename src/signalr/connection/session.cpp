// SPDX-License-Identifier: MIT
#include "signalr/connection/session.hpp"

#include "jiro/base/race.hpp"
#include "signalr/log.hpp"
#include "signalr/protocol/json_codec.hpp"

namespace jiro::signalr {

namespace {

constexpr std::uint16_t kNormalClosure = 1000;
constexpr Duration kReadAfterWriteFailed = std::chrono::seconds(1);
// While calls of ours are open their Completions must be read, or handlers that await them would never make room.
constexpr std::size_t kPendingFactorWithOpenCalls = 4;
// While only an Ack makes room reading goes on, up to here. (ASP.NET Core gives a connection up within seconds when our
// Ack is held back.)
constexpr std::size_t kPendingFactorWithoutAck = 4;
// Records whose invocations have been handed out and are held by their handlers still.
constexpr std::size_t kMaxHeldBytes = 4 * 1024 * 1024;
// With stateful reconnect a message holds whole records, up to this many bytes or one record: it fits into a packet and
// into the buffer that ASP.NET Core fills before it hands on a frame.
constexpr std::size_t kResumableMessageBytes = 1'024;

// The records at the start of `records` that make one resumable message.
std::string_view first_message(std::string_view records) {
    auto end = records.substr(0, kResumableMessageBytes).rfind(kRecordSeparator);
    if (end == std::string_view::npos) end = records.find(kRecordSeparator);
    return records.substr(0, end == std::string_view::npos ? end : end + 1);
}

Failure not_acknowledged() {
    return Failure{Error(errc::not_acknowledged,
                         "the server does not acknowledge what it is sent, although it agreed to (StatefulReconnect): "
                         "what would have to be kept grows without end")};
}

}  // namespace

Session::Session(Executor executor, Clock& clock, const Settings& settings, Established established,
                 InvocationDispatcher& dispatcher)
    : executor_(executor),
      clock_(clock),
      settings_(settings),
      established_(std::move(established)),
      dispatcher_(dispatcher),
      keep_alive_(settings.keep_alive_interval, settings.server_timeout, clock.now()),
      outgoing_changed_(executor),
      changed_(executor),
      timer_changed_(executor),
      closing_(executor),
      sent_(settings.max_resume_bytes) {}

Task<Failure> Session::run() {
    const auto self = shared_from_this();
    outcome_.reset();
    const auto now = clock_.now();
    keep_alive_ = KeepAlive(settings_.keep_alive_interval, settings_.server_timeout, now);
    if (!resumed_) append(PingMessage{});  // tells the server that this client pings
    auto loops = tasks(guarded(read_loop()), guarded(write_loop()), guarded(timer_loop()), guarded(closing_loop()));
    co_await race(std::move(loops));
    established_.transport->abort();
    if (!outcome_) outcome_ = Failure{Error(errc::internal, "the connection ended without a reason")};
    co_return *outcome_;
}

// An exception of one loop must end the others too.
Task<> Session::guarded(Task<> loop) {
    try {
        co_await std::move(loop);
    } catch (const std::exception& error) {
        if (is_cancellation(error)) throw;
        end(Failure{Error(errc::internal, error.what())});
    }
}

Task<> Session::read_loop() {
    const ReaderOfTarget reader_of = [this](const std::string& target) { return dispatcher_.reader_of(target); };
    for (;;) {
        while (!closing_reason_) {
            const auto record = established_.splitter.next();
            if (!record) break;
            keep_alive_.received(clock_.now());
            auto message = parse_record(*record, reader_of);
            if (!message) co_return end(Failure{message.error()});
            record_bytes_ = record->size();
            auto failure = accept(std::move(*message));
            if (failure) co_return end(std::move(*failure));
            if (waits_for_ack() && has_much_in_hand(kPendingFactorWithoutAck)) co_return end(not_acknowledged());
            if (must_pause_reading()) co_await wait_until_readable();
        }
        if (!closing_reason_ && established_.splitter.overflowed()) {
            co_return end(
                Failure{Error(errc::message_too_big, "the server sent a message over MaxMessageBytes (" +
                                                         std::to_string(settings_.max_message_bytes) + " bytes)")});
        }
        const auto chunk = co_await established_.transport->receive();
        if (!chunk) co_return end(lost(chunk.error()));
        if (!closing_reason_) established_.splitter.feed(*chunk);
    }
}

Task<> Session::wait_until_readable() {
    keep_alive_.reading_paused();
    while (must_pause_reading() && !closing_reason_) co_await changed_.wait();
    keep_alive_.reading_resumed(clock_.now());
    timer_changed_.notify();
}

bool Session::must_pause_reading() const {
    return outgoing_.size() >= settings_.max_send_queue_bytes || (!waits_for_ack() && has_much_in_hand(1));
}

// Completions of calls that have ended wait for it, and count as pending until they are sent.
bool Session::waits_for_ack() const { return established_.stateful && sent_.is_full(); }

bool Session::has_much_in_hand(std::size_t factor) const {
    const bool has_open_stream = overfull_stream_ && !overfull_stream_->end;
    if (has_open_stream && overfull_stream_->items.size() >= settings_.max_stream_items * factor) return true;
    if (!calls_.empty()) factor *= kPendingFactorWithOpenCalls;
    return dispatcher_.pending() >= settings_.max_pending_invocations * factor ||
           dispatcher_.held_bytes() >= kMaxHeldBytes * factor;
}

Task<> Session::write_loop() {
    for (;;) {
        while (outgoing_.empty()) co_await outgoing_changed_.wait();
        std::swap(writing_, outgoing_);
        outgoing_.clear();
        const bool written = co_await write(writing_);
        if (!written) break;
        changed_.notify();
    }
    // The read loop usually knows better (a close frame, a hub Close still in the socket): give it a moment.
    write_failed_.emplace(clock_.now() + kReadAfterWriteFailed,
                          Error(errc::send_failed, "sending to the server failed"));
    wake_timer_before(write_failed_->first);
    changed_.notify();  // who waits for what is written need not wait any more
    for (;;) co_await outgoing_changed_.wait();
}

// A server that keeps a connection over its socket also keeps the half of a record that a cut left (ASP.NET Core does,
// and then cannot read what is replayed), so records that may be replayed go in small messages of their own.
Task<bool> Session::write(std::string_view records) {
    while (!records.empty()) {
        const auto message = established_.stateful ? first_message(records) : records;
        records.remove_prefix(message.size());
        write_started_ = clock_.now();
        keep_alive_.sent(*write_started_);
        wake_timer_before(*write_started_ + settings_.limits.send);
        const auto written = co_await established_.transport->send(message);
        write_started_.reset();
        if (!written) co_return false;
    }
    co_return true;
}

TimePoint Session::next_deadline() const {
    auto deadline = keep_alive_.next_deadline();
    if (write_started_) deadline = std::min(deadline, *write_started_ + settings_.limits.send);
    if (write_failed_) deadline = std::min(deadline, write_failed_->first);
    if (closing_reason_) deadline = std::min(deadline, closing_deadline_);
    if (established_.stateful && received_.ack_due_at()) deadline = std::min(deadline, *received_.ack_due_at());
    return deadline;
}

void Session::wake_timer_before(TimePoint deadline) {
    if (deadline < sleeping_until_) timer_changed_.notify();
}

Task<> Session::timer_loop() {
    for (;;) {
        sleeping_until_ = next_deadline();
        auto sleep = clock_.sleep_until(sleeping_until_);
        auto change = timer_changed_.wait();
        co_await race(std::move(sleep), std::move(change));
        const auto now = clock_.now();
        if (closing_reason_ && now >= closing_deadline_) co_return end(*closing_reason_);
        if (write_failed_ && now >= write_failed_->first) co_return end(lost(write_failed_->second));
        if (write_started_ && now >= *write_started_ + settings_.limits.send) {
            co_return end(
                lost(Error(errc::send_timeout, "sending took longer than " + milliseconds_text(settings_.limits.send) +
                                                   ": the server does not read")));
        }
        if (keep_alive_.server_is_silent(now)) {
            co_return end(lost(Error(errc::server_timeout,
                                     "Server timeout (" + milliseconds_text(settings_.server_timeout) +
                                         ") elapsed without receiving a message from the server; the last came " +
                                         milliseconds_text(now - keep_alive_.received_at()) +
                                         " ago. ServerTimeoutMs should be at least twice the server's "
                                         "KeepAliveInterval (15 s by default)")));
        }
        send_due(now);
    }
}

void Session::send_due(TimePoint now) {
    if (closing_reason_) return keep_alive_.sent(now);
    if (established_.stateful && received_.ack_due_at() && now >= *received_.ack_due_at()) {
        append(AckMessage{received_.take_ack()});
    }
    if (keep_alive_.ping_due(now)) {
        keep_alive_.sent(now);
        if (!write_started_) append(PingMessage{});  // a write that is stuck says as much, and has its own limit
    }
}

Task<> Session::closing_loop() {
    while (!closing_reason_) co_await closing_.wait();
    if (send_close_ == SendClose::yes) {
        append(CloseMessage{});
        while (!write_failed_ && (!outgoing_.empty() || write_started_)) co_await changed_.wait();
    }
    co_await established_.transport->close(kNormalClosure);
    end(*closing_reason_);
}

void Session::begin_close(Failure reason, SendClose send_close) {
    if (closing_reason_) return;
    open_ = false;
    closing_reason_ = std::move(reason);
    send_close_ = send_close;
    closing_deadline_ = clock_.now() + settings_.limits.close;
    closing_.notify();
    changed_.notify();
    timer_changed_.notify();
}

void Session::end(Failure failure) {
    if (outcome_) return;
    outcome_ = closing_reason_ ? *closing_reason_ : std::move(failure);
    outcome_->close_code = established_.transport->close_code();  // a hub that restarts says Close, and then 1012
    established_.transport->abort();                              // not every step of the others can be cancelled
}

Failure Session::lost(const Error& error) const {
    Failure failure{error};
    failure.ungraceful = !established_.transport->close_code();
    if (!failure.ungraceful) return failure;
    if (established_.splitter.has_partial()) failure.error.message += " (in the middle of a message)";
    return failure;
}

void Session::finish(const Error& error) {
    open_ = false;
    const auto calls = std::move(calls_);
    calls_.clear();
    for (const auto& [id, call] : calls) {
        call->end = PendingCall::End{error, std::nullopt};
        call->changed.notify();
    }
    changed_.notify();
}

bool Session::can_resume(const Failure& failure) const {
    return established_.stateful && failure.ungraceful && !closing_reason_ && clock_.now() >= resumable_from_;
}

void Session::resume(Established again) {
    established_.transport = std::move(again.transport);
    established_.cookies = std::move(again.cookies);
    established_.secrets = std::move(again.secrets);
    established_.splitter = RecordSplitter(settings_.max_message_bytes);
    resumed_ = true;
    resumable_from_ = TimePoint::max();
    write_started_.reset();
    write_failed_.reset();
    outgoing_.clear();  // what counts is in the resume buffer
    append(SequenceMessage{sent_.first_unacknowledged()});
    for (const auto& record : sent_.unacknowledged()) outgoing_ += record;
}

bool Session::is_full() const { return outgoing_.size() >= settings_.max_send_queue_bytes || waits_for_ack(); }

Task<bool> Session::wait_until_writable() {
    const auto self = shared_from_this();
    while (open_ && is_full()) co_await changed_.wait();
    co_return open_;
}

// For what the session itself sends: no room is needed.
void Session::append(const HubMessage& message) {
    static_cast<void>(append_record(outgoing_, message));
    outgoing_changed_.notify();
}

Result<void> Session::post(const HubMessage& message) {
    if (!open_) return Error(errc::not_active, "the connection is not active");
    const auto before = outgoing_.size();
    auto appended = append_record(outgoing_, message);
    if (!appended) return appended;
    const auto size = outgoing_.size() - before;
    if (size > settings_.max_send_bytes) {
        signalr_log.warn(
            "A message to the hub is over WebSocket.MaxSendBytes: a server whose MaximumReceiveMessageSize is that "
            "closes the connection on it",
            {{"bytes", size}, {"limit", settings_.max_send_bytes}});
    }
    if (established_.stateful && is_trackable(message)) {
        sent_.sent(std::string_view(outgoing_).substr(before));
        if (sent_.is_beyond_its_cap()) begin_close(not_acknowledged(), SendClose::no);
    }
    outgoing_changed_.notify();
    return appended;
}

}  // namespace jiro::signalr
