// SPDX-License-Identifier: MIT
// StreamWordsRequested: one answer of the assistant, word by word as the model writes it, by the hub's method
// StreamWordsToServer. The contract declares both, and its own client has neither: it is for hubs that ask. Without a
// MessageId it is the answer that is being written in the session, or else the next one; an answer that is there
// already is given at once. An answer that is cut off fails the stream.

#include "daemon/requests/answers.hpp"
#include "daemon/requests/hub_uploads.hpp"
#include "daemon/requests/targets.hpp"
#include "jiro/assistant/assistant.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kAroundWord = 1024;  // bytes of a WordUpdate without its word; a message's id may be long
constexpr std::size_t kLongestEscape = 6;  // a byte as JSON
constexpr std::int64_t kLargestBuffer = 1'000'000;  // the server's business

using WordItem = std::optional<json>;

// The items of one answer, in their order.
class Words {
  public:
    Words(Clock& clock, const HubUploads& uploads) : clock_(clock), uploads_(uploads) {}

    // What there is of `text` behind what was given; nothing: no more yet.
    [[nodiscard]] WordItem next(const std::string& id, std::string_view text) {
        const auto word = utf8_head(text.substr(std::min(given_, text.size())), longest());
        if (word.empty()) return std::nullopt;
        given_ += word.size();
        return item(id, word, false);
    }
    [[nodiscard]] WordItem last(const std::string& id) { return item(id, "", true); }

  private:
    [[nodiscard]] std::size_t longest() const {
        const auto bytes = std::max(uploads_.max_item_bytes(), kAroundWord) - kAroundWord;
        return std::max<std::size_t>(bytes / kLongestEscape, 4);
    }
    [[nodiscard]] json item(const std::string& id, std::string_view word, bool is_last) {
        return {{"MessageId", to_utf8(id)},
                {"Word", to_utf8(word)},
                {"Position", position_++},
                {"IsComplete", is_last},
                {"Timestamp", date_text(clock_.wall_now())}};
    }

    Clock& clock_;
    const HubUploads& uploads_;
    std::size_t given_ = 0;  // bytes
    std::uint64_t position_ = 0;
};

class WordStream : public std::enable_shared_from_this<WordStream> {
  public:
    WordStream(assistant::Assistant& assistant, std::string session, std::string message, Words words)
        : assistant_(assistant), session_(std::move(session)), message_(std::move(message)), words_(std::move(words)) {}

    Task<Result<WordItem>> next() {
        const auto self = shared_from_this();
        if (is_complete_) co_return WordItem();
        while (!exchange_) {
            exchange_ = assistant_.find(session_, message_);
            if (!exchange_) co_await assistant_.until_asked();
        }
        auto item = words_.next(exchange_->answer_id(), exchange_->text());
        while (!item && !exchange_->has_ended()) {
            co_await exchange_->until_more();
            item = words_.next(exchange_->answer_id(), exchange_->text());
        }
        if (item) co_return std::move(item);
        is_complete_ = true;
        const auto& error = exchange_->end().error;
        if (error) co_return Error(error->code, "the answer was cut off; the command's result says why");
        co_return words_.last(exchange_->answer_id());
    }

  private:
    assistant::Assistant& assistant_;
    std::string session_;
    std::string message_;  // empty: any
    Words words_;
    std::shared_ptr<assistant::Exchange> exchange_;
    bool is_complete_ = false;
};

// An answer that is in the session already.
class StoredWords : public std::enable_shared_from_this<StoredWords> {
  public:
    StoredWords(SessionMessage message, Words words) : message_(std::move(message)), words_(std::move(words)) {}

    Task<Result<WordItem>> next() {
        auto item = words_.next(message_.id, message_.content);
        if (!item && !std::exchange(is_complete_, true)) item = words_.last(message_.id);
        co_return std::move(item);
    }

  private:
    SessionMessage message_;
    Words words_;
    bool is_complete_ = false;
};

Task<Result<std::optional<SessionMessage>>> find_answer(SessionStore& sessions, std::string session, std::string id) {
    MessagePage page;
    page.order = MessageOrder::newest_first;
    for (;;) {
        auto messages = co_await sessions.messages(session, page);
        if (!messages) co_return Error(messages.error().code, "Failed to read the session");
        for (auto& message : *messages) {
            if (message.id == id && !message.is_user) co_return std::move(message);
        }
        if (messages->empty()) co_return std::nullopt;
        page.after = messages->back().sequence;
    }
}

Task<Result<json>> start_words(Clock& clock, assistant::Assistant* assistant, HubUploads& uploads, Request request) {
    std::string session = request.members.text("SessionId");
    std::string message = request.members.text("MessageId");
    static_cast<void>(request.members.number("BufferSize", 0, kLargestBuffer));
    constexpr auto kFailed = "Failed to start the word stream";
    if (assistant == nullptr)
        co_return action_failed(request.id, kFailed, "no assistant is configured on this machine");
    Words words(clock, uploads);
    signalr::UploadSource source;
    if (message.empty() || assistant->find(session, message) != nullptr) {
        const auto stream = std::make_shared<WordStream>(*assistant, std::move(session), std::move(message), words);
        source = [stream] { return stream->next(); };
    } else {
        auto finding = find_answer(assistant->sessions(), session, message);
        auto found = co_await std::move(finding);
        if (!found) co_return found.error();
        if (!*found) {
            co_return action_failed(request.id, "Message not found",
                                    "Message with ID " + message + " does not exist in session " + session);
        }
        const auto stream = std::make_shared<StoredWords>(std::move(**found), words);
        source = [stream] { return stream->next(); };
    }
    const auto started =
        uploads.start(config::RequestKind::sessions, "StreamWordsToServer", request.id, std::move(source));
    if (!started) co_return action_failed(request.id, kFailed, started.error().message);
    co_return action_succeeded(request.id, "Word stream initiated successfully");
}

}  // namespace

RequestTargets words_targets(Clock& clock, std::function<assistant::Assistant*()> assistant, HubUploads& uploads) {
    const auto answer = [&clock, assistant = std::move(assistant), &uploads](Request request) {
        return start_words(clock, assistant(), uploads, std::move(request));
    };
    return {{"StreamWordsRequested", config::RequestKind::sessions, answer, refuse_action}};
}

}  // namespace jiro::daemon
