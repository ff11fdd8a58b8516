// SPDX-License-Identifier: MIT
#pragma once
// The loggers of delivery, one a component: the outbox and its files, the courier, the gRPC calls.

#include "jiro/base/log.hpp"

namespace jiro::delivery {

inline const log::Logger outbox_log{"outbox"};
inline const log::Logger courier_log{"courier"};
inline const log::Logger grpc_log{"grpc"};

}  // namespace jiro::delivery
