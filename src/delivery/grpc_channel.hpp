// SPDX-License-Identifier: MIT
#pragma once
// Makes the channel to the server: its arguments and its TLS, in one place.

#include <memory>

#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/base/tls_files.hpp"
#include "jiro/delivery/settings.hpp"

namespace grpc {
class Channel;
}

namespace jiro::delivery {

// What the channel's TLS needs: read off the event loop, anew for each channel, so that it sees rotated files.
// errc::bad_tls_file names the file.
[[nodiscard]] Task<Result<TlsMaterial>> read_tls(GrpcSettings settings);

// Fails when server_url is missing or (the first one) descriptors lack.
[[nodiscard]] Result<std::shared_ptr<grpc::Channel>> make_channel(const GrpcSettings& settings, TlsMaterial tls);

}  // namespace jiro::delivery
