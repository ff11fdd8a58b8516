// SPDX-License-Identifier: MIT
// The Beast transport against a real server on loopback: ws and wss, with a certificate made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "jiro/base/random.hpp"
#include "jiro/http/dialer.hpp"
#include "jiro/signalr/hub_connection.hpp"
#include "support/log_capture.hpp"
#include "support/temp_dir.hpp"

namespace jiro::signalr {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using nlohmann::json;
using testing::HasSubstr;

struct Pem {
    std::string certificate;
    std::string key;
};

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

// Self-signed, for localhost and 127.0.0.1.
Pem make_certificate() {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    BIO* certificate_bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificate_bio, certificate);
    BIO* key_bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(certificate);
    EVP_PKEY_free(key);
    Pem pem;
    pem.certificate = text_of(certificate_bio);
    pem.key = text_of(key_bio);
    return pem;
}

// A hub that negotiates, shakes hands, invokes Echo with an id, and remembers what it saw.
class LoopbackHub {
  public:
    LoopbackHub(asio::io_context& context, std::optional<Pem> pem)
        : executor_(context.get_executor()),
          acceptor_(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          tls_(asio::ssl::context::tls_server) {
        if (pem) {
            is_tls_ = true;
            tls_.use_certificate_chain(asio::buffer(pem->certificate));
            tls_.use_private_key(asio::buffer(pem->key), asio::ssl::context::pem);
        }
        asio::co_spawn(context, accept(), asio::detached);
    }

    [[nodiscard]] std::string url() const {
        return (is_tls_ ? "https://localhost:" : "http://127.0.0.1:") +
               std::to_string(acceptor_.local_endpoint().port()) + "/hub";
    }
    void close() { acceptor_.close(); }
    // Only clients with a certificate that this one has signed.
    void want_client_certificate(const std::string& ca) {
        tls_.add_certificate_authority(asio::buffer(ca));
        tls_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }

    std::vector<std::string> targets;  // of the requests
    std::vector<std::string> authorizations;
    std::vector<std::string> records;  // from the client, with their separators
    unsigned upgrade_status = 101;
    std::optional<int> close_reason;
    bool says_close_and_stays = false;  // a close frame, but no end of the TCP connection

  private:
    Task<> accept() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
            if (error) co_return;
            asio::co_spawn(executor_, serve_socket(std::move(socket)), asio::detached);
        }
    }

    Task<> serve_socket(tcp::socket socket) {
        if (!is_tls_) {
            co_await serve(socket);
            co_return;
        }
        asio::ssl::stream<tcp::socket> stream(std::move(socket), tls_);
        const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kNoThrow);
        if (error) co_return;
        co_await serve(stream);
    }

    template <typename Stream>
    Task<> serve(Stream& stream) {
        boost::beast::flat_buffer buffer;
        beast_http::request<beast_http::string_body> request;
        const auto [error, count] = co_await beast_http::async_read(stream, buffer, request, kNoThrow);
        if (error) co_return;
        targets.emplace_back(request.target());
        authorizations.emplace_back(request[beast_http::field::authorization]);
        if (websocket::is_upgrade(request) && upgrade_status == 101) {
            websocket::stream<Stream&> socket(stream);
            const auto [refused] = co_await socket.async_accept(request, kNoThrow);
            if (!refused) co_await talk(socket);
            co_return;
        }
        beast_http::response<beast_http::string_body> response(beast_http::status::ok, 11);
        if (websocket::is_upgrade(request)) response.result(upgrade_status);
        response.body() = R"({"negotiateVersion":1,"connectionId":"c1","connectionToken":"canary-token",)"
                          R"("availableTransports":[{"transport":"WebSockets","transferFormats":["Text"]}]})";
        response.prepare_payload();
        static_cast<void>(co_await beast_http::async_write(stream, response, kNoThrow));
    }

    template <typename Socket>
    Task<> talk(Socket& socket) {
        boost::beast::flat_buffer buffer;
        const auto [first_error, first] = co_await socket.async_read(buffer, kNoThrow);
        if (first_error) co_return;
        records.push_back(boost::beast::buffers_to_string(buffer.data()));
        const std::string handshake = "{}\x1e";
        const std::string hello = handshake +
                                  "{\"type\":1,\"invocationId\":\"i1\",\"target\":\"Echo\",\"arguments\":[\"" +
                                  std::string(100'000, 'x') + "\"]}\x1e";
        socket.text(true);
        static_cast<void>(
            co_await socket.async_write(asio::buffer(says_close_and_stays ? handshake : hello), kNoThrow));
        if (says_close_and_stays) {
            const std::string close_frame("\x88\x02\x03\xe8", 4);
            static_cast<void>(co_await asio::async_write(socket.next_layer(), asio::buffer(close_frame), kNoThrow));
            std::string rest;
            const auto until_end = asio::dynamic_buffer(rest);
            static_cast<void>(co_await asio::async_read(socket.next_layer(), until_end, kNoThrow));
            co_return;
        }
        for (;;) {
            buffer.clear();
            const auto [error, count] = co_await socket.async_read(buffer, kNoThrow);
            if (error) {
                if (error == websocket::error::closed) close_reason = socket.reason().code;
                co_return;
            }
            records.push_back(boost::beast::buffers_to_string(buffer.data()));
        }
    }

    Executor executor_;
    tcp::acceptor acceptor_;
    asio::ssl::context tls_;
    bool is_tls_ = false;
};

// An HTTP proxy that wants credentials.
class LoopbackProxy {
  public:
    explicit LoopbackProxy(asio::io_context& context)
        : executor_(context.get_executor()), acceptor_(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        asio::co_spawn(context, accept(), asio::detached);
    }

    [[nodiscard]] Url url(const std::string& user) const {
        return *Url::parse("http://" + user + "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()));
    }
    void close() { acceptor_.close(); }

    std::vector<std::string> heads;  // of the CONNECT requests

  private:
    Task<> accept() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
            if (error) co_return;
            asio::co_spawn(executor_, serve(std::move(socket)), asio::detached);
        }
    }

    Task<> serve(tcp::socket client) {
        std::string head;
        const auto [error, size] =
            co_await asio::async_read_until(client, asio::dynamic_buffer(head), "\r\n\r\n", kNoThrow);
        if (error) co_return;
        heads.push_back(head);
        // "robot:canary-pass"
        const bool welcome = head.find("Proxy-Authorization: Basic cm9ib3Q6Y2FuYXJ5LXBhc3M=\r\n") != std::string::npos;
        const std::string answer = welcome ? "HTTP/1.1 200 Connection established\r\n\r\n"
                                           : "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        static_cast<void>(co_await asio::async_write(client, asio::buffer(answer), kNoThrow));
        if (!welcome) co_return;
        const auto colon = head.find(':');
        const auto port = static_cast<std::uint16_t>(std::stoi(head.substr(colon + 1)));
        const auto near = std::make_shared<tcp::socket>(std::move(client));
        const auto far = std::make_shared<tcp::socket>(executor_);
        const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
        const auto [refused] = co_await far->async_connect(endpoint, kNoThrow);
        if (refused) co_return;
        asio::co_spawn(executor_, relay(near, far), asio::detached);
        co_await relay(far, near);
    }

    static Task<> relay(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to) {
        std::string bytes(4'096, 0);
        for (;;) {
            const auto [error, count] = co_await from->async_read_some(asio::buffer(bytes), kNoThrow);
            boost::system::error_code ignored;
            if (error) to->shutdown(tcp::socket::shutdown_send, ignored);
            if (error) co_return;
            static_cast<void>(co_await asio::async_write(*to, asio::buffer(bytes.data(), count), kNoThrow));
        }
    }

    Executor executor_;
    tcp::acceptor acceptor_;
};

// A client of that hub; ends on its own after the Echo, or when an attempt fails.
struct Client {
    static Task<Result<json>> echo(Client* self, Invocation invocation) {
        self->echoed = invocation.arguments.at(0).get<std::string>().size();
        asio::co_spawn(self->context, finish(self), asio::detached);
        co_return json("done");
    }
    static Task<> finish(Client* self) {
        asio::steady_timer timer(self->context, 20ms);  // lets the Completion go out first
        co_await timer.async_wait(kAwait);
        co_await self->hub->stop();
    }

    void run(LoopbackHub& server) {
        run_at(*Url::parse(server.url()), [&server] { server.close(); });
    }

    void run_at(const Url& url, std::function<void()> at_end) {
        settings.hub_url = url;
        Dependencies dependencies{.clock = clock, .random = random};
        dependencies.credentials = []() -> Result<Credentials> {
            return Credentials{Secret("canary-access"), Secret("canary-key")};
        };
        dependencies.environment = {};
        hub.emplace(context.get_executor(), settings, std::move(dependencies));
        hub->on_state_changed([this](const StateChange& change) {
            if (change.error) error = change.error;
            if (change.to == State::failed || (change.to == State::reconnecting && stop_when_lost))
                asio::co_spawn(context, hub->stop(), asio::detached);
        });
        auto subscription =
            hub->on_result("Echo", [this](Invocation invocation) { return echo(this, std::move(invocation)); });
        asio::co_spawn(context, hub->run(), [at_end](const std::exception_ptr&) { at_end(); });
        context.run_for(20s);
    }

    asio::io_context context{1};
    SystemClock clock;
    SystemRandom random;
    Settings settings;
    std::optional<HubConnection> hub;
    std::size_t echoed = 0;
    bool stop_when_lost = false;
    std::optional<Error> error;
};

// Negotiate, upgrade, handshake, a large invocation, its Completion, Close and close 1000, over plain TCP; no secret in
// any log line, at trace level.
TEST(Loopback, speaks_ws_and_keeps_secrets) {
    test::LogCapture logs;
    Client client;
    LoopbackHub server(client.context, std::nullopt);
    client.run(server);

    EXPECT_EQ(client.echoed, 100'000U);
    EXPECT_EQ(server.targets.at(0), "/hub/negotiate?api_key=canary-key&negotiateVersion=1");
    EXPECT_EQ(server.targets.at(1), "/hub?api_key=canary-key&id=canary-token");
    EXPECT_THAT(server.authorizations, testing::Each("Bearer canary-access"));
    std::string all;
    for (const auto& record : server.records) all += record;
    EXPECT_THAT(all, HasSubstr(R"({"type":3,"invocationId":"i1","result":"done"})"));
    EXPECT_THAT(all, testing::EndsWith("{\"type\":7}\x1e"));
    EXPECT_EQ(server.close_reason, 1000);
    EXPECT_THAT(logs.text(), testing::Not(HasSubstr("canary")));
    EXPECT_THAT(logs.text(), HasSubstr("Connected to the hub"));
}

// The same over TLS, trusting the certificate as CaFile.
TEST(Loopback, speaks_wss_with_a_private_ca) {
    const auto pem = make_certificate();
    test::TempDir folder;
    Client client;
    client.settings.tls.ca = folder.write("ca.pem", pem.certificate).string();
    LoopbackHub server(client.context, pem);
    client.run(server);
    EXPECT_EQ(client.echoed, 100'000U) << (client.error ? client.error->message : "");
    EXPECT_EQ(server.close_reason, 1000);
}

// An unknown certificate is refused with OpenSSL's reason, and accepted only where verification is switched off.
TEST(Loopback, refuses_an_unknown_certificate) {
    const auto pem = make_certificate();
    {
        Client client;
        client.settings.max_reconnection_attempts = 1;
        LoopbackHub server(client.context, pem);
        client.run(server);
        ASSERT_TRUE(client.error);
        EXPECT_EQ(client.error->code, jiro::http::errc::tls_failed);
        EXPECT_THAT(client.error->message, HasSubstr("self-signed certificate"));
    }
    test::LogCapture logs;
    Client client;
    client.settings.tls.verify = false;
    LoopbackHub server(client.context, pem);
    client.run(server);
    EXPECT_EQ(client.echoed, 100'000U);
    EXPECT_THAT(logs.text(), HasSubstr("TLS verification is off"));
}

// A server that wants a client certificate gets ours, for negotiate and for the WebSocket; without one the error says
// so.
TEST(Loopback, shows_a_client_certificate) {
    const auto pem = make_certificate();
    const auto own = make_certificate();
    test::TempDir folder;
    {
        Client client;
        client.settings.tls.ca = folder.write("ca.pem", pem.certificate).string();
        client.settings.tls.certificate = folder.write("client.pem", own.certificate).string();
        client.settings.tls.key = folder.write("client.key", own.key).string();
        LoopbackHub server(client.context, pem);
        server.want_client_certificate(own.certificate);
        client.run(server);
        EXPECT_EQ(client.echoed, 100'000U) << (client.error ? client.error->message : "");
        EXPECT_EQ(server.targets.size(), 2U);
    }
    Client client;
    client.settings.max_reconnection_attempts = 1;
    client.settings.tls.ca = (folder.path() / "ca.pem").string();
    LoopbackHub server(client.context, pem);
    server.want_client_certificate(own.certificate);
    client.run(server);
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.echoed, 0U);
    EXPECT_TRUE(server.targets.empty());
}

// Through a proxy with credentials: one tunnel for negotiate, one for the WebSocket; the credentials are in no log
// line.
TEST(Loopback, goes_through_a_proxy_with_credentials) {
    test::LogCapture logs;
    Client client;
    LoopbackProxy proxy(client.context);
    LoopbackHub server(client.context, std::nullopt);
    client.settings.proxy = proxy.url("robot:canary-pass@");
    client.run_at(*Url::parse(server.url()), [&] {
        server.close();
        proxy.close();
    });
    EXPECT_EQ(client.echoed, 100'000U) << (client.error ? client.error->message : "");
    ASSERT_EQ(proxy.heads.size(), 2U);
    for (const auto& head : proxy.heads) {
        EXPECT_THAT(head, testing::StartsWith("CONNECT 127.0.0.1:"));
        EXPECT_THAT(head, testing::Not(HasSubstr("canary-access")));
    }
    EXPECT_THAT(logs.text(), testing::Not(HasSubstr("canary")));
}

// A proxy that refuses us: the error says where credentials go, and repeats none.
TEST(Loopback, names_a_proxy_that_wants_credentials) {
    Client client;
    client.settings.max_reconnection_attempts = 1;
    LoopbackProxy proxy(client.context);
    LoopbackHub server(client.context, std::nullopt);
    client.settings.proxy = proxy.url("robot:canary-wrong@");
    client.run_at(*Url::parse(server.url()), [&] {
        server.close();
        proxy.close();
    });
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.error->code, jiro::http::errc::proxy_refused);
    EXPECT_THAT(client.error->message, HasSubstr("WebSocket.Proxy"));
    EXPECT_THAT(client.error->message, testing::Not(HasSubstr("canary")));
    EXPECT_TRUE(server.targets.empty());
}

// A refused upgrade names the status.
TEST(Loopback, names_the_status_of_a_refused_upgrade) {
    Client client;
    client.settings.max_reconnection_attempts = 1;
    LoopbackHub server(client.context, std::nullopt);
    server.upgrade_status = 404;
    client.run(server);
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.error->code, errc::upgrade_failed);
    EXPECT_THAT(client.error->message, HasSubstr("404"));
    EXPECT_THAT(client.error->message, testing::Not(HasSubstr("canary")));
}

// A server that says goodbye and keeps the TCP connection is left after the close limit, not after the server timeout.
TEST(Loopback, leaves_a_server_that_does_not_hang_up) {
    Client client;
    LoopbackHub server(client.context, std::nullopt);
    server.says_close_and_stays = true;
    client.settings.limits.close = 50ms;
    client.settings.server_timeout = 1h;
    client.stop_when_lost = true;
    client.run(server);
    ASSERT_TRUE(client.error);
    EXPECT_THAT(client.error->message, HasSubstr("the server closed the WebSocket"));
}

// Where a connection may lead is a matter of addresses, however the host is written.
TEST(Loopback, leads_only_to_the_machines_that_it_may) {
    using jiro::http::Reach;
    struct Row {
        const char* host;
        Reach reach;
        bool may;
    };
    const Row rows[] = {
        {"127.0.0.1", Reach::other_machines, false},
        {"0.0.0.0", Reach::other_machines, false},
        {"[::ffff:127.0.0.1]", Reach::other_machines, false},
        {"[::ffff:0.0.0.0]", Reach::other_machines, false},
        {"127.1", Reach::other_machines, false},
        {"2130706433", Reach::other_machines, false},
        {"0x7f.1", Reach::other_machines, false},
        {"localhost", Reach::other_machines, false},
        {"127.1", Reach::this_machine, true},
        {"localhost", Reach::this_machine, true},
        {"192.0.2.1", Reach::this_machine, false},
        {"[::ffff:192.0.2.1]", Reach::this_machine, false},
    };
    asio::io_context context{1};
    LoopbackHub server(context, std::nullopt);
    const std::string port = std::to_string(Url::parse(server.url())->port());
    SystemClock clock;
    std::size_t ended = 0;
    for (const Row& row : rows) {
        jiro::http::Endpoint endpoint{
            *Url::parse(std::string("http://") + row.host + ':' + port), {}, {}, {}, row.reach};
        auto dialling = [](Clock* with, jiro::http::Endpoint to) -> Task<std::optional<Error>> {
            const auto socket = co_await jiro::http::dial(*with, to);
            co_return socket ? std::optional<Error>() : socket.error();
        };
        asio::co_spawn(context, dialling(&clock, endpoint), [&, row](std::exception_ptr, std::optional<Error> error) {
            EXPECT_EQ(!error, row.may) << row.host << (error ? error->message : "");
            if (error) {
                EXPECT_EQ(error->code, jiro::http::errc::address_refused) << row.host << error->message;
            }
            if (++ended == std::size(rows)) server.close();
        });
    }
    context.run_for(20s);
    EXPECT_EQ(ended, std::size(rows));
}

// Nobody listens: the error names the address and what to check.
TEST(Loopback, names_a_refused_connection) {
    Client client;
    client.settings.max_reconnection_attempts = 1;
    LoopbackHub server(client.context, std::nullopt);
    const Url url = *Url::parse(server.url());
    server.close();
    client.run_at(url, [] {});
    ASSERT_TRUE(client.error);
    EXPECT_EQ(client.error->code, jiro::http::errc::connect_failed);
    EXPECT_THAT(client.error->message, HasSubstr("check that the server runs"));
}

}  // namespace
}  // namespace jiro::signalr
