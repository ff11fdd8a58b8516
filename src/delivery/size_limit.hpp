// SPDX-License-Identifier: MIT
#pragma once
// SizeLimit: what an answer proves about the size of one message. A result's text is cut on this evidence alone: the
// peer named a limit and a size that is this message's, or a proxy answered 413. Pure. A quota, a rate limit, or a
// status that gRPC made up here (local) is no such evidence, whatever words it uses.

#include <cstddef>
#include <optional>

#include "jiro/delivery/result_sender.hpp"

namespace jiro::delivery {

// Nobody is served by less: below it a refusal that names no limit is treated as any other failure.
inline constexpr std::size_t kSmallestGuess = 64 * 1024;

struct SizeLimit {
    std::size_t bytes = 0;  // that a whole message may have
    bool is_named = true;   // false: the peer refused the size without a number; this is the next step down
};

// nullopt: `answer` does not prove that a message of `message_bytes` was too big for the peer.
[[nodiscard]] std::optional<SizeLimit> size_limit(const SendResult& answer, std::size_t message_bytes);

}  // namespace jiro::delivery
