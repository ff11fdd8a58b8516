// SPDX-License-Identifier: MIT
#include "jiro/base/trace_context.hpp"

#include <algorithm>

namespace jiro {

namespace {

// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kTraceIdBytes = 32;
constexpr std::size_t kSpanIdAt = 36;
constexpr std::size_t kSpanIdBytes = 16;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kParentBytes = 55;
constexpr std::size_t kStateBytes = 512;
constexpr std::size_t kStateMembers = 32;
constexpr std::size_t kKeyOrValueBytes = 256;

bool is_hex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

// Empty when it is not valid.
std::string checked_parent(std::string_view text) {
    if (text.size() < kParentBytes) return {};
    const auto version = text.substr(0, 2);
    const bool is_first_version = version == "00";
    const bool has_end = text.size() == kParentBytes || (!is_first_version && text[kParentBytes] == '-');
    const bool has_dashes = text[kTraceIdAt - 1] == '-' && text[kSpanIdAt - 1] == '-' && text[kFlagsAt - 1] == '-';
    const auto flags = text.substr(kFlagsAt, 2);
    if (!is_hex(version) || version == "ff" || !has_end || !has_dashes || !is_hex(flags)) return {};
    if (!is_id(text.substr(kTraceIdAt, kTraceIdBytes)) || !is_id(text.substr(kSpanIdAt, kSpanIdBytes))) return {};
    std::string parent(text.substr(0, kParentBytes));
    if (is_first_version) return parent;
    // Of a later version's flags only "sampled" is known.
    const bool is_sampled = std::string_view("13579bdf").find(flags[1]) != std::string_view::npos;
    parent.replace(0, 2, "00");
    parent.replace(kFlagsAt, 2, is_sampled ? "01" : "00");
    return parent;
}

bool is_key_letter(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

bool is_member(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    const auto key = text.substr(0, equals);
    const auto value = text.substr(equals + 1);
    const bool begins_well = !key.empty() && is_key_letter(static_cast<unsigned char>(key.front())) &&
                             std::string_view("_-*/@").find(key.front()) == std::string_view::npos;
    return begins_well && key.size() <= kKeyOrValueBytes && std::ranges::all_of(key, is_key_letter) && !value.empty() &&
           value.size() <= kKeyOrValueBytes && value.back() != ' ' &&
           std::ranges::all_of(value, [](unsigned char c) { return c >= 0x20 && c < 0x7F && c != '='; });
}

// Members between commas; empty ones, and blanks and tabs around, are allowed and left out. Empty when it is not valid.
std::string checked_state(std::string_view text) {
    if (text.size() > kStateBytes) return {};
    std::string state;
    std::size_t members = 0;
    for (;;) {
        const auto comma = text.find(',');
        auto member = text.substr(0, comma);
        member.remove_prefix(std::min(member.find_first_not_of(" \t"), member.size()));
        member = member.substr(0, member.find_last_not_of(" \t") + 1);
        if (!member.empty()) {
            if (!is_member(member) || ++members > kStateMembers) return {};
            if (!state.empty()) state += ',';
            state += member;
        }
        if (comma == std::string_view::npos) return state;
        text.remove_prefix(comma + 1);
    }
}

}  // namespace

TraceContext::TraceContext(std::string_view parent, std::string_view state) : parent_(checked_parent(parent)) {
    if (!parent_.empty()) state_ = checked_state(state);
}

std::string_view TraceContext::trace_id() const noexcept {
    return std::string_view(parent_).substr(std::min(kTraceIdAt, parent_.size()), kTraceIdBytes);
}

}  // namespace jiro
