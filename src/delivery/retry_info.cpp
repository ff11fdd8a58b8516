// SPDX-License-Identifier: MIT
#include "delivery/retry_info.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <string>

namespace jiro::delivery {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Calls on_bytes(field, content) and on_number(field, value) for each field of a message; false when it is malformed.
template <typename OnBytes, typename OnNumber>
bool each_field(std::string_view message, OnBytes on_bytes, OnNumber on_number) {
    CodedInputStream input(reinterpret_cast<const std::uint8_t*>(message.data()), static_cast<int>(message.size()));
    while (const auto tag = input.ReadTag()) {
        const int field = WireFormatLite::GetTagFieldNumber(tag);
        if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
            std::uint32_t size = 0;
            std::string content;
            if (!input.ReadVarint32(&size) || !input.ReadString(&content, static_cast<int>(size))) return false;
            on_bytes(field, content);
        } else if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_VARINT) {
            std::uint64_t value = 0;
            if (!input.ReadVarint64(&value)) return false;
            on_number(field, static_cast<std::int64_t>(value));
        } else if (!WireFormatLite::SkipField(&input, tag)) {
            return false;
        }
    }
    return input.ConsumedEntireMessage();
}

constexpr auto kIgnoreNumber = [](int, std::int64_t) {};
constexpr auto kIgnoreBytes = [](int, const std::string&) {};

std::optional<BoundedDuration> from_duration(std::string_view duration) {
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    const bool is_good = each_field(duration, kIgnoreBytes, [&](int field, std::int64_t value) {
        if (field == 1) seconds = value;
        if (field == 2) nanos = value;
    });
    if (!is_good || seconds < 0 || nanos < 0 || nanos > 999'999'999) return std::nullopt;
    const BoundedDuration whole{std::chrono::seconds(seconds)};
    return BoundedDuration(whole.get() + std::chrono::nanoseconds(nanos));
}

}  // namespace

std::optional<BoundedDuration> retry_info(std::string_view status_details) {
    std::optional<BoundedDuration> delay;
    each_field(
        status_details,
        [&](int field, const std::string& any) {
            if (field != 3) return;  // google.rpc.Status.details
            std::string type;
            std::string value;
            each_field(
                any,
                [&](int member, const std::string& content) {
                    if (member == 1) type = content;
                    if (member == 2) value = content;
                },
                kIgnoreNumber);
            if (!type.ends_with("/google.rpc.RetryInfo")) return;
            each_field(
                value,
                [&](int member, const std::string& duration) {
                    if (member == 1) delay = from_duration(duration);
                },
                kIgnoreNumber);
        },
        kIgnoreNumber);
    return delay;
}

}  // namespace jiro::delivery
