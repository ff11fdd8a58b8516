// SPDX-License-Identifier: MIT
#include "base/log_record.hpp"

#include <algorithm>
#include <cstring>

namespace jiro::log {

struct PackedLine::Head {
    std::chrono::system_clock::time_point time;
    std::chrono::steady_clock::time_point monotonic;
    std::string_view component;
    std::string_view event_id;
    std::size_t message_bytes = 0;
    std::size_t fields = 0;
    Level level = Level::info;
};

struct PackedLine::FieldHead {
    std::string_view name;
    std::size_t value_bytes = 0;
};

namespace {

template <typename Part>
void append(std::string& bytes, const Part& part) {
    static_assert(std::is_trivially_copyable_v<Part>);
    bytes.append(reinterpret_cast<const char*>(&part), sizeof part);
}

template <typename Part>
Part take(const char*& at) {
    Part part;
    std::memcpy(&part, at, sizeof part);
    at += sizeof part;
    return part;
}

}  // namespace

PackedLine::PackedLine(Level level, std::string_view component, std::string_view event_id, std::string_view message,
                       Fields fields) {
    const auto says_something = [](const Field& field) { return !field.value().empty(); };
    std::size_t size = sizeof(Head) + message.size();
    for (const Field& field : fields) size += sizeof(FieldHead) + field.value().size();
    bytes_.reserve(size);
    Head head;
    head.time = std::chrono::system_clock::now();
    head.monotonic = std::chrono::steady_clock::now();
    head.component = component;
    head.event_id = event_id;
    head.message_bytes = message.size();
    head.fields = static_cast<std::size_t>(std::ranges::count_if(fields, says_something));
    head.level = level;
    append(bytes_, head);
    for (const Field& field : fields) {
        if (says_something(field)) append(bytes_, FieldHead{field.name(), field.value().size()});
    }
    bytes_ += message;
    for (const Field& field : fields) bytes_ += field.value();
}

Level PackedLine::level() const {
    const char* at = bytes_.data();
    return take<Head>(at).level;
}

void PackedLine::unpack(Entry& entry) const {
    const char* at = bytes_.data();
    const Head head = take<Head>(at);
    entry.time = head.time;
    entry.monotonic = head.monotonic;
    entry.level = head.level;
    entry.component = head.component;
    entry.event_id = head.event_id;
    const char* text = at + head.fields * sizeof(FieldHead);
    entry.message.assign(text, head.message_bytes);
    text += head.message_bytes;
    entry.fields.resize(head.fields);
    for (RecordField& field : entry.fields) {
        const auto field_head = take<FieldHead>(at);
        field.name = field_head.name;
        field.value.assign(text, field_head.value_bytes);
        text += field_head.value_bytes;
    }
}

}  // namespace jiro::log
