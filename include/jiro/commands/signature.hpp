// SPDX-License-Identifier: MIT
#pragma once
// Signed commands (docs/signing.md): a command message may carry, among its parameters, who wants it and until when,
// and an Ed25519 signature over all of it. A hub that was taken over can then have nothing run but what somebody with a
// key signed, once, in time, and on the machine it was signed for. The dispatcher checks; `jiro-client sign` signs.
// Pure.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jiro/base/clock.hpp"
#include "jiro/base/ed25519.hpp"
#include "jiro/base/error.hpp"
#include "jiro/commands/settings.hpp"
#include "jiro/model/command_message.hpp"

namespace jiro::commands {

// The three parameters: base64 of the 64 bytes, the key's name, seconds since 1970-01-01 UTC. Found in any case.
inline constexpr std::string_view kSignatureParameter = "jiro.signature";
inline constexpr std::string_view kKeyIdParameter = "jiro.keyId";
inline constexpr std::string_view kNotAfterParameter = "jiro.notAfter";

[[nodiscard]] bool is_of_signature(std::string_view parameter) noexcept;
// What a handler or a program sees of the parameters.
[[nodiscard]] Parameters without_signature(const Parameters& parameters);

// The bytes that are signed, of a message with or without the three parameters. `instance_id`: of the machine that is
// to run it.
[[nodiscard]] std::string signed_form(const CommandMessage& message, std::string_view instance_id,
                                      std::string_view key_id, std::string_view not_after);

// Puts the three parameters into the message, whose instance_id is signed with it.
void sign(CommandMessage& message, const Ed25519PrivateKey& key, const std::string& key_id, std::int64_t not_after);

// Whether the message may run, and by whose key: nothing when it is not signed and need not be, or when no keys are
// trusted. errc::not_trusted says what is wrong with it. `now`: see LatestTime.
[[nodiscard]] Result<std::optional<std::string>> check_signature(const CommandMessage& message,
                                                                 const Settings& settings, bool runs_program,
                                                                 WallTime now);

// The wall clock for times that must not come again: set back, it goes on from where it was, with the boot clock.
class LatestTime {
  public:
    explicit LatestTime(const Clock& clock) : clock_(clock), boot_at_(clock.boot_now()) {}

    [[nodiscard]] WallTime now();
    // What is known to have been.
    void not_before(WallTime time) { latest_ = std::max(latest_, time); }

  private:
    const Clock& clock_;
    WallTime latest_{};
    Duration boot_at_;
};

}  // namespace jiro::commands
