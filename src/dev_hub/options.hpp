// SPDX-License-Identifier: MIT
#pragma once
// What the development hub can be told, as data. The command line (cli.cpp) and tests fill it in; every field has a
// default that works on loopback.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/clock.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/base/tls_files.hpp"

namespace jiro::dev_hub {

struct Endpoint {
    std::string address = "127.0.0.1";  // an IP address, no brackets
    std::uint16_t port = 0;             // 0: a free one

    // "127.0.0.1:5001", "[::1]:5001", ":5001" (127.0.0.1), "5001".
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
    // With brackets where they are needed.
    [[nodiscard]] std::string text() const;
};

enum class ArgumentForm { object, string };
enum class Duplicates { accept, already_exists };

struct Options {
    Endpoint hub;
    Endpoint grpc;
    std::string hub_path = "/instanceHub";
    Secret token;                          // empty: not checked
    Secret api_key;                        // empty: not checked
    std::optional<TlsFiles> tls;           // with `ca`, a client certificate signed by it is required
    std::filesystem::path control_socket;  // empty: no control socket

    std::string target = "ReceiveCommand";
    ArgumentForm argument = ArgumentForm::object;

    Duration keep_alive = std::chrono::seconds(15);
    Duration client_timeout = std::chrono::seconds(30);
    Duration handshake_timeout = std::chrono::seconds(15);
    Duration negotiated_lifetime = std::chrono::seconds(15);
    std::size_t max_receive_bytes = 32 * 1024;

    Duplicates duplicates = Duplicates::accept;  // how a result is answered whose commandSyncId was accepted before
    std::optional<std::uint64_t> seed;           // of the probabilities; nullopt: from the kernel
    std::vector<std::string> misbehaviours;      // applied at the start, in the words of misbehaviour.hpp
};

// $XDG_RUNTIME_DIR/jiro-dev-hub.sock, else /tmp/jiro-dev-hub-<uid>.sock.
[[nodiscard]] std::filesystem::path default_control_socket();

// False for different lengths; otherwise takes the same time wherever the difference is.
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

}  // namespace jiro::dev_hub
