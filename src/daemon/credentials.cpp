#include "daemon/credentials.hpp"

namespace jiro::daemon {

signalr::CredentialsProvider Credentials::for_hub() const {
    return [this]() -> Result<signalr::Credentials> {
        auto read = config::read_credentials(sources_, environment_);
        if (!read) return read.error();
        return signalr::Credentials{std::move(read->access_token), std::move(read->api_key)};
    };
}

delivery::CredentialsProvider Credentials::for_grpc() const {
    return [this]() -> Result<delivery::Credentials> {
        auto read = config::read_credentials(sources_, environment_);
        if (!read) return read.error();
        return delivery::Credentials{std::move(read->access_token), std::move(read->api_key)};
    };
}

std::string Credentials::without_secrets(std::string text) const {
    constexpr std::size_t kShortestSecret = 4;  // a shorter one would be found in half of all words
    const auto read = config::read_credentials(sources_, environment_);
    if (!read || text.empty()) return text;
    for (const Secret* secret : {&read->access_token, &read->api_key}) {
        const std::string& hidden = secret->reveal();
        if (hidden.size() < kShortestSecret) continue;
        for (auto at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at + 3))
            text.replace(at, hidden.size(), "***");
    }
    return text;
}

}  // namespace jiro::daemon
