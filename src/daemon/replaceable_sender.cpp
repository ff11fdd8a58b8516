#include "daemon/replaceable_sender.hpp"

namespace jiro::daemon {

Task<delivery::SendResult> ReplaceableSender::send(delivery::Bytes message, std::string id, int attempt) {
    const auto sender = sender_;
    co_return co_await sender->send(std::move(message), std::move(id), attempt);
}

}  // namespace jiro::daemon
