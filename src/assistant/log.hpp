// SPDX-License-Identifier: MIT
#pragma once
// The assistant's logger.

#include "jiro/base/log.hpp"

namespace jiro::assistant {

inline const log::Logger assistant_log{"assistant"};

}  // namespace jiro::assistant
