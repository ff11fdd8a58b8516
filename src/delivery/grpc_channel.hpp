// SPDX-License-Identifier: MIT
#pragma once
// Makes the channel to the server: its arguments and its TLS, in one place.

#include <chrono>
#include <memory>

#include "jiro/base/environment.hpp"
#include "jiro/base/error.hpp"
#include "jiro/base/task.hpp"
#include "jiro/base/tls_files.hpp"
#include "jiro/delivery/settings.hpp"

namespace grpc {
class Channel;
}

namespace jiro::delivery {

// Of the answer's message. A CommandResultResponse has a few hundred.
inline constexpr int kMaxAnswerBytes = 1024 * 1024;

// What the channel's TLS needs: read off the event loop, anew for each channel, so that it sees rotated files.
// errc::bad_tls_file names the file.
[[nodiscard]] Task<Result<TlsMaterial>> read_tls(GrpcSettings settings);

// Fails when server_url is missing, its proxy cannot be used, or (the first one) descriptors lack. `environment`: for
// the proxy. `connect_limit`: of each of the server's addresses, TLS included.
[[nodiscard]] Result<std::shared_ptr<grpc::Channel>> make_channel(const GrpcSettings& settings, TlsMaterial tls,
                                                                  const Environment& environment,
                                                                  std::chrono::milliseconds connect_limit);

}  // namespace jiro::delivery
