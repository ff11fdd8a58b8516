// SPDX-License-Identifier: MIT
#pragma once
// The journal's MESSAGE_IDs of the events that an operator should be able to look up: `journalctl -x` explains them by
// systemd/jiro-client.catalog, and alerts can match them. An id never changes its meaning.

#include "jiro/base/log.hpp"

namespace jiro::daemon::event {

inline constexpr log::Event kNotConfigured{"5b1e0d6c2f7a4c0e9a3d1f5b7c9e2a41"};
inline constexpr log::Event kCannotStart{"8f2a4d17c05b4e6fb1c94e0a6d3f7b52"};
inline constexpr log::Event kReloadRefused{"c3e97b20a4164d8f8e5b2a7d9f106c63"};
inline constexpr log::Event kWantsRestart{"17d0c8e5b69f4a3b92e4f7031c5d8a74"};
inline constexpr log::Event kInterrupted{"e94b6f3d7a0c4521a8d6103f5c2b9e85"};
inline constexpr log::Event kRowSetAside{"2a7c5e91f3d84b06b4e09d6f8a1c3796"};
inline constexpr log::Event kLeftUndelivered{"6d3f8b0a5e2c4971bc81f5e7d20a94a7"};
inline constexpr log::Event kAudit{"a4d1c7e2905b4f3c8e6f27b1d8305c96"};

}  // namespace jiro::daemon::event
