// SPDX-License-Identifier: MIT
#pragma once
// JSON that is not ours: the one reader, for hub records, messages, program output, control sockets and files. It reads
// in one pass, in time linear to the text, within the limits that its caller gives; what it meets goes to a handler as
// events, or becomes a tree. It never throws on a text, and what it says of one never quotes it: secrets may be in it.
// A tree may be walked, written and destroyed by recursion, since its depth is limited. Pure, any thread.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "jiro/base/error.hpp"

namespace jiro {

enum class JsonFault {
    not_json = 1,
    not_utf8,
    byte_order_mark,  // U+FEFF ahead of the text
    comment,          // a // or /* comment
    lone_surrogate,   // \ud800 without its other half
    too_long,         // the limits, by name
    too_deep,
    too_many_values,
    too_many_members,
    number_out_of_range,  // a number that no double holds
};

// Whether the text may well be JSON, and holds only more, or something else, than can be taken: what stood before the
// fault then says what it means, and who sent it can be answered.
[[nodiscard]] constexpr bool is_of_a_value(JsonFault fault) noexcept {
    switch (fault) {
        case JsonFault::lone_surrogate:
        case JsonFault::too_deep:
        case JsonFault::too_many_values:
        case JsonFault::too_many_members:
        case JsonFault::number_out_of_range:
            return true;
        case JsonFault::not_json:
        case JsonFault::not_utf8:
        case JsonFault::byte_order_mark:
        case JsonFault::comment:
        case JsonFault::too_long:
            return false;
    }
    return false;
}

// Limits of one text. Their defaults keep what an unknown peer sends below 10 ms and 20 MB (docs/performance.md).
struct JsonLimits {
    static constexpr std::size_t kDeepest = 64;  // System.Text.Json's default; more is never accepted

    std::size_t bytes = 1024 * 1024;
    std::size_t depth = kDeepest;
    std::size_t nodes = 8 * 1024;    // values, nested ones included
    std::size_t members = 4 * 1024;  // of one object, repeated names included
    bool trailing_commas = false;    // [1,] as some write it by hand
};

// For a command that one person waits for: no event loop is held by it.
inline constexpr JsonLimits kPatientJsonLimits{
    .bytes = 64 * 1024 * 1024, .nodes = 4 * 1024 * 1024, .members = 4 * 1024 * 1024};

// What is wrong with a text, and where.
struct JsonError {
    JsonFault fault{};
    std::size_t at = 0;   // bytes before the place
    std::string message;  // "it is not JSON (at byte 5 of 20)"
};

// What a text holds, in its order. Views hold until the call returns; they are UTF-8.
class JsonHandler {
  public:
    virtual void begin_object() = 0;
    virtual void key(std::string_view name) = 0;
    virtual void end_object() = 0;
    virtual void begin_array() = 0;
    virtual void end_array() = 0;
    virtual void string(std::string_view text) = 0;
    virtual void number(std::string_view text) = 0;  // as it was written
    virtual void boolean(bool value) = 0;
    virtual void null() = 0;

  protected:
    ~JsonHandler() = default;
};

// Makes a tree of what it is given: integers of 64 bits exact, the last of repeated names wins, a number that no double
// holds is null.
class JsonTree final : public JsonHandler {
  public:
    void begin_object() override { open(nlohmann::json::object()); }
    void key(std::string_view name) override { key_ = name; }
    void end_object() override { open_.pop_back(); }
    void begin_array() override { open(nlohmann::json::array()); }
    void end_array() override { open_.pop_back(); }
    void string(std::string_view text) override { place() = text; }
    void number(std::string_view text) override;
    void boolean(bool value) override { place() = value; }
    void null() override { place() = nullptr; }

    [[nodiscard]] bool is_out_of_range() const noexcept { return is_out_of_range_; }
    [[nodiscard]] nlohmann::json take() && { return std::move(root_); }

  private:
    nlohmann::json& place();
    void open(nlohmann::json value);

    nlohmann::json root_;
    // Those that are not closed: nothing is added to their parents before they are, so they stay where they are.
    std::vector<nlohmann::json*> open_;
    std::string key_;
    bool is_out_of_range_ = false;
};

// Gives the whole text to `handler`; with an error, what stood before it.
[[nodiscard]] std::optional<JsonError> read_json(std::string_view text, const JsonLimits& limits, JsonHandler& handler);

// The text as a tree. The error's code is a JsonFault.
[[nodiscard]] Result<nlohmann::json> read_json(std::string_view text, const JsonLimits& limits = {});

// The same for one who wants no reason: null when it is refused.
[[nodiscard]] nlohmann::json json_or_null(std::string_view text, const JsonLimits& limits = kPatientJsonLimits);

// One number as the tree has it; null when no double holds it.
[[nodiscard]] nlohmann::json json_number(std::string_view text);

// Strict conversion: no number from a string, no integer from a fraction, none out of range. False: it does not fit.
template <typename T>
[[nodiscard]] bool read_value(const nlohmann::json& value, T& out) {
    if constexpr (std::is_same_v<T, nlohmann::json>) {
        out = value;
        return true;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_boolean()) return false;
        out = value.get<bool>();
        return true;
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string()) return false;
        out = value.get_ref<const std::string&>();
        return true;
    } else if constexpr (std::is_integral_v<T>) {
        if (value.is_number_unsigned()) {
            const auto number = value.get<std::uint64_t>();
            out = static_cast<T>(number);
            return std::in_range<T>(number);
        }
        if (!value.is_number_integer()) return false;
        const auto number = value.get<std::int64_t>();
        out = static_cast<T>(number);
        return std::in_range<T>(number);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (!value.is_number()) return false;
        out = value.get<T>();
        return true;
    } else {
        try {
            out = value.get<T>();
            return true;
        } catch (const nlohmann::json::exception&) {
            return false;
        }
    }
}

// Of a tree that is not trusted: a member that is absent, or of another type, is none.
template <typename T>
[[nodiscard]] std::optional<T> member_as(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    T value{};
    return found != object.end() && read_value(*found, value) ? std::optional(std::move(value)) : std::nullopt;
}
// A text; empty: it is absent, or none.
[[nodiscard]] std::string text_member(const nlohmann::json& object, const char* name);

// For whoever reads it: what is not UTF-8 in it is replaced.
[[nodiscard]] std::string json_text(const nlohmann::json& value, int indent = -1);

[[nodiscard]] boost::system::error_code make_error_code(JsonFault fault) noexcept;

}  // namespace jiro

template <>
struct boost::system::is_error_code_enum<jiro::JsonFault> : std::true_type {};
