// SPDX-License-Identifier: MIT
#include "daemon/requests/request.hpp"

#include "jiro/base/json.hpp"
#include "jiro/base/text.hpp"
#include "jiro/signalr/invocation.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

[[noreturn]] void mismatch(std::string_view name, std::string_view what) {
    throw signalr::ArgumentMismatch(std::string(name).append(": ").append(what));
}

}  // namespace

RequestMembers::RequestMembers(json argument) {
    if (argument.is_null()) return;
    if (!argument.is_object()) throw signalr::ArgumentMismatch("expected an object as the argument");
    object_ = std::move(argument);
}

const json* RequestMembers::find(std::string_view name) const {
    const auto* value = find_ignoring_case(object_.get_ref<const json::object_t&>(), name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> RequestMembers::optional_text(std::string_view name, std::size_t longest) const {
    const json* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) mismatch(name, "expected a text");
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > longest) mismatch(name, "is longer than " + std::to_string(longest) + " bytes");
    return text;
}

std::string RequestMembers::text(std::string_view name, std::size_t longest) const {
    return optional_text(name, longest).value_or("");
}

std::optional<std::int64_t> RequestMembers::number(std::string_view name, std::int64_t low, std::int64_t high) const {
    const json* value = find(name);
    if (value == nullptr) return std::nullopt;
    std::int64_t number = 0;
    if (!read_value(*value, number)) mismatch(name, "expected a whole number");
    if (number < low || number > high) {
        mismatch(name, "expected " + std::to_string(low) + " to " + std::to_string(high));
    }
    return number;
}

bool RequestMembers::flag(std::string_view name) const {
    const json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) mismatch(name, "expected true or false");
    return value->get<bool>();
}

void RequestMembers::expect_object(std::string_view name) const {
    const json* value = find(name);
    if (value != nullptr && !value->is_object()) mismatch(name, "expected an object");
}

}  // namespace jiro::daemon
