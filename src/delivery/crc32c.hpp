// SPDX-License-Identifier: MIT
#pragma once
// CRC-32C (Castagnoli): guards what the outbox stores against silent damage.

#include <cstdint>
#include <string_view>

namespace jiro::delivery {

[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0) noexcept;

}  // namespace jiro::delivery
