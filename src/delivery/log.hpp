// SPDX-License-Identifier: MIT
#pragma once
// The loggers of delivery, one a component: the outbox and its files, the courier, the gRPC calls.

#include "jiro/base/log.hpp"

namespace jiro::delivery {

inline constexpr log::Logger outbox_log{"outbox"};
inline constexpr log::Logger courier_log{"courier"};
inline constexpr log::Logger grpc_log{"grpc"};

}  // namespace jiro::delivery
