// SPDX-License-Identifier: MIT
#include "jiro/monitor/status_server.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <list>
#include <random>

#include "jiro/monitor/errors.hpp"
#include "monitor/http_rules.hpp"
#include "raw_client.hpp"
#include "status_builder.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace jiro::monitor {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kHost = "Host: localhost\r\n";

std::string get_request(const std::string& target, const std::string& more = "") {
    return "GET " + target + " HTTP/1.1\r\n" + kHost + more + "Connection: close\r\n\r\n";
}

class StatusServerTest : public testing::Test {
  protected:
    ~StatusServerTest() override { stop(); }

    void start(Listen listen = ListenTcp{"127.0.0.1", 0}, ServerLimits limits = {}) {
        Routes routes;
        routes["POST /fail"] = fail;
        routes["POST /reload"] = [this](RouteRequest request) { return reload(std::move(request)); };
        server_.emplace(
            context_.get_executor(), clock_, Settings{std::move(listen)}, [this] { return source(); },
            std::move(routes), limits);
        const auto listening = server_->listen();
        ASSERT_TRUE(listening) << listening.error().message;
        asio::co_spawn(context_, server_->run(),
                       asio::bind_cancellation_slot(stop_.slot(), [this](std::exception_ptr) { stopped_ = true; }));
        test::settle(context_);
    }

    void stop() {
        if (!server_ || stopped_) return;
        stop_.emit(asio::cancellation_type::all);
        test::settle(context_);
        EXPECT_TRUE(stopped_);
        server_.reset();
    }

    RawClient client() { return RawClient(context_, server_->local()); }
    std::string ask(std::string_view bytes) { return client().send(bytes).receive_all(); }

    Status source() {
        if (broken_) throw std::runtime_error("no status");
        return status_;
    }

    Task<RouteReply> reload(RouteRequest request) {
        reloads_.push_back(request.query + "|" + request.body);
        co_return RouteReply{409, R"({"errors":["x"]})"};
    }

    static Task<RouteReply> fail(RouteRequest) {
        throw std::runtime_error("broken route");
        co_return RouteReply{};
    }

    asio::io_context context_{1};
    test::ManualClock clock_;
    asio::cancellation_signal stop_;
    Status status_ = connected_status();
    bool broken_ = false;
    bool stopped_ = false;
    std::vector<std::string> reloads_;
    std::optional<StatusServer> server_;
};

struct RequestRow {
    const char* name;
    std::string request;
    std::vector<std::string> expected;
};

// Every resource, by a plain client.
TEST_F(StatusServerTest, serves_its_resources) {
    start();
    const std::vector<RequestRow> rows = {
        {"status",
         get_request("/status"),
         {"HTTP/1.1 200", "Content-Type: application/json", "\"state\":\"Connected\""}},
        {"query ignored", get_request("/status?x=1"), {"HTTP/1.1 200", "\"state\""}},
        {"metrics", get_request("/metrics"), {"HTTP/1.1 200", "text/plain; version=0.0.4", "jiro_hub_connected 1\n"}},
        {"healthz", get_request("/healthz"), {"HTTP/1.1 200", "\r\n\r\nalive\n"}},
        {"readyz", get_request("/readyz"), {"HTTP/1.1 200", "\r\n\r\nready\n"}},
        {"page", get_request("/"), {"HTTP/1.1 200", "text/html", "script-src 'sha256-", "</html>"}},
        {"no caching, no sniffing",
         get_request("/status"),
         {"Cache-Control: no-store", "nosniff", "default-src 'none'"}},
        {"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", {"HTTP/1.1 200", "alive"}},
        {"any path", get_request("/nothing"), {"HTTP/1.1 404"}},
        {"path traversal", get_request("/../etc/passwd"), {"HTTP/1.1 404"}},
        {"POST on a page",
         "POST /status HTTP/1.1\r\n" + kHost + "Connection: close\r\nContent-Length: 0\r\n\r\n",
         {"HTTP/1.1 405", "Allow: GET, HEAD"}},
        {"DELETE", "DELETE / HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", {"HTTP/1.1 405"}},
        {"GET on an action", get_request("/reload"), {"HTTP/1.1 405", "Allow: POST"}},
        {"action over TCP",
         "POST /reload HTTP/1.1\r\n" + kHost + "Connection: close\r\nContent-Length: 0\r\n\r\n",
         {"HTTP/1.1 403", "such as the control socket"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto answer = ask(row.request);
        for (const auto& part : row.expected) EXPECT_THAT(answer, HasSubstr(part));
    }
    EXPECT_TRUE(reloads_.empty());
}

// Bytes that are no request, or too much of one, get a named answer and do no harm.
TEST_F(StatusServerTest, names_what_is_wrong_with_a_request) {
    start();
    const std::vector<RequestRow> rows = {
        {"garbage", "\x16\x03\x01\x02garbage\r\n\r\n", {"HTTP/1.1 400"}},
        {"empty lines only", "\r\n\r\n\r\n", {"HTTP/1.1 400"}},
        {"bad version", "GET / HTTP/9.9\r\n\r\n", {"HTTP/1.1 505"}},
        {"no version", "GET /\r\n\r\n", {"HTTP/1.1 400"}},
        {"NUL in the header", std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 28), {"HTTP/1.1 400"}},
        {"huge header", "GET / HTTP/1.1\r\n" + kHost + "X: " + std::string(20'000, 'x') + "\r\n\r\n", {"HTTP/1.1 431"}},
        {"huge target", "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n", {"HTTP/1.1 431"}},
        {"endless header", std::string(2'000'000, 'x'), {"HTTP/1.1 4"}},
        {"huge body announced",
         "POST /reload HTTP/1.1\r\n" + kHost + "Content-Length: 99999999\r\n\r\n",
         {"HTTP/1.1 413"}},
        {"bad length", "POST /reload HTTP/1.1\r\n" + kHost + "Content-Length: -1\r\n\r\n", {"HTTP/1.1 400"}},
        {"two lengths",
         "GET / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
         {"HTTP/1.1 400"}},
        {"endless extension of a chunk",
         "POST /x HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(2'000'000, 'x'),
         {"HTTP/1.1 431"}},
        {"endless trailer",
         "POST /x HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n0\r\nx: " + std::string(2'000'000, 'x'),
         {"HTTP/1.1 431"}},
        {"bad chunk", "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", {"HTTP/1.1 400"}},
        {"no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", {"HTTP/1.1 400", "Host"}},
        {"two Hosts", "GET / HTTP/1.1\r\n" + kHost + kHost + "Connection: close\r\n\r\n", {"HTTP/1.1 400", "Host"}},
        {"absolute target",
         "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
         {"HTTP/1.1 200", "alive"}},
        {"absolute target, no path",
         "HEAD HTTP://127.0.0.1:9470?x HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n",
         {"HTTP/1.1 200"}},
        {"absolute target elsewhere", "GET http://evil.example/status HTTP/1.1\r\n" + kHost + "\r\n", {"HTTP/1.1 421"}},
        {"absolute target without a host",
         "GET http:///status HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n",
         {"HTTP/1.1 400"}},
        {"another scheme", "GET ftp://localhost/ HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", {"HTTP/1.1 400"}},
        {"a dot at the end",
         "GET /healthz HTTP/1.1\r\nHost: localhost.\r\nConnection: close\r\n\r\n",
         {"HTTP/1.1 200"}},
        {"empty Host", "GET /status HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n", {"HTTP/1.1 421"}},
        {"foreign Host", "GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", {"HTTP/1.1 421"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        auto peer = client();
        peer.send(row.request);
        const auto answer = peer.receive_until("\n\n");  // answers end with one newline: reads on until closed
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 "));
        for (const auto& part : row.expected) EXPECT_THAT(answer, HasSubstr(part)) << answer.substr(0, 200);
        EXPECT_THAT(answer, Not(HasSubstr("jiro_")));
        EXPECT_TRUE(peer.closed());
    }
    EXPECT_THAT(ask(get_request("/healthz")), StartsWith("HTTP/1.1 200"));
}

// HEAD has the length of the body, and no body.
TEST_F(StatusServerTest, answers_head_without_a_body) {
    start();
    const auto answer = ask("HEAD /healthz HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n");

    EXPECT_THAT(answer,
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 6"), testing::EndsWith("\r\n\r\n")));
}

// Not ready is 503 with reasons; degraded is shown and stays 200.
TEST_F(StatusServerTest, says_why_it_is_not_ready) {
    start();
    status_.hub.state = ConnectionState::failed;
    status_.outbox.dead_letters = 1;

    EXPECT_THAT(ask(get_request("/readyz")),
                AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("not ready\nFailed for hub.example")));
    EXPECT_THAT(ask(get_request("/healthz")), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("degraded: 1 dead letter")));
}

// A status that cannot be made is an answer, not the end of the server.
TEST_F(StatusServerTest, survives_a_source_that_throws) {
    start();
    broken_ = true;
    EXPECT_THAT(ask(get_request("/status")), StartsWith("HTTP/1.1 500"));
    broken_ = false;
    EXPECT_THAT(ask(get_request("/status")), StartsWith("HTTP/1.1 200"));
}

// One connection carries several requests, also when they arrive together.
TEST_F(StatusServerTest, keeps_a_connection_alive) {
    start();
    auto peer = client();
    const std::string request = "GET /healthz HTTP/1.1\r\n" + kHost + "\r\n";
    peer.send(request).receive_until("alive\n");
    peer.forget();
    peer.send(request + request + get_request("/readyz"));
    const auto answers = peer.receive_all();

    EXPECT_THAT(answers, HasSubstr("alive\nHTTP/1.1 200"));
    EXPECT_THAT(answers, HasSubstr("ready\n"));
    EXPECT_TRUE(peer.closed());
}

// A client that sends nothing, half a request, or nothing more is let go when its time is over, and not before.
TEST_F(StatusServerTest, lets_slow_clients_go) {
    start();
    auto silent = client();
    auto half = client();
    half.send("GET /status HTT").receive_available();
    auto idle = client();
    idle.send("GET /healthz HTTP/1.1\r\n" + kHost + "\r\n").receive_until("alive\n");
    ASSERT_EQ(server_->connections(), 3u);

    clock_.advance(milliseconds(4999));
    silent.receive_available();
    EXPECT_EQ(server_->connections(), 3u);

    clock_.advance(milliseconds(1));
    EXPECT_THAT(silent.receive_until("long\n"), StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(half.receive_until("long\n"), StartsWith("HTTP/1.1 408"));
    clock_.advance(seconds(1));  // the linger
    silent.receive_all();
    EXPECT_EQ(server_->connections(), 1u);

    clock_.advance(seconds(30));
    idle.receive_all();
    EXPECT_TRUE(idle.closed());
    EXPECT_EQ(server_->connections(), 0u);
}

// A client that asks and never reads is let go as well.
TEST_F(StatusServerTest, lets_go_a_client_that_does_not_read) {
    status_.recent_errors.assign(40'000, {"2026-11-22T10:00:00Z", "delivery", std::string(400, 'x')});  // 18 MB
    start();
    auto deaf = client();
    deaf.send(get_request("/status"));
    for (int i = 0; i < 50; ++i) test::settle(context_);
    ASSERT_EQ(server_->connections(), 1u);

    clock_.advance(seconds(10));
    test::settle(context_);
    EXPECT_EQ(server_->connections(), 0u);
}

// A thousand clients that connect and say nothing: 64 are held for a few seconds, the rest is told to come back, and
// the next honest one is served.
TEST_F(StatusServerTest, survives_a_thousand_slow_clients) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 1200) GTEST_SKIP() << "too few file descriptors allowed";
    start();
    std::list<RawClient> clients;
    for (int i = 0; i < 1000; ++i) {
        clients.emplace_back(context_, server_->local());
        test::settle(context_);
        EXPECT_LE(server_->connections(), 64u);
    }
    EXPECT_EQ(server_->connections(), 64u);
    EXPECT_THAT(clients.back().receive_all(), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("too many connections\n")));

    clock_.advance(seconds(5));
    test::settle(context_);
    clock_.advance(seconds(1));
    test::settle(context_);
    EXPECT_EQ(server_->connections(), 0u);
    EXPECT_THAT(ask(get_request("/healthz")), StartsWith("HTTP/1.1 200"));
}

// Clients that keep their connections open without a request keep nobody out: the one that has been idle longest gives
// way. One that has a request under way keeps its place.
TEST_F(StatusServerTest, idle_connections_make_room) {
    ServerLimits limits;
    limits.max_connections = 3;
    start(ListenTcp{"127.0.0.1", 0}, limits);
    const std::string get = "GET /healthz HTTP/1.1\r\n" + kHost + "\r\n";
    auto first = client();
    first.send(get).receive_until("alive\n");
    auto second = client();
    second.send(get).receive_until("alive\n");
    auto half = client();
    half.send("GET /healthz HTT").receive_available();
    first.forget();
    first.send(get).receive_until("alive\n");  // now `second` has been idle longest

    EXPECT_THAT(ask(get_request("/healthz")), StartsWith("HTTP/1.1 200"));
    second.receive_all();
    EXPECT_TRUE(second.closed());
    first.receive_available();
    EXPECT_FALSE(first.closed());
    EXPECT_THAT(half.send("P/1.1\r\n" + kHost + "\r\n").receive_until("alive\n"), StartsWith("HTTP/1.1 200"));
}

// Being cancelled ends the server with connections in every phase, and frees the port.
TEST_F(StatusServerTest, stops_with_connections_open) {
    start();
    auto silent = client();
    auto half = client();
    half.send("GET ").receive_available();
    const auto local = server_->local();
    ASSERT_EQ(server_->connections(), 2u);

    stop();

    EXPECT_THROW(RawClient(context_, local), boost::system::system_error);
    EXPECT_EQ(silent.receive_all(), "");
}

// On a Unix socket the owner may act, with query and body, and the reply is the route's.
TEST_F(StatusServerTest, acts_for_its_owner_on_the_unix_socket) {
    const test::TempDir folder;
    start(ListenUnix{folder.path() / "status.sock"});
    const auto answer =
        ask("POST /reload?wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");

    EXPECT_THAT(answer,
                AllOf(StartsWith("HTTP/1.1 409"), HasSubstr("application/json"), HasSubstr(R"({"errors":["x"]})")));
    EXPECT_THAT(reloads_, testing::ElementsAre("wait|body"));
    EXPECT_THAT(ask("POST /fail HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
                StartsWith("HTTP/1.1 500"));
}

// A browser may reach the Unix socket through `ssh -L`: then the page of another site must not act, whether it names
// itself or has its own name point here.
TEST_F(StatusServerTest, does_not_act_for_the_page_of_another_site) {
    const test::TempDir folder;
    start(ListenUnix{folder.path() / "status.sock"});
    const auto post = [this](const std::string& headers) {
        return ask("POST /reload HTTP/1.1\r\n" + headers + "Connection: close\r\nContent-Length: 0\r\n\r\n");
    };
    for (const char* headers :
         {"Host: localhost:8080\r\nOrigin: http://evil.example\r\n", "Host: localhost:8080\r\nOrigin: null\r\n",
          "Host: evil.example:8080\r\nOrigin: http://evil.example:8080\r\n", "Host: evil.example\r\n",
          "Host: localhost:8080\r\nOrigin: http://localhost:8081\r\n"}) {
        EXPECT_THAT(post(headers), StartsWith("HTTP/1.1 403")) << headers;
    }
    EXPECT_TRUE(reloads_.empty());
    EXPECT_THAT(post("Host: localhost:8080\r\nOrigin: http://localhost:8080\r\n"), StartsWith("HTTP/1.1 409"));
    EXPECT_EQ(reloads_.size(), 1U);
}

// Only whoever may act is shown the buttons.
TEST_F(StatusServerTest, gives_the_operators_page_to_an_operator_only) {
    start();
    EXPECT_THAT(ask(get_request("/")), Not(HasSubstr("<html data-operator")));
    stop();
    stopped_ = false;
    const test::TempDir folder;
    start(ListenUnix{folder.path() / "status.sock"});
    EXPECT_THAT(ask(get_request("/")), HasSubstr("<html data-operator"));
}

// Requests with bytes changed, cut and repeated at random: each ends in an answer or a closed connection, and the
// server serves the next one.
TEST_F(StatusServerTest, survives_damaged_requests) {
    start();
    std::mt19937 random(20261122);
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    const std::vector<std::string> seeds = {
        get_request("/status"), get_request("/metrics?x=1", "Accept: */*\r\n"),
        "POST /reload HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"};
    for (int round = 0; round < 200; ++round) {
        std::string request = seeds[below(seeds.size())];
        for (std::size_t change = below(6); change > 0; --change) {
            const auto place = below(request.size());
            switch (below(4)) {
                case 0:
                    request[place] = static_cast<char>(below(256));
                    break;
                case 1:
                    request.erase(place, below(8));
                    break;
                case 2:
                    request.insert(place, request.substr(below(request.size()), below(64)));
                    break;
                default:
                    request.insert(place, below(300), static_cast<char>(below(256)));
            }
            if (request.empty()) request = "x";
        }
        auto peer = client();
        peer.send(request).shutdown_send();
        peer.receive_all();
        ASSERT_TRUE(peer.closed()) << testing::PrintToString(request);
    }
    EXPECT_TRUE(reloads_.empty());
    EXPECT_THAT(ask(get_request("/healthz")), StartsWith("HTTP/1.1 200"));
}

// The socket file has mode 0660, goes away with the server, and is taken over only when nobody serves it.
TEST_F(StatusServerTest, minds_its_socket_file) {
    const test::TempDir folder;
    const Listen listen = ListenUnix{folder.path() / "status.sock"};
    const std::string path = folder.path() / "status.sock";
    { asio::local::stream_protocol::acceptor dead(context_, asio::local::stream_protocol::endpoint(path)); }
    ASSERT_TRUE(std::filesystem::exists(path));
    start(listen);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660u);

    StatusServer second(context_.get_executor(), clock_, Settings{listen}, [this] { return source(); });
    const auto refused = second.listen();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::address_in_use);
    EXPECT_THAT(ask(get_request("/healthz")), StartsWith("HTTP/1.1 200"));

    stop();
    EXPECT_FALSE(std::filesystem::exists(path));
}

// What cannot be listened on has a name and advice.
TEST_F(StatusServerTest, names_why_it_cannot_listen) {
    const test::TempDir folder;
    start();
    folder.write("file", "content");
    struct BadRow {
        const char* name;
        Listen listen;
        errc code;
        const char* advice;
    };
    const std::vector<BadRow> rows = {
        {"in use", server_->local(), errc::address_in_use, "change Monitoring.Listen"},
        {"not our address", ListenTcp{"192.0.2.1", 0}, errc::cannot_listen, "does not have that address"},
        {"not an address", ListenTcp{"nowhere", 0}, errc::cannot_listen, "cannot listen"},
        {"no folder", ListenUnix{folder.path() / "none" / "s"}, errc::cannot_listen, "folder does not exist"},
        {"a file is there", ListenUnix{folder.path() / "file"}, errc::cannot_listen, "not a socket"},
        {"long path", ListenUnix{"/" + std::string(107, 'x')}, errc::path_too_long, "107"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        StatusServer other(context_.get_executor(), clock_, Settings{row.listen}, [this] { return source(); });
        const auto listening = other.listen();
        ASSERT_FALSE(listening);
        EXPECT_EQ(listening.error().code, row.code);
        EXPECT_THAT(listening.error().message, HasSubstr(row.advice));
    }
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "file"));
}

// Off: nothing listens, run() waits until it is cancelled.
TEST_F(StatusServerTest, does_nothing_when_off) {
    start(ListenOff{});
    EXPECT_FALSE(stopped_);
    stop();
    EXPECT_TRUE(stopped_);
}

struct HostRow {
    const char* host;
    bool allowed;
};

// Hosts that can only mean this machine are served; domains of others are not.
TEST(HostRule, keeps_rebinding_out) {
    const std::vector<HostRow> rows = {
        {"localhost", true},
        {"LocalHost:9470", true},
        {"127.0.0.1:9470", true},
        {"[::1]", true},
        {"[::1]:80", true},
        {"10.1.2.3:9470", true},
        {"machine", true},
        {"MACHINE:1", true},
        {"", false},
        {"evil.example", false},
        {"evil.example:9470", false},
        {"127.0.0.1.evil.example", false},
        {"machine.example.com:9470", true},
        {"machine.example.com.", true},
        {"other.example.com", false},
        {"localhost.evil", false},
        {"machine.evil", false},
        {"[::1", false},
        {"[::1]evil", false},
        {"localhost:99999999", false},
        {"localhost:80@evil", false},
        {"::1", false},
        {"[127.0.0.1]", false},
    };
    const std::vector<std::string> names{"machine", "machine.example.com"};
    for (const auto& row : rows) {
        EXPECT_EQ(is_allowed_host(row.host, ListenTcp{}, names), row.allowed) << row.host;
    }
    EXPECT_TRUE(is_allowed_host("whatever", ListenUnix{"/x"}, names));
    EXPECT_FALSE(is_allowed_host("", ListenTcp{}, {}));
}

// The page needs nothing from outside, has one script and one style sheet, and its policy names their hashes.
TEST(Page, is_self_contained) {
    const std::string html(page_html());
    EXPECT_EQ(html.find("<script>"), html.rfind("<script"));
    EXPECT_EQ(html.find("<style>"), html.rfind("<style"));
    for (const char* forbidden :
         {" src=\"http", "href=\"http", "@import", "url(http", " style=\"", " onclick", "innerHTML", "eval("}) {
        EXPECT_THAT(html, Not(HasSubstr(forbidden)));
    }
    EXPECT_EQ(
        page_policy("<style></style><script></script>").find("'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"),
        std::string("default-src 'none'; script-src ").size());
}

}  // namespace
}  // namespace jiro::monitor
