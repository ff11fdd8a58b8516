// SPDX-License-Identifier: MIT
#pragma once
// /dev/null, for what is to read nothing.

#include "jiro/base/error.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro {

// For reading. The message names it and says what to do.
[[nodiscard]] Result<FileDescriptor> open_null_device();

}  // namespace jiro
