// SPDX-License-Identifier: MIT
#pragma once
// From OpenSSL's X509 to what an operator wants to know of a certificate.

#include <openssl/types.h>

#include <optional>

#include "jiro/signalr/probe.hpp"

namespace jiro::signalr {

// nullopt when its dates cannot be read.
[[nodiscard]] std::optional<Certificate> describe(const X509* certificate);

// Of what the server showed in its handshake, the one that expires first.
[[nodiscard]] std::optional<Certificate> first_to_expire(SSL* connection);

}  // namespace jiro::signalr
