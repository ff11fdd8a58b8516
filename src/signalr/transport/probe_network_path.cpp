// SPDX-License-Identifier: MIT
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "jiro/signalr/errors.hpp"
#include "jiro/signalr/probe.hpp"
#include "signalr/transport/certificate.hpp"
#include "signalr/transport/dialer.hpp"
#include "signalr/transport/tls.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;
using End = ProbeResult::End;

namespace {

// The step of dial() that this error ends.
ProbeStep step_of(const Error& error) {
    if (error.code == errc::resolve_failed || error.code == errc::resolve_timeout) return ProbeStep::resolve;
    if (error.code == errc::connect_failed || error.code == errc::connect_timeout) return ProbeStep::connect;
    return ProbeStep::proxy;
}

class PathReport {
  public:
    explicit PathReport(const NetworkPath& path) : path_(path) {}

    void dial_failed(Error error) {
        const ProbeStep step = step_of(error);
        note_all_before(step);
        report_.steps.push_back({step, End::failed, {}, std::move(error)});
        for (const auto later : {ProbeStep::connect, ProbeStep::proxy, ProbeStep::tls}) {
            if (later > step) report_.steps.push_back({later, End::skipped, "not reached", {}});
        }
    }

    void dialled(const tcp::socket& socket) {
        boost::system::error_code error;
        const auto endpoint = socket.remote_endpoint(error);
        if (!error) address_ = endpoint.address().to_string();
        note_all_before(ProbeStep::tls);
    }

    void tls_passed(SSL* connection) {
        report_.certificate = first_to_expire(connection);
        std::string seen = std::string(SSL_get_version(connection)) + " with " + path_.url.authority();
        if (!path_.tls.verify) seen += ", its certificate not verified";
        report_.steps.push_back({ProbeStep::tls, End::passed, std::move(seen), {}});
    }

    void tls_failed(Error error) { report_.steps.push_back({ProbeStep::tls, End::failed, {}, std::move(error)}); }

    void without_tls() { report_.steps.push_back({ProbeStep::tls, End::skipped, "the URL is not https", {}}); }

    ProbeReport take() { return std::move(report_); }

  private:
    // What passed when the first thing that can go wrong is `step`.
    void note_all_before(ProbeStep step) {
        const Url& first_hop = path_.proxy ? *path_.proxy : path_.url;
        boost::system::error_code not_an_address;
        static_cast<void>(asio::ip::make_address(first_hop.host(), not_an_address));
        if (!not_an_address) {
            report_.steps.push_back({ProbeStep::resolve, End::skipped, "the URL has an address instead of a name", {}});
        } else if (step > ProbeStep::resolve) {
            const std::string to = address_.empty() ? "" : " to " + address_;
            report_.steps.push_back(
                {ProbeStep::resolve, End::passed, std::string(first_hop.host()) + " resolves" + to, {}});
        }
        if (step > ProbeStep::connect) {
            report_.steps.push_back(
                {ProbeStep::connect, End::passed, first_hop.authority() + " takes connections", {}});
        }
        if (step <= ProbeStep::proxy) return;
        if (path_.proxy) {
            report_.steps.push_back({ProbeStep::proxy,
                                     End::passed,
                                     path_.proxy->authority() + " opens a tunnel to " + path_.url.authority(),
                                     {}});
        } else {
            report_.steps.push_back({ProbeStep::proxy, End::skipped, "no proxy is used", {}});
        }
    }

    const NetworkPath& path_;
    std::string address_;
    ProbeReport report_;
};

}  // namespace

Task<ProbeReport> probe_network_path(Clock& clock, NetworkPath path) {
    PathReport report(path);
    const HttpRequest request{path.url, {}, path.tls, path.proxy, path.limits};
    auto socket = co_await dial(clock, request);
    if (!socket) {
        report.dial_failed(socket.error());
        co_return report.take();
    }
    report.dialled(*socket);
    if (!path.url.is_tls()) {
        report.without_tls();
        co_return report.take();
    }
    const auto context = co_await make_tls_context(clock, path.tls, path.limits);
    if (!context) {
        report.tls_failed(context.error());
        co_return report.take();
    }
    TlsStream stream(std::move(*socket), **context);
    const auto secured = co_await tls_handshake(clock, stream, request);
    if (secured) {
        report.tls_passed(stream.native_handle());
    } else {
        report.tls_failed(secured.error());
    }
    co_return report.take();
}

}  // namespace jiro::signalr
