// SPDX-License-Identifier: MIT
#include "base/log_sinks.hpp"

#include <algorithm>

#include "base/log_format.hpp"
#include "base/log_record.hpp"

namespace jiro::log {

void ScrubSink::sink_it_(const spdlog::details::log_msg& message) {
    const Record record = unpack(message);
    const bool is_clean =
        !redactor_.redacted(record.message) && std::ranges::none_of(record.fields, [&](const auto& field) {
            return redactor_.redacted_field(field.name, field.value).has_value();
        });
    if (is_clean) return dist_sink::sink_it_(message);
    Payload payload(record.event_id, redactor_.redacted(record.message).value_or(std::string(record.message)));
    for (const auto& [name, value] : record.fields) {
        payload.field(name, redactor_.redacted_field(name, value).value_or(std::string(value)));
    }
    dist_sink::sink_it_({message.time, {}, message.logger_name, message.level, payload.text()});
}

std::string ScrubSink::scrubbed(std::string_view name, std::string_view value) const {
    return redactor_.redacted_field(name, value).value_or(std::string(value));
}

void TailSink::log(const spdlog::details::log_msg& message) {
    if (!tail_.is_kept()) return;
    const Record record = unpack(message);
    tail_.add({0, record.time, static_cast<Level>(record.level), std::string(record.component), sentence(record)});
}

}  // namespace jiro::log
