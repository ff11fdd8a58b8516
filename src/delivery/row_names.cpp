// SPDX-License-Identifier: MIT
#include <string_view>

#include "jiro/delivery/outbox.hpp"

namespace jiro::delivery {

std::string_view to_string(RowState state) noexcept {
    switch (state) {
        case RowState::received:
            return "received";
        case RowState::running:
            return "running";
        case RowState::done:
            return "done";
        case RowState::delivered:
            return "delivered";
        case RowState::dead:
            return "dead";
    }
    return "unknown";
}

}  // namespace jiro::delivery
