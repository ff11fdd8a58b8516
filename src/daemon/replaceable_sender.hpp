// SPDX-License-Identifier: MIT
#pragma once
// A ResultSender that forwards to another one, which a reload may replace: the courier keeps its reference, calls under
// way are cancelled on the sender that they began with, and repeated on the new one. Event loop only. The observer
// hears of every answer first, and may amend its words.

#include <functional>
#include <memory>

#include "jiro/delivery/result_sender.hpp"

namespace jiro::daemon {

class ReplaceableSender final : public delivery::ResultSender {
  public:
    using Observer = std::function<void(delivery::SendResult&)>;

    explicit ReplaceableSender(std::unique_ptr<delivery::ResultSender> sender, Observer observer = {})
        : sender_(std::move(sender)), observer_(std::move(observer)) {}

    void replace(std::unique_ptr<delivery::ResultSender> sender) {
        sender_->cancel_calls();
        sender_ = std::move(sender);
    }

    [[nodiscard]] Task<delivery::SendResult> send(delivery::Bytes message, std::string id, int attempt) override;
    void reset() override { sender_->reset(); }
    void cancel_calls() override { sender_->cancel_calls(); }

  private:
    std::shared_ptr<delivery::ResultSender> sender_;  // shared with the calls under way
    Observer observer_;
};

}  // namespace jiro::daemon
