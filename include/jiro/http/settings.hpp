// SPDX-License-Identifier: MIT
#pragma once
// How a server is reached: what the hub connection, the assistant and whoever else speaks HTTP tell the client. Values.

#include <chrono>
#include <optional>

#include "jiro/base/tls_files.hpp"
#include "jiro/base/url.hpp"

namespace jiro::http {

// The files are read anew at each connection.
struct TlsSettings : TlsFiles {
    bool verify = true;  // false: any certificate is accepted; warned about at each start

    friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

// The time limit of each step until a connection stands. Each has its own named error (errors.hpp).
struct StepLimits {
    std::chrono::milliseconds resolve{10'000};  // name resolution
    std::chrono::milliseconds connect{10'000};  // TCP, all addresses together
    std::chrono::milliseconds proxy{10'000};    // HTTP CONNECT
    std::chrono::milliseconds tls{10'000};      // TLS handshake

    friend bool operator==(const StepLimits&, const StepLimits&) = default;
};

// Which machines may be at the end of a connection, by the addresses that its host resolves to. Not where a proxy
// leads: it resolves the name itself, and answers for where it goes.
enum class Reach { anywhere, this_machine, other_machines };

// Where a server is, and the way to it.
struct Endpoint {
    Url url;
    TlsSettings tls;
    std::optional<Url> proxy;  // as from proxy_for
    StepLimits limits;
    Reach reach = Reach::anywhere;
};

}  // namespace jiro::http
