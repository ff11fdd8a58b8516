// SPDX-License-Identifier: MIT
#include "stream_client/checks.hpp"

#include <chrono>
#include <memory>

namespace jiro::interop {

using nlohmann::json;
using signalr::CallOptions;
using signalr::HubConnection;
using signalr::UploadSource;

namespace {

using Item = Result<std::optional<json>>;

void expect(bool holds, const std::string& what) {
    if (!holds) throw CheckFailed(what);
}

template <typename T>
void expect_value(const Result<T>& result, const std::string& what) {
    if (!result) throw CheckFailed(what + ": " + result.error().message);
}

// An upload of the numbers 0..count-1; with `failing` it ends with an error instead of an end.
class Numbers {
  public:
    Numbers(int count, bool failing) : count_(count), failing_(failing) {}

    Task<Item> next() {
        if (next_ < count_) co_return Item(json(next_++));
        if (failing_) co_return Item(Error(signalr::errc::call_cancelled, "the source broke on purpose"));
        co_return Item(std::optional<json>());
    }

  private:
    int next_ = 0;
    int count_;
    bool failing_;
};

UploadSource numbers(int count, bool failing = false) {
    auto source = std::make_shared<Numbers>(count, failing);
    return [source] { return source->next(); };
}

class Words {
  public:
    explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}

    Task<Item> next() {
        if (next_ == words_.size()) co_return Item(std::optional<json>());
        co_return Item(json(words_[next_++]));
    }

  private:
    std::vector<std::string> words_;
    std::size_t next_ = 0;
};

UploadSource words(std::vector<std::string> list) {
    auto source = std::make_shared<Words>(std::move(list));
    return [source] { return source->next(); };
}

Task<json> invoke(HubConnection& hub, std::string target, json arguments, CallOptions options) {
    auto result = co_await hub.invoke(target, std::move(arguments), std::move(options));
    expect_value(result, target);
    co_return result->value_or(json());
}

Task<json> invoke(HubConnection& hub, std::string target, json arguments) {
    CallOptions options;
    co_return co_await invoke(hub, std::move(target), std::move(arguments), std::move(options));
}

Task<> calls(HubConnection& hub, Clock&) {
    json text = json::array({"\x1e caf\xc3\xa9 \xf0\x9f\x9a\x80"});
    const json echoed = co_await invoke(hub, "Echo", text);
    expect(echoed == text[0], "Echo returned " + echoed.dump());

    json number = json::array({9'223'372'036'854'775'807LL});
    const json exact = co_await invoke(hub, "EchoNumber", number);
    expect(exact == number[0], "a 64-bit number came back as " + exact.dump());

    json reason = json::array({"on purpose"});
    const auto failed = co_await hub.invoke("Fail", reason);
    expect(!failed && failed.error().message.find("on purpose") != std::string::npos,
           "Fail did not fail with its text");

    json nothing = json::array();
    const auto missing = co_await hub.invoke("NoSuchMethod", nothing);
    expect(!missing, "a method that does not exist succeeded");

    const auto sent = co_await hub.send("Echo", text);
    expect_value(sent, "send");
}

Task<> download(HubConnection& hub, Clock&) {
    json range = json::array({0, 1000});
    auto stream = co_await hub.stream("Count", range);
    expect_value(stream, "Count");
    for (int expected = 0;; ++expected) {
        const auto item = co_await stream->next();
        expect_value(item, "item " + std::to_string(expected));
        if (!item->has_value()) {
            expect(expected == 1000, "the stream ended after " + std::to_string(expected) + " items");
            co_return;
        }
        expect(**item == expected, "item " + std::to_string(expected) + " is " + (**item).dump());
    }
}

Task<> download_cancelled(HubConnection& hub, Clock& clock) {
    json range = json::array({0, 1'000'000'000});
    auto stream = co_await hub.stream("Count", range);
    expect_value(stream, "Count");
    for (int i = 0; i < 250; ++i) {
        const auto item = co_await stream->next();
        expect_value(item, "an item");
    }
    stream->cancel();
    const auto after = co_await stream->next();
    expect(!after, "an item came after cancel()");
    co_await clock.sleep_for(std::chrono::milliseconds(300));  // late items must do no harm
    json text = json::array({"still here"});
    const json echoed = co_await invoke(hub, "Echo", text);
    expect(echoed == "still here", "the connection is of no use after cancel()");
}

Task<> download_fails(HubConnection& hub, Clock&) {
    json count = json::array({5});
    auto stream = co_await hub.stream("CountThenFail", count);
    expect_value(stream, "CountThenFail");
    for (int i = 0; i < 5; ++i) {
        const auto item = co_await stream->next();
        expect_value(item, "an item before the error");
        expect(item->has_value(), "the stream ended before its items");
    }
    const auto end = co_await stream->next();
    expect(!end && end.error().message.find("on purpose") != std::string::npos,
           "the stream did not end with its error");
}

Task<> upload(HubConnection& hub, Clock&) {
    CallOptions options;
    options.uploads.push_back(numbers(500));
    json nothing = json::array();
    const json sum = co_await invoke(hub, "Sum", nothing, std::move(options));
    expect(sum == 500 * 499 / 2, "the sum is " + sum.dump());
}

Task<> upload_fails(HubConnection& hub, Clock&) {
    CallOptions options;
    options.uploads.push_back(numbers(3, true));
    json nothing = json::array();
    const auto result = co_await hub.invoke("Sum", nothing, std::move(options));
    expect(!result, "the call succeeded though its upload broke");
}

Task<> upload_two(HubConnection& hub, Clock&) {
    std::vector<std::string> left{"b", "c"};
    std::vector<std::string> right{"d"};
    CallOptions options;
    options.uploads.push_back(words(std::move(left)));
    options.uploads.push_back(words(std::move(right)));
    json prefix = json::array({"a"});
    const json joined = co_await invoke(hub, "Join", prefix, std::move(options));
    expect(joined == "a-b-c-d", "joined: " + joined.dump());
}

}  // namespace

const std::vector<std::pair<std::string, Check>>& checks() {
    static const std::vector<std::pair<std::string, Check>> all{
        {"calls", calls},
        {"download", download},
        {"download_cancelled", download_cancelled},
        {"download_fails", download_fails},
        {"upload", upload},
        {"upload_fails", upload_fails},
        {"upload_two", upload_two},
    };
    return all;
}

}  // namespace jiro::interop
