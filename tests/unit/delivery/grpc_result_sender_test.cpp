// SPDX-License-Identifier: MIT
#include "jiro/delivery/grpc_result_sender.hpp"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <mutex>
#include <thread>

#include "jiro/delivery/errors.hpp"
#include "jiro_hub.pb.h"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"
#include "test_certificate.hpp"

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

std::string to_text(const grpc::ByteBuffer& buffer) {
    std::vector<grpc::Slice> slices;
    std::string text;
    (void)buffer.Dump(&slices);
    for (const auto& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return text;
}

grpc::ByteBuffer to_buffer(const std::string& text) {
    const grpc::Slice slice(text);
    return grpc::ByteBuffer(&slice, 1);
}

// Takes the raw bytes of each call and answers as told.
class TestServer : public grpc::CallbackGenericService {
  public:
    struct Answer {
        grpc::Status status = grpc::Status::OK;
        std::string bytes = "\x08\x01";  // success = true
        std::string pushback;
        bool is_silent = false;
    };

    explicit TestServer(std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials()) {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("127.0.0.1:0", credentials, &port);
        builder.RegisterCallbackGenericService(this);
        server_ = builder.BuildAndStart();
    }
    ~TestServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
        return new Reactor(*this, context);
    }

    int port = 0;
    Answer answer;
    std::string valid_token;  // another one is refused; empty: any will do
    std::mutex mutex;
    std::vector<std::string> bodies;
    std::vector<std::multimap<std::string, std::string>> metadata;
    std::vector<std::string> methods;

  private:
    class Reactor : public grpc::ServerGenericBidiReactor {
      public:
        Reactor(TestServer& server, grpc::GenericCallbackServerContext* context) : server_(server), context_(context) {
            StartRead(&request_);
        }
        void OnReadDone(bool is_good) override {
            if (!is_good) return Finish(grpc::Status::CANCELLED);
            Answer answer;
            {
                const std::lock_guard lock(server_.mutex);
                server_.bodies.push_back(to_text(request_));
                server_.methods.push_back(context_->method());
                auto& seen = server_.metadata.emplace_back();
                for (const auto& [key, value] : context_->client_metadata()) {
                    seen.emplace(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
                }
                answer = server_.answer;
                const auto token = seen.find("authorization");
                const auto& valid = server_.valid_token;
                if (!valid.empty() && (token == seen.end() || token->second != valid)) {
                    answer.status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "not this token");
                }
            }
            if (answer.is_silent) return;
            if (!answer.pushback.empty()) context_->AddTrailingMetadata("grpc-retry-pushback-ms", answer.pushback);
            if (!answer.status.ok()) return Finish(answer.status);
            response_ = to_buffer(answer.bytes);
            StartWriteAndFinish(&response_, {}, answer.status);
        }
        void OnCancel() override { Finish(grpc::Status::CANCELLED); }
        void OnDone() override { delete this; }

      private:
        TestServer& server_;
        grpc::GenericCallbackServerContext* context_;
        grpc::ByteBuffer request_;
        grpc::ByteBuffer response_;
    };

    std::unique_ptr<grpc::Server> server_;
};

class GrpcResultSenderTest : public testing::Test {
  protected:
    void connect(int port, const std::string& scheme = "http", const std::string& host = "127.0.0.1") {
        settings_.server_url = *Url::parse(scheme + "://" + host + ":" + std::to_string(port));
        sender_ = make_grpc_result_sender(clock_, settings_, [this](Reading reading) {
            return reading == Reading::anew && renewed_ ? *renewed_ : credentials_;
        });
    }
    SendResult send(std::string bytes = "bytes", const std::string& id = "id-1", int attempt = 1,
                    const TraceContext& trace = {}) {
        const auto message = std::make_shared<const std::string>(std::move(bytes));
        return test::run_task(context_, sender_->send(message, id, attempt, trace));
    }

    asio::io_context context_;
    SystemClock clock_;
    GrpcSettings settings_;
    Result<Credentials> credentials_{Credentials{}};
    std::optional<Result<Credentials>> renewed_;  // what is read anew, if that differs
    std::unique_ptr<ResultSender> sender_;
};

// The stored bytes arrive as they are, whatever they are, at the contract's method, with the agreed metadata.
TEST_F(GrpcResultSenderTest, sends_the_stored_bytes_verbatim) {
    TestServer server;
    credentials_ = Credentials{Secret("token"), Secret("key")};
    connect(server.port);
    const std::string bytes("\x00\xFFnot even a message\n\x80", 21);

    const SendResult result = send(bytes, "id-1", 3);

    EXPECT_TRUE(result.confirmed());
    ASSERT_EQ(server.bodies.size(), 1U);
    EXPECT_EQ(server.bodies[0], bytes);
    EXPECT_EQ(server.methods[0], "/JiroHubProto.JiroHubProto/SendCommandResult");
    const auto& metadata = server.metadata[0];
    EXPECT_EQ(metadata.find("authorization")->second, "Bearer token");
    EXPECT_EQ(metadata.find("x-api-key")->second, "key");
    EXPECT_EQ(metadata.find("idempotency-key")->second, "id-1");
    EXPECT_EQ(metadata.find("attempt")->second, "3");
    EXPECT_EQ(metadata.count("traceparent"), 0U);
}

// The call belongs to the trace of its command.
TEST_F(GrpcResultSenderTest, sends_the_trace) {
    TestServer server;
    connect(server.port);
    const TraceContext trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1");
    EXPECT_TRUE(send("bytes", "id-1", 1, trace).confirmed());
    const auto& metadata = server.metadata[0];
    EXPECT_EQ(metadata.find("traceparent")->second, trace.parent());
    EXPECT_EQ(metadata.find("tracestate")->second, "vendor=1");
}

// Every status code comes back as itself, with its text.
TEST_F(GrpcResultSenderTest, reports_each_status) {
    TestServer server;
    connect(server.port);
    for (int code = 1; code <= 16; ++code) {
        server.answer.status = grpc::Status(static_cast<grpc::StatusCode>(code), "because");
        const SendResult result = send();
        EXPECT_EQ(static_cast<int>(result.code), code);
        EXPECT_EQ(result.message, "because");
        EXPECT_EQ(result.confirmed(), code == 6);
    }
}

// A connection that ended, by gRPC's sentence: repeated at once, until that does not help; never when the server says
// how long to wait. What the server itself calls UNAVAILABLE is one failed attempt.
TEST_F(GrpcResultSenderTest, repeats_only_while_it_helps) {
    TestServer server;
    connect(server.port);
    const auto calls_of_a_send = [&] {
        server.bodies.clear();
        (void)send();
        return server.bodies.size();
    };
    const grpc::Status unavailable(grpc::StatusCode::UNAVAILABLE, "Socket closed");
    server.answer.status = unavailable;
    EXPECT_EQ(calls_of_a_send(), 1U) << "nothing was ever confirmed";
    server.answer.status = grpc::Status::OK;
    EXPECT_EQ(calls_of_a_send(), 1U);
    server.answer.status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "overloaded");
    EXPECT_EQ(calls_of_a_send(), 1U) << "the server's own word";
    server.answer.status = unavailable;
    EXPECT_EQ(calls_of_a_send(), 3U);
    EXPECT_EQ(calls_of_a_send(), 1U) << "it did not help";
    server.answer.status = grpc::Status::OK;
    EXPECT_EQ(calls_of_a_send(), 1U);
    server.answer.status = unavailable;
    server.answer.pushback = "100";
    EXPECT_EQ(calls_of_a_send(), 1U) << "the server asked to wait";
}

// An answer of success=false, an empty one, and one that is no message at all confirm nothing.
TEST_F(GrpcResultSenderTest, believes_only_a_success) {
    TestServer server;
    connect(server.port);
    server.answer.bytes = std::string(
        "\x12\x04"
        "nope",
        6);
    SendResult result = send();
    EXPECT_EQ(result.code, StatusCode::ok);
    EXPECT_FALSE(result.confirmed());
    EXPECT_EQ(result.message, "nope");

    server.answer.bytes = "";
    EXPECT_FALSE(send().confirmed());

    server.answer.bytes = "<html>";
    EXPECT_EQ(send().code, StatusCode::internal);
}

// The server's wish for a pause is handed on.
TEST_F(GrpcResultSenderTest, reads_the_pushback) {
    TestServer server;
    connect(server.port);
    server.answer.status = grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "slow down");
    server.answer.pushback = "1500";
    EXPECT_EQ(send().retry_after, BoundedDuration(1500ms));
    for (const char* none : {"soon", "-1", "NaN", "99999999999999999999", ""}) {  // of the longest gRPC makes none
        server.answer.pushback = none;
        EXPECT_FALSE(send().retry_after) << none;
    }
    for (const char* forever : {"31536000000", "9223372036854775807"}) {
        server.answer.pushback = forever;
        EXPECT_EQ(send().retry_after, BoundedDuration(1h)) << forever;
    }
}

// Ids with bytes that metadata may not hold are encoded; enormous ones are left out. Nothing aborts.
TEST_F(GrpcResultSenderTest, survives_odd_ids) {
    TestServer server;
    connect(server.port);
    EXPECT_TRUE(send("x", "a b\xFF\n%").confirmed());
    EXPECT_EQ(server.metadata.back().find("idempotency-key")->second, "a%20b%FF%0A%25");
    EXPECT_TRUE(send("x", std::string(100'000, 'i')).confirmed());
    EXPECT_EQ(server.metadata.back().count("idempotency-key"), 0U);
    EXPECT_TRUE(send("x", "").confirmed());
}

// Credentials that cannot be read, or not be sent, park the channel instead of aborting; no secret in the text.
TEST_F(GrpcResultSenderTest, reports_bad_credentials) {
    TestServer server;
    connect(server.port);
    credentials_ = Error(errc::no_credentials, "AccessTokenFile cannot be read");
    EXPECT_EQ(send().code, StatusCode::unauthenticated);
    EXPECT_EQ(send().message, "AccessTokenFile cannot be read");
    credentials_ = Credentials{Secret("se\ncret"), Secret()};
    EXPECT_EQ(send().code, StatusCode::unauthenticated);
    EXPECT_EQ(send().message.find("cret"), std::string::npos);
    credentials_ = Credentials{};
    EXPECT_TRUE(send().confirmed());
}

// A rotation that overtook the call: what is in the files now is tried at once, and only if it is something else.
TEST_F(GrpcResultSenderTest, tries_rotated_credentials_at_once) {
    TestServer server;
    server.valid_token = "Bearer second";
    connect(server.port);
    credentials_ = Credentials{Secret("first"), Secret()};
    EXPECT_EQ(send().code, StatusCode::unauthenticated);
    EXPECT_EQ(server.metadata.size(), 1U);

    renewed_ = Credentials{Secret("second"), Secret()};
    EXPECT_TRUE(send().confirmed());
    EXPECT_EQ(server.metadata.size(), 3U);

    renewed_ = Error(errc::no_credentials, "AccessTokenFile cannot be read");
    EXPECT_EQ(send().code, StatusCode::unauthenticated);
    EXPECT_EQ(server.metadata.size(), 4U);
}

// No server configured: named, kept.
TEST_F(GrpcResultSenderTest, needs_a_server) {
    sender_ = make_grpc_result_sender(clock_, settings_, nullptr);
    EXPECT_EQ(send().code, StatusCode::unauthenticated);
    EXPECT_EQ(send().message, "no gRPC server is configured");
}

// Nobody listens; then somebody does: the next attempt gets through, whatever gRPC's own back-off thinks.
TEST_F(GrpcResultSenderTest, reconnects_at_the_next_attempt) {
    int port = 0;
    {
        TestServer server;
        port = server.port;
        connect(port);
        EXPECT_TRUE(send().confirmed());
    }
    for (int i = 0; i < 4; ++i) EXPECT_EQ(send().code, StatusCode::unavailable);
    std::this_thread::sleep_for(500ms);  // the age below which a failed channel is not made anew
    TestServer second;                   // on another port: the first one may be taken
    connect(second.port);
    EXPECT_TRUE(send().confirmed());
}

// A server that never answers costs the deadline, no more.
TEST_F(GrpcResultSenderTest, ends_at_the_deadline) {
    TestServer server;
    server.answer.is_silent = true;
    settings_.timeout = 200ms;
    connect(server.port);
    EXPECT_EQ(send().code, StatusCode::deadline_exceeded);
}

// Cancelling the coroutine cancels the call and ends it soon.
TEST_F(GrpcResultSenderTest, can_be_cancelled) {
    TestServer server;
    server.answer.is_silent = true;
    connect(server.port);
    asio::cancellation_signal stop;
    std::exception_ptr failure;
    bool has_ended = false;
    const auto message = std::make_shared<const std::string>("x");
    const std::string id = "id";
    const TraceContext no_trace;
    asio::co_spawn(context_, sender_->send(message, id, 1, no_trace),
                   asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& thrown, const SendResult&) {
                       failure = thrown;
                       has_ended = true;
                   }));
    asio::steady_timer timer(context_, 50ms);
    timer.async_wait([&](const boost::system::error_code&) { stop.emit(asio::cancellation_type::terminal); });
    context_.run();
    EXPECT_TRUE(has_ended);
    EXPECT_TRUE(failure);
}

// A port where something else speaks: a web server's HTML, a closed door, plain noise.
TEST_F(GrpcResultSenderTest, survives_servers_that_speak_something_else) {
    const std::string html = "<html>It works!</html>";
    for (const std::string& reply : {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " +
                                         std::to_string(html.size()) + "\r\n\r\n" + html,
                                     std::string("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                                     std::string("\xFF\xFE\x00\x01garbage", 11), std::string()}) {
        asio::io_context other;
        asio::ip::tcp::acceptor acceptor(other, {asio::ip::address_v4::loopback(), 0});
        std::thread thread([&] {
            boost::system::error_code ignored;
            asio::ip::tcp::socket socket(other);
            acceptor.accept(socket, ignored);
            asio::write(socket, asio::buffer(reply), ignored);
            std::array<char, 4096> buffer{};
            socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
            while (!ignored) (void)socket.read_some(asio::buffer(buffer), ignored);
        });
        settings_.timeout = 1s;
        connect(acceptor.local_endpoint().port());
        const SendResult result = send();
        EXPECT_FALSE(result.confirmed());
        EXPECT_TRUE(result.code == StatusCode::unavailable || result.code == StatusCode::deadline_exceeded)
            << to_string(result.code) << ' ' << result.message;
        sender_.reset();
        thread.join();
    }
}

// TLS against a private authority; a server that the authority did not sign is not spoken to.
TEST_F(GrpcResultSenderTest, speaks_tls) {
    const test::TempDir folder;
    const auto good = test::make_certificate("localhost");
    const auto other = test::make_certificate("localhost");
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({good.key, good.certificate});
    TestServer server(grpc::SslServerCredentials(options));

    settings_.timeout = 3s;
    settings_.tls.ca = folder.write("ca.pem", good.certificate);
    connect(server.port, "https", "localhost");
    const SendResult result = send();
    EXPECT_TRUE(result.confirmed()) << result.message;

    settings_.tls.ca = folder.write("other.pem", other.certificate);
    connect(server.port, "https", "localhost");
    EXPECT_EQ(send().code, StatusCode::unavailable);

    settings_.tls.ca = folder.path() / "missing.pem";
    connect(server.port, "https", "localhost");
    const SendResult unsent = send();  // it may be written anew just now
    EXPECT_EQ(unsent.code, StatusCode::unavailable);
    EXPECT_TRUE(unsent.is_local);
    EXPECT_NE(unsent.message.find("missing.pem"), std::string::npos);
}

// Client certificates: the server that asks for one gets it.
TEST_F(GrpcResultSenderTest, shows_its_certificate) {
    const test::TempDir folder;
    const auto server_side = test::make_certificate("localhost");
    const auto client_side = test::make_certificate("client");
    grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_key_cert_pairs.push_back({server_side.key, server_side.certificate});
    options.pem_root_certs = client_side.certificate;
    TestServer server(grpc::SslServerCredentials(options));

    settings_.timeout = 3s;
    settings_.tls.ca = folder.write("ca.pem", server_side.certificate);
    connect(server.port, "https", "localhost");
    EXPECT_FALSE(send().confirmed());

    settings_.tls.certificate = folder.write("client.pem", client_side.certificate);
    settings_.tls.key = folder.write("client.key", client_side.key);
    connect(server.port, "https", "localhost");
    const SendResult result = send();
    EXPECT_TRUE(result.confirmed()) << result.message;
}

}  // namespace
}  // namespace jiro::delivery
