// SPDX-License-Identifier: MIT
#include "jiro/config/check_tls.hpp"

#include <algorithm>

namespace jiro::config {

namespace {

// Whether somebody is reached by it: authorities of the environment, some hundred, are read for no other.
bool is_used(const TlsFiles* files, const Config& config) {
    const auto& hub = config.websocket.hub_url;
    const auto& server = config.delivery.grpc.server_url;
    if (files == &config.websocket.tls) return hub && hub->is_tls();
    if (files == &config.delivery.grpc.tls) return server && server->is_tls();
    return config.chat.is_configured() && config.chat.endpoint.is_tls();
}

}  // namespace

std::vector<TlsProblem> check_tls_files(const Config& config) {
    std::vector<TlsProblem> problems;
    const auto add = [&problems](const std::string& message) {
        if (std::ranges::count(problems, message, &TlsProblem::message) > 0) return;
        problems.push_back({message.substr(0, message.find(' ')), message});
    };
    for (const auto& [section, named] : tls_sections(config)) {
        if (*named == TlsFiles() && !is_used(named, config)) continue;
        TlsFiles files = *named;
        auto material = read_tls_files(files);
        if (!material && !files.ca.empty() && material.error().message.starts_with("CaFile")) {
            add(section + ('.' + material.error().message));
            files.ca.clear();  // the others may be wrong, too
            material = read_tls_files(files);
        }
        if (material) continue;
        const std::string& message = material.error().message;
        add(message.starts_with("SSL_CERT_") ? message : section + ('.' + message));
    }
    return problems;
}

}  // namespace jiro::config
