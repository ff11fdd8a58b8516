// SPDX-License-Identifier: MIT
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <ctime>
#include <memory>

#include "jiro/base/tls_files.hpp"
#include "jiro/http/dialer.hpp"
#include "jiro/http/errors.hpp"
#include "jiro/http/tls.hpp"
#include "jiro/signalr/errors.hpp"
#include "jiro/signalr/probe.hpp"
#include "signalr/transport/network_error.hpp"

namespace jiro::signalr {

namespace asio = boost::asio;
using asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;

namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::optional<WallTime> to_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string subject_of(const X509* certificate) {
    const Bio out(BIO_new(BIO_s_mem()), BIO_free);
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

void keep_earlier(std::optional<Certificate>& kept, std::optional<Certificate> other) {
    if (other && (!kept || other->not_after < kept->not_after)) kept = std::move(other);
}

// nullopt when its dates cannot be read.
std::optional<Certificate> describe(const X509* certificate) {
    const auto not_before = to_time(X509_get0_notBefore(certificate));
    const auto not_after = to_time(X509_get0_notAfter(certificate));
    if (!not_before || !not_after) return std::nullopt;
    return Certificate{subject_of(certificate), *not_before, *not_after};
}

// Of what the server showed in its handshake, the one that expires first.
std::optional<Certificate> first_to_expire(SSL* connection) {
    std::optional<Certificate> first;
    STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
    for (int i = 0; i < sk_X509_num(chain); ++i) keep_earlier(first, describe(sk_X509_value(chain, i)));
    return first;
}

// The step of dial() that this error ends.
ProbeStep step_of(const Error& error) {
    if (error.code == http::errc::resolve_failed || error.code == http::errc::resolve_timeout)
        return ProbeStep::resolve;
    if (error.code == http::errc::connect_failed || error.code == http::errc::connect_timeout)
        return ProbeStep::connect;
    return ProbeStep::proxy;
}

class PathReport {
  public:
    explicit PathReport(const http::Endpoint& endpoint) : endpoint_(endpoint) {}

    void dial_failed(Error error) {
        const ProbeStep step = step_of(error);
        note_all_before(step);
        report_.failed(step, std::move(error));
        for (const auto later : {ProbeStep::connect, ProbeStep::proxy, ProbeStep::tls}) {
            if (later > step) report_.skipped(later, "not reached");
        }
    }

    void dialled(const tcp::socket& socket) {
        boost::system::error_code error;
        const auto peer = socket.remote_endpoint(error);
        if (!error) address_ = peer.address().to_string();
        note_all_before(ProbeStep::tls);
    }

    void tls_passed(SSL* connection) {
        report_.certificate = first_to_expire(connection);
        std::string seen = std::string(SSL_get_version(connection)) + " with " + endpoint_.url.authority();
        if (!endpoint_.tls.verify) seen += ", its certificate not verified";
        if (http::misses_client_certificate(connection))
            seen += ", which asks for a client certificate: none is configured";
        report_.passed(ProbeStep::tls, std::move(seen));
    }

    void tls_failed(Error error) { report_.failed(ProbeStep::tls, std::move(error)); }

    void without_tls() { report_.skipped(ProbeStep::tls, "the URL is not https"); }

    ProbeReport take() { return std::move(report_); }

  private:
    // What passed when the first thing that can go wrong is `step`.
    void note_all_before(ProbeStep step) {
        const Url& first_hop = endpoint_.proxy ? *endpoint_.proxy : endpoint_.url;
        boost::system::error_code not_an_address;
        static_cast<void>(asio::ip::make_address(first_hop.host(), not_an_address));
        if (!not_an_address) {
            report_.skipped(ProbeStep::resolve, "the URL has an address instead of a name");
        } else if (step > ProbeStep::resolve) {
            const std::string to = address_.empty() ? "" : " to " + address_;
            report_.passed(ProbeStep::resolve, std::string(first_hop.host()) + " resolves" + to);
        }
        if (step > ProbeStep::connect) report_.passed(ProbeStep::connect, first_hop.authority() + " takes connections");
        if (step <= ProbeStep::proxy) return;
        if (endpoint_.proxy) {
            report_.passed(ProbeStep::proxy,
                           endpoint_.proxy->authority() + " opens a tunnel to " + endpoint_.url.authority());
        } else {
            report_.skipped(ProbeStep::proxy, "no proxy is used");
        }
    }

    const http::Endpoint& endpoint_;
    std::string address_;
    ProbeReport report_;
};

}  // namespace

Task<ProbeReport> probe_network_path(Clock& clock, http::Endpoint endpoint) {
    PathReport report(endpoint);
    auto socket = co_await http::dial(clock, endpoint);
    if (!socket) {
        report.dial_failed(named_for_hub(socket.error(), errc::internal));
        co_return report.take();
    }
    report.dialled(*socket);
    if (!endpoint.url.is_tls()) {
        report.without_tls();
        co_return report.take();
    }
    const auto context = co_await http::make_tls_context(clock, endpoint.tls, endpoint.limits);
    if (!context) {
        report.tls_failed(named_for_hub(context.error(), errc::internal));
        co_return report.take();
    }
    TlsStream stream(std::move(*socket), **context);
    const auto secured = co_await http::tls_handshake(clock, stream, endpoint);
    if (secured) {
        report.tls_passed(stream.native_handle());
    } else {
        report.tls_failed(named_for_hub(secured.error(), errc::internal));
    }
    co_return report.take();
}

Result<Certificate> first_to_expire(std::string_view pem) {
    const auto certificates = certificates_in(pem);
    if (!certificates) return certificates.error();
    std::optional<Certificate> first;
    for (const auto& certificate : *certificates) keep_earlier(first, describe(certificate.get()));
    if (!first) return Error(http::errc::tls_settings_invalid, "holds no certificate whose dates can be read");
    return std::move(*first);
}

}  // namespace jiro::signalr
