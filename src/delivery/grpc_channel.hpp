#pragma once
// Makes the channel to the server: its arguments and its TLS, in one place.

#include <memory>

#include "jiro/base/error.hpp"
#include "jiro/delivery/settings.hpp"

namespace grpc {
class Channel;
}

namespace jiro::delivery {

// Fails when server_url is missing, a TLS file cannot be read, or (the first one) descriptors lack. Files are read here, so a new channel sees rotated
// ones.
[[nodiscard]] Result<std::shared_ptr<grpc::Channel>> make_channel(const GrpcSettings& settings);

}  // namespace jiro::delivery
