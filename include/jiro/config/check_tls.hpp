// SPDX-License-Identifier: MIT
#pragma once
// What the files of the Tls sections are good for now. They are no part of a configuration: a daemon starts without
// them, and reads them anew at each connection. Who looks at a configuration (check-config, doctor, the daemon at its
// start and at a reload) asks here and says the same.

#include <string>
#include <vector>

#include "jiro/config/config.hpp"

namespace jiro::config {

struct TlsProblem {
    std::string key_path;  // "WebSocket.Tls.CaFile"; or a variable that stands for it: "SSL_CERT_FILE"
    std::string message;   // begins with that, and names the file and the reason
};

// By the function that reads them for a connection (base/tls_files.hpp). Blocks.
[[nodiscard]] std::vector<TlsProblem> check_tls_files(const Config& config);

}  // namespace jiro::config
