// SPDX-License-Identifier: MIT
#include "delivery/grpc_channel.hpp"

#include <absl/synchronization/mutex.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "jiro/base/file_descriptor.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/proxy.hpp"
#include "jiro/base/url.hpp"
#include "jiro/delivery/errors.hpp"
#include "jiro/delivery/grpc_result_sender.hpp"

namespace jiro::delivery {

namespace {

constexpr std::size_t kPollerDescriptors = 8;     // 4 of them in gRPC 1.51
constexpr std::size_t kSpareDescriptors = 24;     // with what other threads may take in that moment
constexpr int kMaxAnswerHeaderBytes = 64 * 1024;  // gRPC's 8 KiB are less than a long grpc-message
constexpr std::chrono::seconds kReadLimit{10};
constexpr std::size_t kMaxReaders = 2;

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const GrpcSettings& settings, TlsMaterial tls) {
    if (!settings.server_url->is_tls()) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions options;
    options.pem_root_certs =
        std::move(tls.ca);  // empty: the system's (harden_process() takes gRPC's own variables away)
    options.pem_cert_chain = std::move(tls.certificate);
    options.pem_private_key = std::move(tls.key);
    return grpc::SslCredentials(options);
}

OutsideFunctions<Result<TlsMaterial>>& tls_readers() {
    static auto& functions = *new OutsideFunctions<Result<TlsMaterial>>("grpc files", kMaxReaders);
    return functions;
}

// gRPC is told what base/proxy decided, and decides nothing itself: it knows other variables and no loopback.
// (harden_process() takes NO_PROXY from it, which has a say even then.) User and password go as the header that the
// proxy gets, not in an address: gRPC decodes one before it looks for its parts, and logs a part as the proxy's name.
void set_proxy(grpc::ChannelArguments& arguments, const std::optional<Url>& proxy) {
    static const std::string kConnectHeaders = "grpc.http_connect_headers";
    if (!proxy) return arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetString(GRPC_ARG_HTTP_PROXY, "http://" + proxy->authority());
    const std::string user = proxy_authorization(*proxy);
    if (!user.empty()) arguments.SetString(kConnectHeaders, "Proxy-Authorization:" + user);
}

// gRPC's poller, which is the process's: it lives as long as any channel does.
class Poller {
  public:
    void reserve() {
        is_reserved_ = true;
        fill();
    }

    void release() {
        is_reserved_ = false;
        spare_.clear();
        channel_.reset();
    }

    // Before a channel is made. With the first one the poller is made, by a channel of its own that leads nowhere and
    // stays: so that no later one makes it again.
    Result<> start() {
        if (channel_) return {};
        fill();
        const int reason = errno;
        const bool are_enough = spare_.size() >= kPollerDescriptors;
        spare_.clear();
        if (!are_enough) {
            return Error(errc::no_descriptors, "sending results needs " + std::to_string(kPollerDescriptors) +
                                                   " descriptors: " + std::generic_category().message(reason) +
                                                   " (LimitNOFILE= of the unit, ulimit -n)");
        }
        if (is_reserved_) channel_ = grpc::CreateChannel("ipv4:127.0.0.1:1", grpc::InsecureChannelCredentials());
        return {};
    }

  private:
    void fill() {
        while (!channel_ && spare_.size() < kSpareDescriptors) {
            FileDescriptor descriptor(eventfd(0, EFD_CLOEXEC));
            if (!descriptor) return;
            spare_.push_back(std::move(descriptor));
        }
    }

    bool is_reserved_ = false;
    std::vector<FileDescriptor> spare_;
    std::shared_ptr<grpc::Channel> channel_;
};

Poller& poller() {
    static Poller instance;
    return instance;
}

}  // namespace

std::shared_ptr<void> reserve_descriptors_for_grpc() {
    poller().reserve();
    return {&poller(), [](Poller* reserved) { reserved->release(); }};
}

Task<Result<TlsMaterial>> read_tls(GrpcSettings settings) {
    static SystemClock clock;  // the files' time
    const TlsFiles files = settings.tls;
    if (!settings.server_url || !settings.server_url->is_tls()) co_return TlsMaterial{};
    std::function<Result<TlsMaterial>()> read = [files] { return read_tls_files(files); };
    const std::string key = names_of(files);
    auto material = co_await tls_readers().run(key, std::move(read), clock, kReadLimit);
    if (!material) {
        co_return Error(errc::bad_tls_file, "the files of Grpc.Tls cannot be read: their mount does not answer");
    }
    if (!*material) co_return Error(errc::bad_tls_file, "Grpc.Tls." + material->error().message);
    co_return std::move(**material);
}

Result<std::shared_ptr<grpc::Channel>> make_channel(const GrpcSettings& settings, TlsMaterial tls,
                                                    const Environment& environment,
                                                    std::chrono::milliseconds connect_limit) {
    if (!settings.server_url) return Error(errc::no_server);
    const Url& server = *settings.server_url;
    const auto proxy = proxy_for(settings.proxy, server, environment);
    if (!proxy) return Error(errc::bad_proxy, proxy.error().message);
    if (const auto started = poller().start(); !started) return started.error();

    // abseil looks for deadlocks at each lock unless its whole build had NDEBUG; Debian's had not. gRPC's locks are
    // many.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

    grpc::ChannelArguments arguments;
    // The outbox owns retries: no policy from DNS TXT records, and not gRPC's own either, whose filter is a quarter of
    // a call's cost. What a GOAWAY refuses comes back as UNAVAILABLE and is repeated by GrpcResultSender.
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    // Statistics that nothing here reads.
    arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
    // Different minimum and maximum: equal ones plus TLS never recover (grpc issue 33593).
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1'000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 120'000);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(connect_limit.count()));
    // Also sets TCP_USER_TIMEOUT, without which a black hole is noticed only by each call's deadline.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
    arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, 5 * 60'000);
    // A channel of ours that is made anew must also connect anew, not share the stuck connection of the one before.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxSendMessageSize(-1);  // how much the server takes is the server's to say
    arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxAnswerHeaderBytes);
    arguments.SetUserAgentPrefix("jiro-client");
    set_proxy(arguments, *proxy);
    // As in the hub's Host header: without the default port, which some proxies take for another host.
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, std::string(server.host_port()));
    // The scheme, since a host may be named like one ("unix").
    return grpc::CreateCustomChannel("dns:///" + server.authority(), channel_credentials(settings, std::move(tls)),
                                     arguments);
}

}  // namespace jiro::delivery
