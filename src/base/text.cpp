// SPDX-License-Identifier: MIT
#include "jiro/base/text.hpp"

#include <algorithm>
#include <boost/algorithm/string/join.hpp>
#include <boost/algorithm/string/replace.hpp>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <utility>

#include "jiro/base/utf8.hpp"

namespace jiro {

namespace {

// Moves the cursor, ends a line, or reorders what is displayed.
bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

// The character at the front of `text` when it may be shown as it is; empty when not.
std::string_view readable_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const std::string_view character = text.substr(0, length);
    if (character.size() < length || !is_utf8(character)) return {};
    char32_t code_point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (const char next : character.substr(1))
        code_point = (code_point << 6U) | (static_cast<unsigned char>(next) & 0x3FU);
    return is_control(code_point) ? std::string_view() : character;
}

std::string formatted_time(std::chrono::system_clock::time_point time, std::tm* (*parts_of)(const time_t*, std::tm*),
                           const char* format) {
    const auto seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    char text[40];
    if (parts_of(&seconds, &parts) == nullptr) return "-";  // a year that does not fit
    return {text, std::strftime(text, sizeof text, format, &parts)};
}

// Behind the characters from `begin` that stand for themselves; `begin` is one. Without a quote white space is none.
std::size_t end_of_plain(std::string_view text, std::size_t begin, char quote) {
    const auto is_plain = [quote](char c) {
        return c != '\'' && c != '"' && c != '\\' && (quote != 0 || !is_space(c));
    };
    const unsigned char lowest = quote == 0 ? ' ' + 1 : 0;
    std::size_t at = begin + 1;
    while (text.size() - at >= kTextBlock && is_block_without<'\'', '"', '\\'>(text.data() + at, lowest))
        at += kTextBlock;
    return static_cast<std::size_t>(std::ranges::find_if_not(text.substr(at), is_plain) - text.begin());
}

// Whether the backslash at `at` keeps the character behind it.
bool is_escape(std::string_view text, std::size_t at, char quote) {
    const auto next = text.substr(std::min(at + 1, text.size()), 1);
    return text[at] == '\\' && (quote == 0 || (quote == '"' && (next == "\"" || next == "\\")));
}

// The words, if they are wanted; without them it is a look for an error.
std::optional<Error> each_word(std::string_view text, const WordErrors& errors, std::vector<std::string>* words) {
    const auto add = [words](std::string_view part) {
        if (words != nullptr) words->back().append(part);
    };
    bool is_in_word = false;
    char quote = 0;  // that is open
    std::size_t opened_at = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quote == 0 && is_space(text[i])) {
            is_in_word = false;
            continue;
        }
        if (!std::exchange(is_in_word, true) && words != nullptr) words->emplace_back();
        if (is_escape(text, i, quote)) {
            if (++i == text.size()) {
                return Error(errors.dangling_escape, "the backslash at the end of the arguments escapes nothing");
            }
            add(text.substr(i, 1));
        } else if (quote == 0 && (text[i] == '\'' || text[i] == '"')) {
            quote = text[i];
            opened_at = i;
        } else if (quote != 0 && text[i] == quote) {
            quote = 0;
        } else {
            const std::size_t end = end_of_plain(text, i, quote);
            add(text.substr(i, end - i));
            i = end - 1;
        }
    }
    if (quote == 0) return std::nullopt;
    return Error(errors.unclosed_quote, "the quote " + std::string(1, quote) + " at character " +
                                            std::to_string(opened_at + 1) + " of the arguments is not closed");
}

constexpr std::size_t kLongestWord = 64;

// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], before_last[j - 2] + 1);
            }
        }
        before_last.swap(last);
        last.swap(current);
    }
    return last[b.size()];
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower_case(c);
    return result;
}

std::string upper_case(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    return result;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    const auto fold = [](char c) { return lower_case(c); };
    return std::ranges::equal(left, right, {}, fold, fold);
}

bool is_token(std::string_view text) noexcept {
    static constexpr std::string_view kCharacters =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !text.empty() && text.find_first_not_of(kCharacters) == std::string_view::npos;
}

bool has_control_characters(std::string_view text) noexcept {
    text.remove_prefix(plain_length<0x20, 0x7F>(text));
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
    if (word.empty() || word.size() > kLongestWord) return {};
    const std::string wanted = lower_case(word);
    std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
    std::string_view best;
    for (const auto candidate : known) {
        const std::string folded = lower_case(candidate);
        if (wanted.size() >= 3 && folded.starts_with(wanted)) return candidate;
        // What differs more in length than the best so far needs no look; this bounds the work for long names.
        if (std::max(folded.size(), wanted.size()) - std::min(folded.size(), wanted.size()) >= least) continue;
        const auto changes = edit_distance(wanted, folded);
        if (changes >= least) continue;
        least = changes;
        best = candidate;
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known, std::string_view before,
                         std::string_view after) {
    const auto nearest = nearest_word(word, known);
    return nearest.empty() ? std::string() : std::string(before).append(nearest).append(after);
}

std::vector<std::string> split_at_commas(std::string_view list) {
    std::vector<std::string> items;
    while (!list.empty()) {
        const auto comma = list.find(',');
        const auto item = trimmed(list.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    return items;
}

std::string join_with_commas(const std::vector<std::string>& items) { return boost::algorithm::join(items, ", "); }

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const auto plain = plain_length<0x20, 0x7F>(text);
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) return;
        if (const auto character = readable_character(text); !character.empty()) {
            out.append(character);
            text.remove_prefix(character.size());
        } else {
            out.append("\\x").append(hex_digits(static_cast<unsigned char>(text.front())));
            text.remove_prefix(1);
        }
    }
}

std::string escaped(std::string_view text) {
    std::string out;
    append_escaped(out, text);
    return out;
}

std::string escaped_lines(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find_first_of("\n\t"));
        append_escaped(out, line);
        if (line.size() < text.size()) out += text[line.size()];
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return out;
}

std::string excerpt(std::string_view text, std::size_t limit) {
    const auto head = utf8_head(text, limit);
    auto out = escaped_lines(to_utf8(head));
    boost::algorithm::replace_all(out, "\n", "\\n");
    boost::algorithm::replace_all(out, "\t", "\\t");
    if (head.size() < text.size()) out += kCut;
    return out;
}

std::optional<bool> parse_flag(std::string_view text) {
    const std::string word = lower_case(text);
    if (word == "true" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "no" || word == "off") return false;
    return std::nullopt;
}

std::string decimal(double value, int places) {
    char text[400];  // the largest double has 309 digits
    return {text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.*f", places, value))};
}

std::string hex_digits(unsigned char byte) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    return {kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

// Most texts have neither quotes nor backslashes, and to look for one character alone is quick.
std::optional<Error> check_words(std::string_view text, const WordErrors& errors) {
    constexpr std::string_view kSpecial = "'\"\\";
    const auto is_there = [text](char c) { return text.find(c) != std::string_view::npos; };
    if (std::ranges::none_of(kSpecial, is_there)) return std::nullopt;
    return each_word(text, errors, nullptr);
}

Result<std::vector<std::string>> split_words(std::string_view text, const WordErrors& errors) {
    std::vector<std::string> words;
    if (auto error = each_word(text, errors, &words)) return std::move(*error);
    return words;
}

std::string quoted_word(std::string_view word) {
    const bool is_plain =
        std::ranges::none_of(word, [](char c) { return is_space(c) || c == '"' || c == '\'' || c == '\\'; });
    if (is_plain && !word.empty()) return std::string(word);
    std::string quoted = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

std::string for_people(std::chrono::seconds duration) {
    const auto in_units = [](std::int64_t value, std::int64_t smaller_in_larger, const char* larger,
                             const char* smaller) {
        const auto rest = value % smaller_in_larger;
        return std::to_string(value / smaller_in_larger) + larger +
               (rest == 0 ? "" : ' ' + std::to_string(rest) + smaller);
    };
    const std::int64_t seconds = std::max<std::int64_t>(duration.count(), 0);
    if (seconds < 60) return std::to_string(seconds) + " s";
    if (seconds < 3600) return in_units(seconds, 60, " min", " s");
    if (seconds < 86400) return in_units(seconds / 60, 60, " h", " min");
    return in_units(seconds / 3600, 24, " d", " h");
}

std::string utc_text(std::chrono::system_clock::time_point time) {
    return formatted_time(time, gmtime_r, "%Y-%m-%dT%H:%M:%SZ");
}

// An audit event has three of them: what stands before the point is made once a second.
std::string utc_text_ms(std::chrono::system_clock::time_point time) {
    thread_local std::chrono::sys_seconds latest{};
    thread_local std::string text;
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    if (text.empty() || whole != latest) {
        text = utc_text(whole);
        text.pop_back();
        latest = whole;
    }
    const auto rest = std::chrono::floor<std::chrono::milliseconds>(time - whole).count();
    const auto digit = [](std::int64_t number) { return static_cast<char>('0' + number % 10); };
    std::string result;
    result.reserve(text.size() + sizeof ".000Z");
    result.append(text).append({'.', digit(rest / 100), digit(rest / 10), digit(rest), 'Z'});
    return result;
}

std::string local_text(std::chrono::system_clock::time_point time) {
    return formatted_time(time, localtime_r, "%F %T");
}

}  // namespace jiro
