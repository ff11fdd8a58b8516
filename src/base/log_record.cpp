// SPDX-License-Identifier: MIT
#include "base/log_record.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "jiro/base/peer_text.hpp"

namespace jiro::log {

namespace {

constexpr char kPacked = '\x02';  // then the parts, each behind its length: event id, sentence, name, value, name ...
using PartLength = std::uint32_t;

}  // namespace

Payload::Payload(std::string_view event_id, std::string_view sentence) {
    bytes_.push_back(kPacked);
    part(event_id, event_id.size());
    part(sentence, Logger::kMaxSentenceBytes);
}

void Payload::field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    part(name, name.size());
    part(value, Logger::kMaxValueBytes);
}

void Payload::part(std::string_view text, std::size_t limit) {
    if (text.size() > limit) return part(shortened(text, limit), std::string_view::npos);
    const auto length = static_cast<PartLength>(text.size());
    const std::size_t before = bytes_.size();
    bytes_.resize(before + sizeof length + text.size());
    std::memcpy(bytes_.data() + before, &length, sizeof length);
    if (length > 0) std::memcpy(bytes_.data() + before + sizeof length, text.data(), length);
}

Record unpack(const spdlog::details::log_msg& message) {
    Record record{message.time, message.level, {message.logger_name.data(), message.logger_name.size()}, {}, {}, {}};
    std::string_view bytes(message.payload.data(), message.payload.size());
    if (!bytes.starts_with(kPacked)) {
        record.message = bytes;
        return record;
    }
    const char* at = bytes.data() + 1;
    const char* const end = bytes.data() + bytes.size();
    const auto take = [&at, end]() -> std::string_view {
        PartLength length = 0;
        if (static_cast<std::size_t>(end - at) < sizeof length) return at = end, std::string_view();
        std::memcpy(&length, at, sizeof length);
        at += sizeof length;
        const std::string_view part(at, std::min<std::size_t>(length, static_cast<std::size_t>(end - at)));
        at += part.size();
        return part;
    };
    record.event_id = take();
    record.message = take();
    while (at != end) {
        const std::string_view name = take();
        record.fields.push_back({name, take()});
    }
    return record;
}

}  // namespace jiro::log
