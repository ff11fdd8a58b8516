// SPDX-License-Identifier: MIT
#pragma once
// JSON as text, member by member in the order of the calls: where a tree is not needed, or its order would be lost. It
// is a JsonHandler, so that what is read from one text can be written to another without a tree and without recursion;
// numbers stay as they were written. Bytes that are not UTF-8 become U+FFFD. Pure, any thread.

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "jiro/base/json.hpp"

namespace jiro {

class JsonWriter final : public JsonHandler {
  public:
    enum class Layout { compact, indented };

    explicit JsonWriter(Layout layout = Layout::compact) : layout_(layout) {}

    void begin_object() override { open('{'); }
    void key(std::string_view name) override;
    void end_object() override { close('}'); }
    void begin_array() override { open('['); }
    void end_array() override { close(']'); }
    void string(std::string_view text) override;
    void number(std::string_view text) override { append(text); }
    void boolean(bool value) override { append(value ? "true" : "false"); }
    void null() override { append("null"); }

    // The caller's own values: texts, numbers, trees, optional ones and lists of them.
    template <typename Value>
    void value(const Value& its) {
        if constexpr (std::same_as<Value, nlohmann::json>) {
            tree(its);
        } else if constexpr (std::convertible_to<const Value&, std::string_view>) {
            string(its);
        } else if constexpr (std::same_as<Value, bool>) {
            boolean(its);
        } else if constexpr (std::integral<Value>) {
            append(std::to_string(its));
        } else if constexpr (std::floating_point<Value>) {
            tree(nlohmann::json(its));  // NaN and infinity: null
        } else if constexpr (requires { its.has_value(); }) {
            its ? value(*its) : null();
        } else {
            begin_array();
            for (const auto& item : its) value(item);
            end_array();
        }
    }

    template <typename Value>
    void member(std::string_view name, const Value& its) {
        key(name);
        value(its);
    }
    // A list of objects; `write_members` writes those of each item.
    template <typename Items, typename WriteMembers>
    void objects(std::string_view name, Items&& items, WriteMembers write_members) {
        begin_array(name);
        for (auto&& item : items) {
            begin_object();
            write_members(item);
            end_object();
        }
        end_array();
    }

    void begin_object(std::string_view name) { key(name), begin_object(); }
    void begin_array(std::string_view name) { key(name), begin_array(); }

    void reserve(std::size_t bytes) { text_.reserve(bytes); }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    [[nodiscard]] std::string take() && { return std::move(text_); }

  private:
    void tree(const nlohmann::json& value);
    void separate();
    void new_line();
    void append(std::string_view text);
    void open(char bracket);
    void close(char bracket);

    Layout layout_;
    std::string text_;
    std::size_t depth_ = 0;
    bool has_elements_ = false;  // what is open has; the next one wants a comma
    bool follows_key_ = false;
};

}  // namespace jiro
