// SPDX-License-Identifier: MIT
#pragma once
// What the operator lets the hub ask beside sending commands: the `Hub` section of the configuration. A plain value;
// the daemon's request router reads it at each request.

#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/enum_names.hpp"

namespace jiro::config {

enum class RequestKind {
    commands,  // which commands there are, and to run them
    sessions,  // conversations: list, read, rename, remove
    machine,   // this machine: processors, memory, system
    config,    // the effective configuration, and to change some of it
    logs,      // the daemon's log, also as it grows
    themes,    // colour schemes for the hub's own pages
};
inline constexpr auto kRequestKindNames = enum_names<RequestKind::commands, RequestKind::themes>;
[[nodiscard]] constexpr std::string_view to_string(RequestKind kind) noexcept {
    return kRequestKindNames[static_cast<std::size_t>(kind)];
}

// Some of the kinds.
class RequestKinds {
  public:
    // What a hub may ask unless the operator says something else: what it learns is no secret of this machine's.
    [[nodiscard]] static RequestKinds usual() {
        RequestKinds kinds = all();
        kinds.remove(RequestKind::config);
        kinds.remove(RequestKind::logs);
        return kinds;
    }
    [[nodiscard]] static RequestKinds all() {
        RequestKinds kinds;
        kinds.bits_.set();
        return kinds;
    }

    void add(RequestKind kind) { bits_.set(static_cast<std::size_t>(kind)); }
    void remove(RequestKind kind) { bits_.reset(static_cast<std::size_t>(kind)); }
    [[nodiscard]] bool has(RequestKind kind) const { return bits_.test(static_cast<std::size_t>(kind)); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < bits_.size(); ++i) {
            if (bits_.test(i)) names.emplace_back(kRequestKindNames.at(i));
        }
        return names;
    }

    friend bool operator==(const RequestKinds&, const RequestKinds&) = default;

  private:
    std::bitset<kRequestKindNames.size()> bits_;
};

struct HubSettings {
    RequestKinds requests = RequestKinds::usual();
    std::string themes;  // folder of *.json; empty: none

    friend bool operator==(const HubSettings&, const HubSettings&) = default;
};

}  // namespace jiro::config
