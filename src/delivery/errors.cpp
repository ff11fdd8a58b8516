// SPDX-License-Identifier: MIT
#include "jiro/delivery/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::delivery {

namespace {

constexpr std::array kDeliveryErrorTexts = std::to_array<std::string_view>({
    "the outbox is open in another jiro-client",
    "the outbox holds as many commands as it may",
    "the outbox holds as many bytes as it may",
    "no such command in the outbox",
    "the command's state does not allow it",
    "the redo log cannot be had",
    "the outbox's name is that of another file",
    "a TLS file cannot be read",
    "no gRPC server is configured",
    "the proxy cannot be used",
    "too few descriptors are left",
    "the credentials cannot be read",
});

}  // namespace

boost::system::error_code make_error_code(errc code) noexcept {
    static const ErrorCategory<errc::no_credentials> category("jiro.delivery", kDeliveryErrorTexts);
    return {static_cast<int>(code), category};
}

}  // namespace jiro::delivery
