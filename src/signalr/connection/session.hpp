// SPDX-License-Identifier: MIT
#pragma once
// One connection that stands, from the handshake to its end: three loops (read, write, one timer) and the calls that
// are open on it. With stateful reconnect it survives its socket. Everything that belongs to one connection id lives
// here and goes with it. Only the driver (hub_connection.cpp) and the calls know it.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jiro/base/event.hpp"
#include "jiro/signalr/hub_connection.hpp"
#include "signalr/connection/failure.hpp"
#include "signalr/connection/invocation_dispatcher.hpp"
#include "signalr/connection/keep_alive.hpp"
#include "signalr/connection/resume_buffer.hpp"
#include "signalr/protocol/cookie_jar.hpp"
#include "signalr/protocol/hub_message.hpp"
#include "signalr/protocol/negotiate.hpp"
#include "signalr/protocol/record_splitter.hpp"
#include "signalr/transport/transport.hpp"

namespace jiro::signalr {

// What a successful attempt gives.
struct Established {
    std::unique_ptr<Transport> transport;
    RecordSplitter splitter{0};  // may already hold records that came with the handshake response
    std::optional<std::string> connection_id;
    bool stateful = false;
    Secret connection_token;                             // as negotiated; empty: it was not
    std::optional<std::chrono::seconds> token_lifetime;  // of the access token, where the server tells it
    Url hub_url;                                         // where it is, after redirects
    std::optional<NegotiateRedirect> redirect;           // the last one, with its token or that of one before
    CookieJar cookies;                                   // of its load balancer
    std::vector<Secret> secrets;                         // to be kept out of errors
};

// A call of ours that the hub has not completed.
struct PendingCall {
    enum class Kind { invoke, stream };
    struct End {
        std::optional<Error> error;
        std::optional<nlohmann::json> result;
    };

    PendingCall(const Executor& executor, std::string call_id, Kind call_kind)
        : id(std::move(call_id)), kind(call_kind), changed(executor) {}

    std::string id;
    Kind kind;
    std::deque<nlohmann::json> items;
    std::optional<End> end;
    bool is_abandoned = false;  // it ended here; the hub has not completed it
    Event changed;              // an item came, or the end
};

class Session final : public CompletionSink, public std::enable_shared_from_this<Session> {
  public:
    enum class SendClose { yes, no };  // whether a hub Close message goes out

    Session(Executor executor, Clock& clock, const Settings& settings, Established established,
            InvocationDispatcher& dispatcher);

    // Until the connection ended, and why.
    [[nodiscard]] Task<Failure> run();
    // Ends it politely within the close limit: what is queued goes out, a Close message, WebSocket close 1000.
    void begin_close(Failure reason, SendClose send_close);
    // After run() when no resume follows: open calls fail with `error`.
    void finish(const Error& error);

    // To be kept out of what the hub says: what it was told on this connection, and told us.
    [[nodiscard]] std::vector<Secret> secrets() const;
    void note_refreshed(const std::vector<Secret>& told);
    [[nodiscard]] std::string shown(std::string_view text) const override;

    [[nodiscard]] bool can_resume(const Failure& failure) const;
    void resume(Established again);

    // Takes messages; false once it is closing or over.
    [[nodiscard]] bool is_open() const noexcept { return open_; }
    // False when it closed while waiting for room.
    [[nodiscard]] Task<bool> wait_until_writable();
    [[nodiscard]] Result<void> post(const HubMessage& message);

    [[nodiscard]] Task<> complete(CompletionMessage completion) override;
    void complete_now(CompletionMessage completion) override;

    [[nodiscard]] std::string next_id() { return std::to_string(++last_id_); }
    [[nodiscard]] std::shared_ptr<PendingCall> open_call(PendingCall::Kind kind);
    // The caller does not want it any more: forgotten here, and the hub is told if it still runs.
    void abandon(PendingCall& call, const Error& why);
    void forget(PendingCall& call, const Error& error);  // it was never sent
    void writable_changed() { changed_.notify(); }

    [[nodiscard]] const Established& established() const noexcept { return established_; }
    [[nodiscard]] TimePoint last_record_at() const noexcept { return keep_alive_.received_at(); }

  private:
    Task<> guarded(Task<> loop);
    Task<> read_loop();
    Task<> write_loop();
    Task<bool> write(std::string_view records);  // stays alive until this returns; false: the socket is broken
    Task<> timer_loop();
    Task<> closing_loop();
    Task<> wait_until_readable();
    void end(Failure failure);
    [[nodiscard]] Failure lost(const Error& error) const;
    [[nodiscard]] TimePoint next_deadline() const;
    void wake_timer_before(TimePoint deadline);
    [[nodiscard]] bool must_pause_reading() const;
    [[nodiscard]] bool waits_for_ack() const;
    [[nodiscard]] bool has_much_in_hand(std::size_t factor) const;
    [[nodiscard]] bool is_full() const;
    void append(const HubMessage& message);
    void send_due(TimePoint now);

    // session_messages.cpp: what one record does; a Failure ends the connection.
    [[nodiscard]] std::optional<Failure> accept(HubMessage message);
    void on_message(InvocationMessage message);
    void on_message(StreamItemMessage message);
    void on_message(CompletionMessage message);
    void on_message(StreamInvocationMessage message);
    void on_message(CancelInvocationMessage message);
    void on_message(PingMessage) {}
    void on_message(CloseMessage message);
    void on_message(AckMessage message);
    void on_message(SequenceMessage message);
    void on_message(UnknownMessage) {}

    Executor executor_;
    Clock& clock_;
    Settings settings_;
    Established established_;
    InvocationDispatcher& dispatcher_;
    KeepAlive keep_alive_;
    std::vector<Secret> refreshed_;  // told since, at the latest refreshes of the access token
    bool open_ = true;
    bool resumed_ = false;
    // A resume is free of the policy's delays, so the next one takes proof of the last: the hub's Sequence, and a
    // socket that stood for a first delay since.
    TimePoint resumable_from_ = TimePoint::min();
    std::size_t record_bytes_ = 0;  // of the record that is being accepted

    std::string outgoing_;  // records not yet given to the socket
    std::string writing_;   // records the socket is writing
    std::optional<TimePoint> write_started_;
    std::optional<std::pair<TimePoint, Error>> write_failed_;  // the read loop gets a moment to find out why
    Event outgoing_changed_;
    Event changed_;  // room in the queues, a call or a handler ended, everything written

    Event timer_changed_;
    TimePoint sleeping_until_{};

    std::optional<Failure> outcome_;
    std::optional<Failure> closing_reason_;
    SendClose send_close_ = SendClose::no;
    TimePoint closing_deadline_{};
    Event closing_;

    std::unordered_map<std::string, std::shared_ptr<PendingCall>> calls_;
    std::uint64_t last_id_ = 0;
    std::shared_ptr<PendingCall> overfull_stream_;

    ResumeBuffer sent_;
    ReceivedSequence received_;
    std::optional<Failure> violation_;  // of the protocol, by the record that is being accepted
};

}  // namespace jiro::signalr
