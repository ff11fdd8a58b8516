// SPDX-License-Identifier: MIT
#include "jiro/delivery/grpc_result_sender.hpp"

#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <mutex>
#include <optional>
#include <system_error>

#include "delivery/grpc_calls.hpp"
#include "delivery/grpc_channel.hpp"
#include "delivery/log.hpp"
#include "delivery/retry_info.hpp"
#include "jiro/base/resident_bytes.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/url.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro_hub.pb.h"

namespace jiro::delivery {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr const char* kMethod = "/JiroHubProto.JiroHubProto/SendCommandResult";
constexpr std::size_t kMaxIdMetadata = 512;      // all metadata of a call should stay below 8 KiB
constexpr std::size_t kSlowestLink = 32 * 1024;  // bytes per second that a big message is given time for
constexpr int kFailuresToReconnect = 3;          // in a row that say nothing came back
constexpr auto kFirstConnect = 3s;
constexpr auto kLongestConnect = 20s;
constexpr std::uint64_t kMostGrowth = 96 * 1024 * 1024;  // of this process, while a call is under way
constexpr int kRepeats = 2;  // of a call that was cut off: the first may go the same broken way

constexpr auto kReplacement = 2s;  // of a certificate and its key, one file after the other
constexpr const char* kGrown =
    "the server's answer is too long, or this client had much else to keep: its memory grew by 96 MiB meanwhile";

SendResult not_sent(StatusCode code, std::string reason) {
    SendResult result{code, false, std::move(reason), {}};
    result.is_local = true;
    return result;
}

// A slice that refers to the stored bytes and keeps them alive: sending copies nothing.
grpc::ByteBuffer as_buffer(const Bytes& message) {
    auto* owner = new Bytes(message);
    const grpc::Slice slice(
        const_cast<char*>(message->data()), message->size(), [](void* kept) { delete static_cast<Bytes*>(kept); },
        owner);
    return grpc::ByteBuffer(&slice, 1);
}

// The one way to a call's metadata: gRPC aborts the process on a value with other bytes. False: it has such bytes.
bool add_text(grpc::ClientContext& context, const char* name, const std::string& value) {
    if (plain_length<0x20, 0x7F>(value) < value.size()) return false;
    context.AddMetadata(name, value);
    return true;
}

// What metadata does not take is percent-encoded, and the percent sign with it.
std::string metadata_text(std::string_view text) {
    if (plain_length<0x21, 0x7F, '%'>(text) == text.size()) return std::string(text);
    return percent_encode(text, "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~");
}

// A negative one says "do not retry": the outbox decides that.
std::optional<BoundedDuration> pushback(const grpc::ClientContext& context) {
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("grpc-retry-pushback-ms");
    if (found == trailers.end()) return std::nullopt;
    return BoundedDuration::parse<std::chrono::milliseconds>({found->second.data(), found->second.size()});
}

// On gRPC's monotonic clock: the wall clock may be set while the call is under way.
gpr_timespec grpc_deadline(Duration left) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(milliseconds, GPR_TIMESPAN));
}

// gRPC gives the same codes to what it finds out itself (a connection that failed, say); only in its own description
// does it say whose word a status is.
bool is_peers_word(const grpc::ClientContext& context) {
    return context.debug_error_string().find("Error received from peer") != std::string::npos;
}

// That, too, it calls the peer's word; the sentence tells. Of a message that is too long for the peer, the peer may say
// the same: then with the size that was sent.
bool is_answer_too_long(const grpc::Status& status, std::size_t sent_bytes) {
    if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) return false;
    const std::string& text = status.error_message();
    if (text.ends_with(" metadata size exceeds limit")) return true;
    return text.starts_with("Received message larger than max (") &&
           text.ends_with(" vs. " + std::to_string(kMaxAnswerBytes) + ")") &&
           text.find("(" + std::to_string(sent_bytes) + " vs.") == std::string::npos;
}

// What gRPC says of a call whose connection, or stream before the server looked at it (REFUSED_STREAM), ended.
bool is_end_of_connection(const SendResult& result) {
    static constexpr std::string_view kRemoved = "Stream removed";
    if (result.code == StatusCode::unknown) return result.message == kRemoved;
    static constexpr auto kEnds = std::to_array<std::string_view>(
        {"Socket closed", "GOAWAY received", "Received RST_STREAM with error code 7", "Endpoint read failed", kRemoved,
         "ransport closed", "Connection reset", "Broken pipe"});
    return result.code == StatusCode::unavailable && std::ranges::any_of(kEnds, [&result](std::string_view end) {
               return result.message.find(end) != std::string::npos;
           });
}

SendResult read_answer(const grpc::ClientContext& context, const grpc::Status& status, grpc::ByteBuffer& response,
                       std::size_t sent_bytes) {
    SendResult result;
    result.code = static_cast<StatusCode>(status.error_code());
    result.message = status.error_message();
    if (to_string(result.code).empty()) {
        result.message = "status " + std::to_string(status.error_code()) + ": " + result.message;
        result.code = StatusCode::unknown;
    }
    result.is_local = !status.ok() && !is_peers_word(context);
    if (is_answer_too_long(status, sent_bytes)) {
        result.message = "the server's answer is too long: " + result.message;
        result.is_local = true;
    }
    if (status.ok()) {
        JiroHubProto::CommandResultResponse answer;
        if (grpc::SerializationTraits<JiroHubProto::CommandResultResponse>::Deserialize(&response, &answer).ok()) {
            result.success = answer.success();
            result.message = std::move(*answer.mutable_message());
        } else {
            // Not our service, although it says OK: nothing is confirmed.
            result.code = StatusCode::internal;
            result.message = "the answer is not a CommandResultResponse";
            result.is_local = true;
        }
    }
    if (!result.confirmed()) {
        result.retry_after = retry_info(status.error_details());
        if (!result.retry_after) result.retry_after = pushback(context);
    }
    return result;
}

class ResultCall final : public GrpcCall {
  public:
    ResultCall(std::shared_ptr<grpc::Channel> channel, const Bytes& message) : channel_(std::move(channel)) {
        parts_.emplace().request = as_buffer(message);
    }

    // Before the start.
    [[nodiscard]] grpc::ClientContext& context() { return parts_->context; }

    // After the end.
    [[nodiscard]] SendResult& result() { return result_; }
    [[nodiscard]] bool has_trailers() const noexcept { return has_trailers_; }
    [[nodiscard]] const std::shared_ptr<grpc::Channel>& channel() const noexcept { return channel_; }

    void start(grpc::CompletionQueue& queue, void* tag) override {
        const std::lock_guard lock(mutex_);
        Parts& parts = *parts_;
        parts.reader = grpc::GenericStub(channel_).PrepareUnaryCall(&parts.context, kMethod, parts.request, &queue);
        parts.reader->StartCall();
        parts.reader->Finish(&parts.response, &parts.status, tag);
    }

    // What gRPC had is freed where it was made: from the event loop that would meet the thread within gRPC.
    void end() override {
        const std::lock_guard lock(mutex_);
        result_ = read_answer(parts_->context, parts_->status, parts_->response, parts_->request.Length());
        has_trailers_ = !parts_->context.GetServerTrailingMetadata().empty();
        parts_.reset();
        if (!cancelled_ || result_.code != StatusCode::cancelled) return;
        result_.is_by_us = cancelled_ == Cancelled::unwanted;
        if (!result_.is_by_us) result_ = not_sent(StatusCode::cancelled, kGrown);
    }

    void cancel(Cancelled why) override {
        const std::lock_guard lock(mutex_);
        cancelled_ = why;
        if (parts_) parts_->context.TryCancel();
    }

  private:
    struct Parts {
        grpc::ClientContext context;
        grpc::ByteBuffer request;
        grpc::ByteBuffer response;
        grpc::Status status;
        std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    };

    const std::shared_ptr<grpc::Channel> channel_;
    std::mutex mutex_;  // the call may end while it is being started, or cancelled
    std::optional<Parts> parts_;
    SendResult result_;
    std::optional<Cancelled> cancelled_;
    bool has_trailers_ = false;
};

class GrpcResultSender final : public ResultSender {
  public:
    GrpcResultSender(const Clock& clock, GrpcSettings settings, CredentialsProvider credentials,
                     Environment environment)
        : clock_(clock),
          settings_(std::move(settings)),
          credentials_(std::move(credentials)),
          environment_(std::move(environment)) {}

    Task<SendResult> send(const Bytes& message, const std::string& id, int attempt,
                          const TraceContext& trace) override {
        const TimePoint deadline = clock_.now() + deadline_for(message->size());
        auto credentials = read_credentials(Reading::recent);
        for (int repeats = kRepeats;; --repeats) {
            std::optional<SendResult> trouble;
            if (!has_good_channel()) trouble = co_await open_channel();
            if (trouble) co_return std::move(*trouble);
            const auto call = std::make_shared<ResultCall>(channel_, message);
            trouble = add_metadata(call->context(), credentials, id, attempt, trace);
            if (trouble) co_return std::move(*trouble);
            call->context().set_deadline(grpc_deadline(deadline - clock_.now()));
            try {
                co_await calls_.perform(call);
            } catch (const std::system_error& error) {
                const auto reason = std::string("no thread for gRPC calls can be made (TasksMax?): ") + error.what();
                co_return not_sent(StatusCode::unavailable, reason);
            }
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none) {
                throw boost::system::system_error(asio::error::operation_aborted);
            }
            if (repeats > 0 && was_cut_off(*call)) continue;
            if (repeats > 0 && was_refused(call->result().code)) {
                auto renewed = read_credentials(Reading::anew);
                if (renewed && *renewed != *credentials) {
                    credentials = std::move(renewed);
                    continue;
                }
            }
            SendResult result = std::move(call->result());
            if (result.confirmed()) {
                repeating_helps_ = true;
                channels_in_vain_ = 0;
            }
            if (repeats < kRepeats && result.code == StatusCode::unavailable) repeating_helps_ = false;
            judge_channel(result.code, call->channel());
            if (may_miss_certificate(result)) {
                result.message +=
                    "; perhaps the server asks for a client certificate: Grpc.Tls.CertificateFile names none "
                    "(`jiro-client doctor` looks)";
            }
            co_return result;
        }
    }

    void reset() override {
        channel_.reset();
        silent_in_a_row_ = 0;
    }

    void cancel_calls() override { calls_.cancel_all(); }

    // gRPC bounds the headers of each frame, not those of all frames of an answer: they may come without end.
    void watch() override {
        if (calls_.cancel_grown(resident_bytes(), kMostGrowth)) reset();
    }

  private:
    // A channel in TRANSIENT_FAILURE fails calls out of memory of its last failure, for up to its own back-off; the
    // courier has done the waiting already, so ask the network: with a new one.
    bool has_good_channel() {
        if (!channel_) return false;
        const auto state = channel_->GetState(false);
        // The next connection is made with what the files of Grpc.Tls hold then.
        const bool has_ended = state == GRPC_CHANNEL_IDLE && settings_.server_url->is_tls();
        if ((state == GRPC_CHANNEL_TRANSIENT_FAILURE || has_ended) && clock_.now() - made_at_ >= 500ms)
            channel_.reset();
        return channel_ != nullptr;
    }

    Task<std::optional<SendResult>> open_channel() {
        auto tls = co_await read_tls(settings_);
        if (channel_) co_return std::nullopt;  // made for another call meanwhile
        using Made = Result<std::shared_ptr<grpc::Channel>>;
        auto channel =
            tls ? make_channel(settings_, std::move(*tls), environment_, connect_limit()) : Made(tls.error());
        if (!channel) {
            const auto now = clock_.now();
            if (!unusable_since_) unusable_since_ = now;
            const bool is_replaced =
                channel.error().code == errc::bad_tls_file && now - *unusable_since_ < kReplacement;
            const bool may_pass = is_replaced || channel.error().code == errc::no_descriptors;
            const auto code = may_pass ? StatusCode::unavailable : StatusCode::unauthenticated;
            co_return not_sent(code, channel.error().message);
        }
        unusable_since_.reset();
        channel_ = std::move(*channel);
        made_at_ = clock_.now();
        ++channels_in_vain_;
        co_return std::nullopt;
    }

    // Short at first, so that an address that swallows packets (IPv6, often) does not hold up the next one for gRPC's
    // 20 s; longer each time, since a slow link needs its time.
    std::chrono::milliseconds connect_limit() const {
        return std::min<std::chrono::milliseconds>(kLongestConnect,
                                                   kFirstConnect * (1 << std::min(channels_in_vain_, 4)));
    }

    Result<Credentials> read_credentials(Reading reading) const {
        return credentials_ ? credentials_(reading) : Result<Credentials>(Credentials{});
    }

    static std::optional<SendResult> add_metadata(grpc::ClientContext& context, const Result<Credentials>& credentials,
                                                  const std::string& id, int attempt, const TraceContext& trace) {
        if (!credentials) return not_sent(StatusCode::unauthenticated, credentials.error().message);
        const auto& [token, key] = *credentials;
        const bool has_token = token.empty() || add_text(context, "authorization", "Bearer " + token.reveal());
        const bool has_key = key.empty() || add_text(context, "x-api-key", key.reveal());
        if (!has_token || !has_key) {
            const std::string what = has_token ? "API key" : "access token";
            return not_sent(StatusCode::unauthenticated, "the " + what + " contains characters that cannot be sent");
        }
        if (id.size() <= kMaxIdMetadata) add_text(context, "idempotency-key", metadata_text(id));
        add_text(context, "attempt", std::to_string(attempt));
        if (!trace.empty()) add_text(context, "traceparent", trace.parent());
        if (!trace.state().empty()) add_text(context, "tracestate", trace.state());
        return std::nullopt;
    }

    std::chrono::milliseconds deadline_for(std::size_t bytes) const {
        return settings_.timeout + std::chrono::milliseconds(bytes * 1000 / kSlowestLink);
    }

    // The connection ended, and the calls on it with it: a proxy's GOAWAY after so many calls, a restart. That says
    // nothing of the server, and the next connection may do. Only gRPC's sentence tells it from an answer UNAVAILABLE.
    // After a repeated call failed as well, none is repeated until a result was confirmed.
    bool was_cut_off(ResultCall& call) const {
        return repeating_helps_ && !call.has_trailers() && is_end_of_connection(call.result()) &&
               (!channel_ || channel_->GetState(false) != GRPC_CHANNEL_TRANSIENT_FAILURE);
    }

    // Refused for its credentials: a rotation may have overtaken what was read a moment before.
    static bool was_refused(StatusCode code) {
        return code == StatusCode::unauthenticated || code == StatusCode::permission_denied;
    }

    // gRPC does not say that it was asked for one; a server that wants one ends the handshake, or what follows it.
    bool may_miss_certificate(const SendResult& result) const {
        const bool is_of_grpc = result.is_local || result.message.starts_with("failed to connect to all addresses");
        if (!is_of_grpc || result.code != StatusCode::unavailable) return false;
        if (!settings_.server_url->is_tls() || !settings_.tls.certificate.empty()) return false;
        static constexpr std::array kEnds{"alert handshake failure", "certificate required", "Endpoint read failed",
                                          "Socket closed", "Connection reset"};
        return std::ranges::any_of(
            kEnds, [&result](const char* end) { return result.message.find(end) != std::string::npos; });
    }

    // Calls that end without any sign of the server, although the channel looks fine: its connection is stuck.
    void judge_channel(StatusCode code, const std::shared_ptr<grpc::Channel>& used) {
        if (channel_ != used) return;
        const bool is_silent = code == StatusCode::unavailable || code == StatusCode::deadline_exceeded;
        silent_in_a_row_ = is_silent ? silent_in_a_row_ + 1 : 0;
        if (silent_in_a_row_ < kFailuresToReconnect) return;
        grpc_log.debug("Making a new gRPC channel", {{"failures", silent_in_a_row_}});
        reset();
    }

    const Clock& clock_;
    const GrpcSettings settings_;
    const CredentialsProvider credentials_;
    const Environment environment_;
    GrpcCalls calls_;
    std::shared_ptr<grpc::Channel> channel_;  // shared with the calls in flight on it
    TimePoint made_at_{};
    std::optional<TimePoint> unusable_since_;  // the files of Grpc.Tls, or the rest that a channel takes
    bool repeating_helps_ = false;             // since a result was confirmed
    int channels_in_vain_ = 0;                 // made since a result was confirmed
    int silent_in_a_row_ = 0;
};

}  // namespace

std::unique_ptr<ResultSender> make_grpc_result_sender(const Clock& clock, GrpcSettings settings,
                                                      CredentialsProvider credentials, Environment environment) {
    return std::make_unique<GrpcResultSender>(clock, std::move(settings), std::move(credentials),
                                              std::move(environment));
}

}  // namespace jiro::delivery
