#pragma once
// The credentials of one attempt. Files are read at each call: a rotated token is used by the next attempt, without a
// reload. Called on the event loop before each hub attempt and each gRPC call; the files are small and local.

#include "jiro/base/error.hpp"
#include "jiro/base/secret.hpp"
#include "jiro/config/config.hpp"
#include "jiro/config/load.hpp"

namespace jiro::config {

struct Credentials {
    Secret access_token;
    Secret api_key;
};

// Both, empty where none is configured. Fails with a message that names the file when it cannot be read, is larger than
// 64 KiB, is empty, or holds control characters; one newline at its end is dropped. A file that everybody on the
// machine can read is used, with a warning in the log. What was read is registered with the log's scrubber.
// `environment` gives the values of ${CREDENTIALS_DIRECTORY} and its like.
[[nodiscard]] Result<Credentials> read_credentials(const CredentialSources& sources, const Environment& environment);

}  // namespace jiro::config
