// SPDX-License-Identifier: MIT
#include "dev_hub/results_service.hpp"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <mutex>
#include <unordered_set>

#include "dev_hub/errors.hpp"
#include "jiro_hub.grpc.pb.h"

namespace jiro::dev_hub {

namespace asio = boost::asio;

namespace {

// The raw form of the method: the exact bytes are wanted, for their digest.
using RawService =
    JiroHubProto::JiroHubProto::WithRawCallbackMethod_SendCommandResult<JiroHubProto::JiroHubProto::Service>;

std::string joined(const grpc::ByteBuffer& buffer) {
    std::vector<grpc::Slice> slices;
    std::string out;
    if (!buffer.Dump(&slices).ok()) return out;
    out.reserve(buffer.Length());
    for (const auto& slice : slices) out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return out;
}

grpc::ByteBuffer to_buffer(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return grpc::ByteBuffer(&slice, 1);
}

std::string_view metadata(const grpc::CallbackServerContext& context, const char* name) {
    const auto found = context.client_metadata().find(name);
    return found == context.client_metadata().end() ? std::string_view()
                                                    : std::string_view(found->second.data(), found->second.size());
}

Result<std::shared_ptr<grpc::ServerCredentials>> make_credentials(const std::optional<TlsFiles>& tls) {
    if (!tls) return grpc::InsecureServerCredentials();
    const auto files = read_tls_files(*tls);
    if (!files) return Error(errc::bad_tls, files.error().message);
    grpc::SslServerCredentialsOptions options(tls->ca.empty()
                                                  ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                  : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_key_cert_pairs.push_back({files->key, files->certificate});
    if (!tls->ca.empty()) options.pem_root_certs = files->ca;
    return grpc::SslServerCredentials(options);
}

}  // namespace

Result<ReceivedResult> parse_result(std::string_view bytes) {
    JiroHubProto::ClientMessage message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return Error(errc::bad_result, "the bytes are not a ClientMessage");
    }
    ReceivedResult out;
    out.digest = digest_of(bytes);
    out.size = bytes.size();
    out.sync_id = message.commandsyncid();
    out.command_name = message.commandname();
    out.session_id = message.sessionid();
    out.is_success = message.issuccess();
    for (auto& pair : *message.mutable_parameters()) {
        out.parameters.emplace_back(std::move(*pair.mutable_key()), std::move(*pair.mutable_value()));
    }
    if (message.has_textresult()) {
        out.kind = ReceivedResult::Kind::text;
        out.text = std::move(*message.mutable_textresult()->mutable_response());
        out.text_type = JiroHubProto::TextType_Name(message.textresult().texttype());
    } else if (message.has_graphresult()) {
        const auto& graph = message.graphresult();
        out.kind = ReceivedResult::Kind::graph;
        out.graph = {graph.message(), graph.graphdata(), graph.note(), graph.xaxis(), graph.yaxis(), {}};
        for (const auto& [member, unit] : graph.units()) out.graph.units.emplace_back(member, unit);
    }
    return out;
}

namespace {

// The reactor of one call. It deletes itself when gRPC is done with it; others reach it through its handle only.
class Reactor final : public grpc::ServerUnaryReactor {
  public:
    // Outlives the reactor. The mutex is recursive because gRPC may call OnDone from inside Finish.
    struct Handle {
        std::recursive_mutex mutex;
        Reactor* reactor = nullptr;

        template <typename Action>
        void with(Action action) {
            const std::lock_guard lock(mutex);
            if (reactor != nullptr) action(*reactor);
        }
    };

    Reactor(grpc::CallbackServerContext* context, grpc::ByteBuffer* response) : context_(context), response_(response) {
        handle_->reactor = this;
    }

    void on_done(std::function<void()> action) { on_done_ = std::move(action); }

    [[nodiscard]] const std::shared_ptr<Handle>& handle() const { return handle_; }

    // Whoever comes first, the loop, the client's cancellation or the server's stop, finishes the call.
    void finish(const grpc::Status& status, const std::string* response_bytes = nullptr) {
        if (finished_.exchange(true)) return;
        if (response_bytes != nullptr) *response_ = to_buffer(*response_bytes);
        Finish(status);
    }
    void cancel() { context_->TryCancel(); }

    void OnCancel() override { finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }
    void OnDone() override {
        const auto handle = handle_;
        const std::lock_guard lock(handle->mutex);
        handle->reactor = nullptr;
        on_done_();
        delete this;
    }

  private:
    grpc::CallbackServerContext* context_;
    grpc::ByteBuffer* response_;
    std::function<void()> on_done_;
    std::shared_ptr<Handle> handle_ = std::make_shared<Handle>();
    std::atomic<bool> finished_{false};
};

// Calls between their arrival and OnDone, for the server's stop.
class OpenCalls {
  public:
    using Handle = std::shared_ptr<Reactor::Handle>;

    void add(const Handle& handle) {
        const std::lock_guard lock(mutex_);
        handles_.insert(handle);
    }
    void remove(const Handle& handle) {
        const std::lock_guard lock(mutex_);
        handles_.erase(handle);
    }
    void finish_all(const grpc::Status& status) {
        std::unique_lock lock(mutex_);
        const auto handles = handles_;
        lock.unlock();  // finishing removes
        for (const auto& handle : handles) {
            handle->with([&](Reactor& reactor) { reactor.finish(status); });
        }
    }

  private:
    std::mutex mutex_;
    std::unordered_set<Handle> handles_;
};

class Call final : public ResultCall {
  public:
    Call(std::shared_ptr<Reactor::Handle> handle, std::shared_ptr<const ReceivedResult> result)
        : handle_(std::move(handle)), result_(std::move(result)) {}
    ~Call() override { fail(grpc::StatusCode::CANCELLED, "the server let go of the call"); }

    const std::shared_ptr<const ReceivedResult>& result() const override { return result_; }
    void answer(bool success, std::string message) override {
        JiroHubProto::CommandResultResponse response;
        response.set_success(success);
        response.set_message(std::move(message));
        const auto bytes = response.SerializeAsString();
        finish([&](Reactor& reactor) { reactor.finish(grpc::Status::OK, &bytes); });
    }
    void fail(int status, std::string message) override {
        finish([&](Reactor& reactor) {
            reactor.finish(grpc::Status(static_cast<grpc::StatusCode>(status), std::move(message)));
        });
    }
    void cancel() override {
        finish([](Reactor& reactor) { reactor.cancel(); });  // OnCancel finishes it
    }
    void stay_silent() override { answered_ = true; }

  private:
    template <typename Action>
    void finish(Action action) {
        if (!std::exchange(answered_, true)) handle_->with(action);
    }

    std::shared_ptr<Reactor::Handle> handle_;
    std::shared_ptr<const ReceivedResult> result_;
    bool answered_ = false;
};

class Server final : public RawService, public ResultsService {
  public:
    Server(Executor executor, Settings settings, OnCall on_call, OnRefused on_refused)
        : executor_(std::move(executor)),
          settings_(std::move(settings)),
          on_call_(std::make_shared<OnCall>(std::move(on_call))),
          on_refused_(std::make_shared<OnRefused>(std::move(on_refused))),
          bearer_(settings_.token.empty() ? Secret() : Secret("Bearer " + settings_.token.reveal())) {}
    ~Server() override { stop(); }

    Result<std::uint16_t> start() override {
        auto credentials = make_credentials(settings_.tls);
        if (!credentials) return credentials.error();
        grpc::ServerBuilder builder;
        int port = 0;
        builder.AddListeningPort(settings_.address.text(), *credentials, &port);
        builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
        builder.RegisterService(this);
        server_ = builder.BuildAndStart();
        if (!server_ || port <= 0) {
            server_.reset();
            return Error(errc::cannot_listen, "gRPC address " + settings_.address.text() + " can't be bound");
        }
        settings_.address.port = static_cast<std::uint16_t>(port);
        return settings_.address.port;
    }

    void stop() override {
        if (!server_) return;
        open_->finish_all(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops"));
        server_->Shutdown(std::chrono::system_clock::now());
        server_->Wait();
        server_.reset();
    }

    bool running() const noexcept override { return server_ != nullptr; }

    grpc::ServerUnaryReactor* SendCommandResult(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override {
        auto* reactor = new Reactor(context, response);
        const auto handle = reactor->handle();
        reactor->on_done([open = open_, weak = std::weak_ptr(handle)] { open->remove(weak.lock()); });
        open_->add(handle);

        if (const auto refusal = why_refused(*context); !refusal.empty()) {
            asio::post(executor_, [handler = on_refused_, refusal] { (*handler)(refusal); });
            reactor->finish(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, refusal));
            return reactor;
        }
        auto parsed = parse_result(joined(*request));
        if (!parsed) {
            reactor->finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, parsed.error().message));
            return reactor;
        }
        auto call = std::make_shared<Call>(handle, std::make_shared<ReceivedResult>(std::move(*parsed)));
        asio::post(executor_, [handler = on_call_, call = std::move(call)] { (*handler)(call); });
        return reactor;
    }

  private:
    std::string why_refused(const grpc::CallbackServerContext& context) const {
        if (!bearer_.empty() && !equal_in_constant_time(metadata(context, "authorization"), bearer_.reveal())) {
            return "the authorization metadata is missing or wrong";
        }
        if (!settings_.api_key.empty() &&
            !equal_in_constant_time(metadata(context, "x-api-key"), settings_.api_key.reveal())) {
            return "the x-api-key metadata is missing or wrong";
        }
        return {};
    }

    Executor executor_;
    Settings settings_;
    // Shared with what was posted: it may run after this server is gone.
    std::shared_ptr<OnCall> on_call_;
    std::shared_ptr<OnRefused> on_refused_;
    Secret bearer_;
    std::shared_ptr<OpenCalls> open_ = std::make_shared<OpenCalls>();
    std::unique_ptr<grpc::Server> server_;
};

}  // namespace

std::unique_ptr<ResultsService> ResultsService::make(Executor executor, Settings settings, OnCall on_call,
                                                     OnRefused on_refused) {
    return std::make_unique<Server>(std::move(executor), std::move(settings), std::move(on_call),
                                    std::move(on_refused));
}

}  // namespace jiro::dev_hub
