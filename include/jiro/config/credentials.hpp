// SPDX-License-Identifier: MIT
#pragma once
// The credentials, from the values and the files that the configuration names. The files are read at each call, and
// reading blocks: the daemon calls this off the event loop.

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/config/config.hpp"

namespace jiro::config {

// Both, empty where none is configured. Fails with a message that names the file when it cannot be read, is larger than
// 64 KiB, is empty, has more than one line, or holds what cannot be sent in a header; a byte order mark, blanks and
// line ends around the value are dropped. A file that everybody on the machine can read is used, with a warning in the
// log. What was read is registered with the log's scrubber. `environment` gives the values of ${CREDENTIALS_DIRECTORY}
// and its like.
[[nodiscard]] Result<Credentials> read_credentials(const CredentialSources& sources, const Environment& environment);

}  // namespace jiro::config
