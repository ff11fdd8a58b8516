// SPDX-License-Identifier: MIT
#include "daemon/replaceable_sender.hpp"

namespace jiro::daemon {

Task<delivery::SendResult> ReplaceableSender::send(delivery::Bytes message, std::string id, int attempt) {
    const auto sender = sender_;
    auto answer = co_await sender->send(std::move(message), std::move(id), attempt);
    if (observer_) observer_(answer);
    co_return answer;
}

}  // namespace jiro::daemon
