// SPDX-License-Identifier: MIT
#pragma once
// What an exchange holds while it is under way. Event loop only.

#include <boost/asio/cancellation_signal.hpp>

#include "assistant/model_client.hpp"
#include "jiro/assistant/assistant.hpp"
#include "jiro/base/event.hpp"

namespace jiro::assistant {

struct Exchange::Impl {
    Impl(const Executor& executor, Ask question, SettingsPtr current, std::shared_ptr<ModelClient> its_model)
        : ask(std::move(question)), settings(std::move(current)), model(std::move(its_model)), changed(executor) {}

    Ask ask;
    std::string answer_id;
    SettingsPtr settings;
    std::shared_ptr<ModelClient> model;
    TimePoint started;
    Answer answer;        // of the model's latest turn
    std::string text;     // all its turns; of the latest, what has come
    std::string earlier;  // turns before the latest
    Event changed;
    std::optional<ExchangeEnd> end;
    std::optional<std::string> cancel_reason;
    boost::asio::cancellation_signal* running = nullptr;  // what cancel() stops
    std::function<void()> wake_up;                        // who waits for something else
};

}  // namespace jiro::assistant
