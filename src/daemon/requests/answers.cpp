// SPDX-License-Identifier: MIT
#include "daemon/requests/answers.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon {

using nlohmann::json;

json action_succeeded(const std::string& request_id, const std::string& message) {
    return {{"IsSuccess", true}, {"Message", message}, {"Errors", json::array()}, {"RequestId", request_id}};
}

json action_failed(const std::string& request_id, const std::string& message, const std::string& error) {
    auto errors = json::array();
    errors.push_back(error);
    return {{"IsSuccess", false}, {"Message", message}, {"Errors", std::move(errors)}, {"RequestId", request_id}};
}

std::string date_text(WallTime time) {
    constexpr int kTicksASecond = 10'000'000;  // of .NET's clock
    using Ticks = std::chrono::duration<std::int64_t, std::ratio<1, kTicksASecond>>;
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    std::string text = utc_text(second);
    std::array<char, 16> fraction{};
    const auto ticks = std::chrono::floor<Ticks>(time - second).count();
    std::snprintf(fraction.data(), fraction.size(), ".%07d", static_cast<int>(ticks));
    return text.insert(text.size() - 1, fraction.data());
}

std::size_t json_bytes(const json& value) { return json_text(value).size(); }

std::size_t room_for_result(std::size_t max_send_bytes, const std::optional<std::string>& invocation_id) {
    constexpr std::size_t kCompletionBytes = 64;  // the members around the result, and the record's end
    constexpr std::size_t kLeastRoom = 1024;
    const std::size_t around = kCompletionBytes + json_bytes(invocation_id.value_or(""));
    return max_send_bytes > around + kLeastRoom ? max_send_bytes - around : kLeastRoom;
}

std::string text_within(std::string_view text, std::size_t limit) {
    std::string whole = to_utf8(text);
    const std::size_t bytes = json_bytes(whole);
    if (bytes <= limit) return whole;
    const std::string note = " [shortened: " + std::to_string(whole.size()) + " bytes in all]";
    const std::size_t room = limit > note.size() + 2 ? limit - note.size() - 2 : 0;
    std::string_view head = utf8_head(whole, room);
    // Escapes make a text longer as JSON than it is.
    for (std::size_t size = json_bytes(head); size > room + 2 && !head.empty(); size = json_bytes(head)) {
        head = utf8_head(head, std::min(head.size() - 1, head.size() * room / size));
    }
    return std::string(head) + note;
}

void add_items(json& answer, const char* member, std::vector<json> items, std::string_view what, std::size_t room) {
    auto& list = answer[member] = json::array();
    const std::size_t most = room > kNoteBytes ? room - kNoteBytes : 0;
    std::size_t bytes = json_bytes(answer);
    const std::size_t total = items.size();
    for (json& item : items) {
        const std::size_t more = json_bytes(item) + 1;
        if (bytes + more > most) continue;
        bytes += more;
        list.push_back(std::move(item));
    }
    if (list.size() == total) return;
    answer["Note"] = std::to_string(list.size()) + " of " + std::to_string(total) + ' ' + std::string(what) +
                     ": more does not fit into one message (WebSocket.MaxSendBytes)";
}

}  // namespace jiro::daemon
