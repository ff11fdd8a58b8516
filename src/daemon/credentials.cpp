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

}  // namespace jiro::daemon
