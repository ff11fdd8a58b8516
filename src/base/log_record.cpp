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

constexpr std::size_t packed_size(std::string_view part) { return sizeof(PartLength) + part.size(); }

inline char* pack(char* at, std::string_view part) {
    const auto length = static_cast<PartLength>(part.size());
    std::memcpy(at, &length, sizeof length);
    return at + sizeof length + part.copy(at + sizeof length, length);
}

}  // namespace

Payload::Payload(std::string_view event_id, std::string_view sentence) {
    std::string cut;
    if (sentence.size() > Logger::kMaxSentenceBytes) sentence = cut = shortened(sentence, Logger::kMaxSentenceBytes);
    bytes_.resize(1 + packed_size(event_id) + packed_size(sentence));
    bytes_[0] = kPacked;
    pack(pack(bytes_.data() + 1, event_id), sentence);
}

void Payload::field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (value.size() > Logger::kMaxValueBytes) return field(name, shortened(value, Logger::kMaxValueBytes));
    const std::size_t before = bytes_.size();
    bytes_.resize(before + packed_size(name) + packed_size(value));
    pack(pack(bytes_.data() + before, name), value);
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
