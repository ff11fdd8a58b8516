#pragma once
// The one place where the tokens of the configuration reach the two channels. Holds the sources (which a reload may
// change) and reads the files anew whenever the hub connection or the result sender asks. Event loop only.

#include <string>

#include "jiro/config/config.hpp"
#include "jiro/config/credentials.hpp"
#include "jiro/config/load.hpp"
#include "jiro/delivery/grpc_result_sender.hpp"
#include "jiro/signalr/settings.hpp"

namespace jiro::daemon {

class Credentials {
  public:
    Credentials(config::CredentialSources sources, config::Environment environment)
        : sources_(std::move(sources)), environment_(std::move(environment)) {}

    void replace(config::CredentialSources sources) { sources_ = std::move(sources); }

    // The providers refer to this object, which must outlive them.
    [[nodiscard]] signalr::CredentialsProvider for_hub() const;
    [[nodiscard]] delivery::CredentialsProvider for_grpc() const;

    // A server may repeat what it was told: its words with our credentials replaced by ***.
    [[nodiscard]] std::string without_secrets(std::string text) const;

  private:
    config::CredentialSources sources_;
    config::Environment environment_;
};

}  // namespace jiro::daemon
