// SPDX-License-Identifier: MIT
#pragma once
// What can be read from an access token without knowing its key: when it expires, if it is a JSON Web Token (RFC 7519).

#include <optional>

#include "jiro/base/clock.hpp"
#include "jiro/base/secret.hpp"

namespace jiro::daemon::cli {

// The claim `exp`; nullopt for a token of another kind, or without it.
[[nodiscard]] std::optional<WallTime> expiry_of(const Secret& access_token);

}  // namespace jiro::daemon::cli
