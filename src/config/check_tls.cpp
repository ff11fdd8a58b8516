// SPDX-License-Identifier: MIT
#include "jiro/config/check_tls.hpp"

#include <algorithm>

namespace jiro::config {

std::vector<TlsProblem> check_tls_files(const Config& config) {
    std::vector<TlsProblem> problems;
    const auto add = [&problems](const std::string& message) {
        if (std::ranges::count(problems, message, &TlsProblem::message) > 0) return;
        problems.push_back({message.substr(0, message.find(' ')), message});
    };
    for (const auto& [section, named] : tls_sections(config)) {
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
