#include "jiro/delivery/grpc_result_sender.hpp"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>

#include "delivery/failpoint.hpp"
#include "delivery/grpc_call.hpp"
#include "delivery/grpc_channel.hpp"
#include "delivery/retry_info.hpp"
#include "jiro/base/log.hpp"
#include "jiro_hub.pb.h"

namespace jiro::delivery {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

inline const log::Logger logger{"grpc"};

constexpr const char* kMethod = "/JiroHubProto.JiroHubProto/SendCommandResult";
constexpr std::size_t kMaxIdMetadata = 512;      // all metadata of a call should stay below 8 KiB
constexpr std::size_t kSlowestLink = 32 * 1024;  // bytes per second that a big message is given time for
constexpr int kFailuresToReconnect = 3;          // in a row that say nothing came back

struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
};

// A slice that refers to the stored bytes and keeps them alive: sending copies nothing.
grpc::ByteBuffer as_buffer(const Bytes& message) {
    auto* owner = new Bytes(message);
    const grpc::Slice slice(
        const_cast<char*>(message->data()), message->size(), [](void* kept) { delete static_cast<Bytes*>(kept); },
        owner);
    return grpc::ByteBuffer(&slice, 1);
}

bool is_metadata_text(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
}

// gRPC aborts the process on metadata with other bytes: those are percent-encoded, and the percent sign with them.
std::string metadata_text(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string result;
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte > 0x20 && byte < 0x7F && byte != '%') {
            result += character;
        } else {
            result.append({'%', kHex[byte >> 4], kHex[byte & 0xF]});
        }
    }
    return result;
}

std::optional<std::chrono::milliseconds> pushback(const grpc::ClientContext& context) {
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("grpc-retry-pushback-ms");
    if (found == trailers.end()) return std::nullopt;
    std::int64_t value = 0;
    const auto* end = found->second.data() + found->second.size();
    const auto [rest, error] = std::from_chars(found->second.data(), end, value);
    if (error != std::errc() || rest != end || value < 0) return std::nullopt;
    return std::chrono::milliseconds(value);
}

SendResult read_answer(const Call& call, const grpc::Status& status) {
    SendResult result;
    result.code = static_cast<StatusCode>(status.error_code());
    result.message = status.error_message();
    result.retry_after = retry_info(status.error_details());
    if (!result.retry_after) result.retry_after = pushback(call.context);
    if (!status.ok()) return result;
    std::vector<grpc::Slice> slices;
    JiroHubProto::CommandResultResponse answer;
    std::string bytes;
    if (call.response.Dump(&slices).ok()) {
        for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    if (!answer.ParseFromString(bytes)) {
        // Not our service, although it says OK: nothing is confirmed.
        result.code = StatusCode::internal;
        result.message = "the answer is not a CommandResultResponse";
        return result;
    }
    result.success = answer.success();
    result.message = answer.message();
    return result;
}

class GrpcResultSender final : public ResultSender {
  public:
    GrpcResultSender(const Clock& clock, GrpcSettings settings, CredentialsProvider credentials)
        : clock_(clock), settings_(std::move(settings)), credentials_(std::move(credentials)) {}

    Task<SendResult> send(Bytes message, std::string id, int attempt) override {
        if (auto trouble = prepare_channel()) co_return std::move(*trouble);
        auto call = std::make_shared<Call>();
        if (auto trouble = add_metadata(call->context, id, attempt)) co_return std::move(*trouble);
        call->request = as_buffer(message);
        call->context.set_deadline(std::chrono::system_clock::now() + deadline_for(message->size()));

        const auto channel = channel_;
        grpc::GenericStub stub(channel);
        const std::function<void(std::function<void(grpc::Status)>)> start =
            [&](std::function<void(grpc::Status)> done) {
                stub.UnaryCall(&call->context, kMethod, grpc::StubOptions(), &call->request, &call->response,
                               std::move(done));
                JIRO_FAILPOINT("c7_rpc_started");
                retired_.reset();
            };
        const grpc::Status status = co_await grpc_call<grpc::Status>(call, start);
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) {
            throw boost::system::system_error(asio::error::operation_aborted);
        }
        SendResult result = read_answer(*call, status);
        judge_channel(result.code, channel);
        co_return result;
    }

    void reset() override {
        if (channel_) retired_ = std::move(channel_);
        channel_.reset();
        silent_in_a_row_ = 0;
    }

  private:
    // A channel in TRANSIENT_FAILURE fails calls out of memory of its last failure, for up to its own back-off; the
    // courier has done the waiting already, so ask the network: with a new one.
    std::optional<SendResult> prepare_channel() {
        if (channel_ && channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE &&
            clock_.now() - made_at_ >= 500ms) {
            retired_ = std::move(channel_);
            channel_.reset();
        }
        if (channel_) return std::nullopt;
        auto channel = make_channel(settings_);
        if (!channel) return SendResult{StatusCode::unauthenticated, false, channel.error().message, {}};
        channel_ = std::move(*channel);
        made_at_ = clock_.now();
        return std::nullopt;
    }

    std::optional<SendResult> add_metadata(grpc::ClientContext& context, const std::string& id, int attempt) {
        auto credentials = credentials_ ? credentials_() : Result<Credentials>(Credentials{});
        if (!credentials) return SendResult{StatusCode::unauthenticated, false, credentials.error().message, {}};
        for (const auto& [secret, what] :
             {std::pair{&credentials->access_token, "access token"}, std::pair{&credentials->api_key, "API key"}}) {
            if (is_metadata_text(secret->reveal())) continue;
            return SendResult{StatusCode::unauthenticated,
                              false,
                              std::string("the ") + what + " contains characters that cannot be sent",
                              {}};
        }
        const bool has_credentials = !credentials->access_token.empty() || !credentials->api_key.empty();
        if (has_credentials && !settings_.server_url->is_tls() && !settings_.server_url->is_loopback() &&
            !has_warned_) {
            has_warned_ = true;
            logger.warn("Credentials and results travel unencrypted: Grpc.ServerUrl is http://",
                        {{"server", settings_.server_url->redacted()}});
        }
        if (!credentials->access_token.empty()) {
            context.AddMetadata("authorization", "Bearer " + credentials->access_token.reveal());
        }
        if (!credentials->api_key.empty()) context.AddMetadata("x-api-key", credentials->api_key.reveal());
        if (id.size() <= kMaxIdMetadata) context.AddMetadata("idempotency-key", metadata_text(id));
        context.AddMetadata("attempt", std::to_string(attempt));
        return std::nullopt;
    }

    std::chrono::milliseconds deadline_for(std::size_t bytes) const {
        return settings_.timeout + std::chrono::milliseconds(bytes * 1000 / kSlowestLink);
    }

    // Calls that end without any sign of the server, although the channel looks fine: its connection is stuck.
    void judge_channel(StatusCode code, const std::shared_ptr<grpc::Channel>& used) {
        const bool is_silent = code == StatusCode::unavailable || code == StatusCode::deadline_exceeded;
        silent_in_a_row_ = is_silent ? silent_in_a_row_ + 1 : 0;
        if (silent_in_a_row_ < kFailuresToReconnect || channel_ != used) return;
        logger.debug("Making a new gRPC channel", {{"failures", silent_in_a_row_}});
        reset();
    }

    const Clock& clock_;
    const GrpcSettings settings_;
    const CredentialsProvider credentials_;
    std::shared_ptr<grpc::Channel> channel_;  // shared with the calls in flight on it
    // The last channel of a process waits up to 100 ms for gRPC's threads when it goes: it goes only after a call on
    // the next one.
    std::shared_ptr<grpc::Channel> retired_;
    TimePoint made_at_{};
    int silent_in_a_row_ = 0;
    bool has_warned_ = false;
};

}  // namespace

std::unique_ptr<ResultSender> make_grpc_result_sender(const Clock& clock, GrpcSettings settings,
                                                      CredentialsProvider credentials) {
    return std::make_unique<GrpcResultSender>(clock, std::move(settings), std::move(credentials));
}

}  // namespace jiro::delivery
