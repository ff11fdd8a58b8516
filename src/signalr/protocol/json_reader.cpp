// SPDX-License-Identifier: MIT
#include "signalr/protocol/json_reader.hpp"

#include "jiro/signalr/errors.hpp"

namespace jiro::signalr {

namespace {

// The splitter has bounded the bytes. A record over 1 MiB comes only where MaxMessageBytes was raised: what it may
// hold, and so what it may cost, grows with it.
JsonLimits record_limits(std::size_t size) {
    JsonLimits limits{.bytes = SIZE_MAX};
    if (size > std::size_t{1024} * 1024) {
        limits.nodes = size / 64;
        limits.members = size / 96;
    }
    return limits;
}

errc code_of(JsonFault fault) {
    switch (fault) {
        case JsonFault::not_utf8:
            return errc::invalid_utf8;
        case JsonFault::too_deep:
            return errc::nesting_too_deep;
        case JsonFault::too_many_values:
        case JsonFault::too_many_members:
            return errc::too_many_values;
        case JsonFault::lone_surrogate:
        case JsonFault::number_out_of_range:
            return errc::unreadable_value;
        case JsonFault::not_json:
        case JsonFault::byte_order_mark:
        case JsonFault::comment:
        case JsonFault::too_long:
            return errc::invalid_json;
    }
    return errc::invalid_json;
}

}  // namespace

std::optional<Error> read_record(std::string_view record, JsonHandler& handler) {
    if (record.empty()) return Error(errc::invalid_json, "the record is empty");
    const auto error = read_json(record, record_limits(record.size()), handler);
    if (!error) return std::nullopt;
    return Error(code_of(error->fault), "the record is refused: " + error->message);
}

Result<nlohmann::json> read_json_object(std::string_view text) {
    JsonTree tree;
    if (auto error = read_record(text, tree)) return *error;
    auto object = std::move(tree).take();
    if (!object.is_object()) return Error(errc::invalid_json, "the record is not a JSON object");
    return object;
}

}  // namespace jiro::signalr
