// SPDX-License-Identifier: MIT
#pragma once
// The inside of HubConnection: the driver loop that performs what the state machine decides (hub_connection.cpp), and
// the calls to the hub (hub_calls.cpp).

#include "jiro/signalr/hub_connection.hpp"
#include "signalr/connection/connection_fsm.hpp"
#include "signalr/connection/establish.hpp"
#include "signalr/connection/session.hpp"

namespace jiro::signalr {

class HubConnection::Impl : public std::enable_shared_from_this<HubConnection::Impl> {
  public:
    Impl(Executor executor, Settings settings, Dependencies dependencies);

    Task<> run();
    Task<> stop();
    [[nodiscard]] std::size_t unanswered() const noexcept { return dispatcher_->pending(); }
    void retry_now();
    void update(Settings settings);

    Task<Result<void>> send(std::string target, nlohmann::json arguments, CallOptions options);
    Task<Result<std::optional<nlohmann::json>>> invoke(std::string target, nlohmann::json arguments,
                                                       CallOptions options);
    Task<Result<StreamReader>> stream(std::string target, nlohmann::json arguments, CallOptions options);

    const std::shared_ptr<InvocationDispatcher>& dispatcher() { return dispatcher_; }

    std::vector<std::function<void(const StateChange&)>> observers;

    [[nodiscard]] State state() const noexcept { return fsm_.state(); }
    [[nodiscard]] int attempts() const noexcept { return fsm_.attempts(); }
    [[nodiscard]] std::optional<Url> connected_url() const;
    [[nodiscard]] std::optional<std::string> connection_id() const;
    [[nodiscard]] const std::optional<Error>& last_error() const noexcept { return last_error_; }
    [[nodiscard]] std::optional<TimePoint> last_frame_at() const;
    [[nodiscard]] std::optional<TimePoint> next_attempt_at() const noexcept { return next_attempt_at_; }

  private:
    struct PreparedCall {
        std::shared_ptr<Session> session;
        std::vector<std::string> stream_ids;
        std::optional<TimePoint> deadline;
    };

    Task<> stay_connected();
    Task<Attempt> attempt();
    Task<> serve();
    Task<Failure> serve_until_lost(std::shared_ptr<Session> session);
    Task<> keep_token_fresh(std::shared_ptr<Session> session);
    Task<bool> resume(Failure& lost);
    Task<> until_interrupted();
    Task<> wait_until_due(Duration delay);
    void record_transition(const Transition& transition, const Failure* failure);
    void announce(const Transition& transition, const Failure* failure);
    void log_failure(const Transition& transition, const Failure& failure) const;

    Task<Result<PreparedCall>> prepare(std::size_t uploads, std::optional<Duration> deadline);
    Task<> until_first_attempt_ended();
    void end_first_attempt();
    void start_uploads(const PreparedCall& prepared, std::shared_ptr<PendingCall> call,
                       std::vector<UploadSource> sources);
    static Task<> run_upload(std::shared_ptr<Session> session, std::shared_ptr<PendingCall> call, std::string stream_id,
                             UploadSource source);

    Executor executor_;
    Settings settings_;
    Clock& clock_;
    CredentialsProvider credentials_;
    std::shared_ptr<Connector> connector_;
    Environment environment_;
    ConnectionFsm fsm_;
    // For the dispatcher, which may outlive this object with the handlers that run.
    std::shared_ptr<std::weak_ptr<Session>> current_session_ = std::make_shared<std::weak_ptr<Session>>();
    std::shared_ptr<InvocationDispatcher> dispatcher_;
    std::shared_ptr<Session> session_;
    std::vector<Secret> told_;  // on the latest connection that has ended
    TaskGroup uploads_;

    Event wake_;   // stop, new settings, retry now
    Event ended_;  // run() is over
    bool running_ = false;
    bool stopping_ = false;
    bool had_attempt_ = false;
    bool is_first_attempt_ = false;  // under way; calls wait for its end
    Event first_attempt_ended_;
    bool interrupted_ = false;  // leave what is waited for: new settings or retry_now()
    std::optional<Error> last_error_;
    std::optional<TimePoint> last_frame_at_;
    std::optional<TimePoint> next_attempt_at_;
};

}  // namespace jiro::signalr
