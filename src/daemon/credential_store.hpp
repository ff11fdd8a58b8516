// SPDX-License-Identifier: MIT
#pragma once
// The one place where the tokens of the configuration reach the two channels. Holds the sources (which a reload may
// change) and reads the files anew whenever the hub connection or the result sender asks, on another thread: it waits a
// moment for that. Files whose mount does not answer leave what was read before in use, and so for two seconds do files
// that cannot be read: they may be written anew just now. Event loop only.

#include <optional>
#include <string>

#include "jiro/base/clock.hpp"
#include "jiro/base/environment.hpp"
#include "jiro/config/config.hpp"
#include "jiro/config/credentials.hpp"
#include "jiro/delivery/grpc_result_sender.hpp"
#include "jiro/signalr/settings.hpp"

namespace jiro::daemon {

class CredentialStore {
  public:
    CredentialStore(config::CredentialSources sources, Environment environment);

    void replace(config::CredentialSources sources);

    // The providers refer to this object, which must outlive them.
    [[nodiscard]] signalr::CredentialsProvider for_hub();
    [[nodiscard]] delivery::CredentialsProvider for_grpc();

    // A server may repeat what it was told: its words with our credentials replaced by ***.
    [[nodiscard]] std::string redacted(std::string text) const;

  private:
    // What was read not longer ago than that, or now.
    const Result<Credentials>& fetch(Duration max_age);

    config::CredentialSources sources_;
    Environment environment_;
    Result<Credentials> current_;
    std::optional<TimePoint> read_at_;  // nothing: before the last reload
    std::optional<TimePoint> fails_since_;
    bool hangs_ = false;  // its files did not answer when they were asked last
};

}  // namespace jiro::daemon
