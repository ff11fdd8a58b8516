// SPDX-License-Identifier: MIT
#include "assistant/exchange.hpp"

#include "jiro/base/text.hpp"

namespace jiro::assistant {

namespace {

constexpr std::chrono::milliseconds kAtOnce{50};

}  // namespace

// Of the time in which it wrote: the first token is when that begins. An answer that comes at once was written before.
double ExchangeEnd::tokens_per_second() const noexcept {
    const Duration writing = time - first_token.value_or(Duration{});
    const double seconds = in_seconds(writing < kAtOnce ? time : writing);
    return seconds > 0 ? static_cast<double>(completion_tokens) / seconds : 0;
}

std::string ExchangeEnd::note() const {
    std::string text = std::to_string(prompt_tokens) + " tokens in, " + std::to_string(completion_tokens) + " out";
    if (is_estimated) text += " (estimated)";
    if (first_token) text += ", first after " + decimal(in_seconds(*first_token), 1) + " s";
    text += ", " + decimal(in_seconds(time), 1) + " s";
    if (completion_tokens > 0) text += ", " + decimal(tokens_per_second(), 1) + " tokens/s";
    if (is_cut_short) text += ", cut off at its limit of tokens";
    if (tool_calls > 0) text += ", " + std::to_string(tool_calls) + " tool calls";
    return text;
}

std::string ExchangeEnd::words() const {
    std::string text = answer;
    if (error) {
        text = error->message;
        if (!answer.empty()) {
            text += "\n\nWhat came until then";
            text += not_stored ? ":\n\n" : " (it is in the session, marked as cut off):\n\n";
            text += answer;
        }
    }
    if (not_stored) text += "\n\n(This is not in the session: " + not_stored->message + ")";
    return text;
}

Exchange::Exchange(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Exchange::~Exchange() = default;

const std::string& Exchange::session_id() const noexcept { return impl_->ask.session_id; }
const std::string& Exchange::answer_id() const noexcept { return impl_->answer_id; }
const std::string& Exchange::text() const noexcept { return impl_->text; }
bool Exchange::has_ended() const noexcept { return impl_->end.has_value(); }
const ExchangeEnd& Exchange::end() const noexcept { return *impl_->end; }

Task<> Exchange::until_ended() {
    while (!impl_->end) co_await impl_->changed.wait();
}

Task<> Exchange::until_more() {
    const auto before = impl_->text.size();
    while (!impl_->end && impl_->text.size() == before) co_await impl_->changed.wait();
}

void Exchange::cancel(std::string reason) {
    if (impl_->end || impl_->cancel_reason) return;
    impl_->cancel_reason = std::move(reason);
    if (impl_->running != nullptr) impl_->running->emit(boost::asio::cancellation_type::terminal);
    if (impl_->wake_up) impl_->wake_up();
}

}  // namespace jiro::assistant
