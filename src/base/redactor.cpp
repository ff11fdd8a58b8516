// SPDX-License-Identifier: MIT
#include "base/redactor.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "jiro/base/text.hpp"

namespace jiro {

namespace {

constexpr std::string_view kMask = SecretSpellings::kMask;

constexpr std::string_view kEncodedIs = "%3D";
constexpr std::string_view kBehindParameter = "& \t\r\n\"'#;,)<>";

// What is asked of every character of every line: a look into a table.
template <typename Predicate>
constexpr std::array<bool, 256> table_of(Predicate is_in) {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = is_in(static_cast<char>(static_cast<unsigned char>(i)));
    return table;
}

bool is_word(char c) {
    static constexpr auto kTable = table_of([](char character) {
        const char lower = lower_case(character);
        return (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '_' || lower == '-';
    });
    return kTable[static_cast<unsigned char>(c)];
}

// How the secret that follows a name in a text is told from the name.
enum class Shape {
    parameter,  // name=value up to the next separator; "name":"value"
    header,     // name: value up to the end of the line
    scheme,     // name value
};

struct Pattern {
    std::string_view name;  // lower case
    Shape shape;
};

// An `id` is an ordinary word but in a query.
constexpr std::array kPatterns{
    Pattern{"access_token", Shape::parameter}, Pattern{"accesstoken", Shape::parameter},
    Pattern{"api_key", Shape::parameter},      Pattern{"apikey", Shape::parameter},
    Pattern{"x-api-key", Shape::header},       Pattern{"connectiontoken", Shape::parameter},
    Pattern{"?id", Shape::parameter},          Pattern{"&id", Shape::parameter},
    Pattern{"authorization", Shape::header},   Pattern{"cookie", Shape::header},
    Pattern{"bearer", Shape::scheme},
};

// What a name ends with: most words of a line are none, and are seen to be by their last character.
bool may_end_name(char c) {
    static constexpr auto kTable = table_of([](char character) {
        return std::ranges::any_of(
            kPatterns, [&](const Pattern& pattern) { return pattern.name.back() == lower_case(character); });
    });
    return kTable[static_cast<unsigned char>(c)];
}

// The pattern whose name ends at `end`; nullptr: none.
const Pattern* pattern_before(std::string_view text, std::size_t end) {
    const auto found = std::ranges::find_if(kPatterns, [&](const Pattern& pattern) {
        if (end < pattern.name.size()) return false;
        const std::size_t begin = end - pattern.name.size();
        if (!equal_ignoring_case(text.substr(begin, pattern.name.size()), pattern.name)) return false;
        return pattern.shape != Shape::scheme || begin == 0 || !is_word(text[begin - 1]);
    });
    return found == kPatterns.end() ? nullptr : &*found;
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
    return std::min(text.find_first_not_of(' ', at), text.size());
}

struct Range {
    std::size_t begin;
    std::size_t end;
};

// The secret behind the name that ends at `end`; empty when none follows.
Range secret_after(Shape shape, std::string_view text, std::size_t end) {
    const auto up_to = [&](std::size_t begin, std::string_view stops) {
        return Range{begin, std::min(text.find_first_of(stops, begin), text.size())};
    };
    const std::size_t separator = skip_spaces(text, end);
    if (shape == Shape::scheme) return separator == end ? Range{end, end} : up_to(separator, " \t\r\n\"',;");
    if (text[end] == '"') {  // the name in quotes; then its value is, too
        const std::size_t colon = skip_spaces(text, end + 1);
        if (colon == text.size() || text[colon] != ':') return {end, end};
        const std::size_t quote = skip_spaces(text, colon + 1);
        return quote == text.size() || text[quote] != '"' ? Range{end, end} : up_to(quote + 1, "\"");
    }
    if (shape == Shape::header) {
        const bool is_set = separator < text.size() && (text[separator] == ':' || text[separator] == '=');
        return is_set ? up_to(skip_spaces(text, separator + 1), "\r\n") : Range{end, end};
    }
    if (equal_ignoring_case(text.substr(end, kEncodedIs.size()), kEncodedIs)) {  // a query inside of another
        const auto stop = up_to(end + kEncodedIs.size(), kBehindParameter);
        return {stop.begin, std::min(text.find("%26", stop.begin), stop.end)};
    }
    if (text[end] != '=') return {end, end};
    const bool is_quoted = end + 1 < text.size() && text[end + 1] == '"';
    return is_quoted ? up_to(end + 2, "\"") : up_to(end + 1, kBehindParameter);
}

}  // namespace

namespace {

// Empty when there was nothing to hide.
std::string without_named_secrets(std::string_view text) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t end = 1; end < text.size(); ++end) {
        if (is_word(text[end]) || !may_end_name(text[end - 1])) continue;
        const Pattern* pattern = pattern_before(text, end);
        if (pattern == nullptr) continue;
        const Range secret = secret_after(pattern->shape, text, end);
        if (secret.begin >= secret.end) continue;
        out.append(text.substr(copied, secret.begin - copied)).append(kMask);
        copied = secret.end;
        end = secret.end;
    }
    if (copied > 0) out.append(text.substr(copied));
    return out;
}

std::optional<std::string> without_known_secrets(std::string_view text, const SecretSpellings& known) {
    if (!known.find(text, 0, SecretSpellings::End::whole)) return std::nullopt;
    return known.masked(text, SecretSpellings::End::whole).shown;
}

}  // namespace

// The known ones first: of one that holds a separator the name says only where it begins.
std::optional<std::string> without_secrets(std::string_view text, const SecretSpellings& known) {
    auto shown = without_known_secrets(text, known);
    if (auto named = without_named_secrets(shown ? *shown : text); !named.empty()) shown = std::move(named);
    return shown;
}

void Redactor::add(std::string_view secret, std::string_view source) {
    if (secret.size() < kMinLength) return;
    const std::scoped_lock lock(mutex_);
    const auto newest = std::ranges::find(rotating_ | std::views::reverse, source, &Rotating::source);
    if (newest != rotating_.rend() && newest->value == secret) return;  // as nearly always: files are read often
    std::erase_if(rotating_, [&](const Rotating& kept) { return kept.source == source && kept.value == secret; });
    rotating_.push_back({std::string(source), std::string(secret)});
    if (rotating_.size() > kMaxRotating) forget_one();
    use_all();
}

// The oldest that its source has said something newer than.
void Redactor::forget_one() {
    const auto is_past = [this](const Rotating& kept) {
        return std::ranges::find(rotating_ | std::views::reverse, kept.source, &Rotating::source)->value != kept.value;
    };
    const auto past = std::ranges::find_if(rotating_, is_past);
    rotating_.erase(past == rotating_.end() ? rotating_.begin() : past);
}

void Redactor::hold(std::size_t holder, std::vector<std::string> values) {
    const std::scoped_lock lock(mutex_);
    Held& held = held_.at(holder);
    if (held.now == values) return;
    held.before = std::exchange(held.now, std::move(values));
    use_all();
}

void Redactor::use_all() {
    std::vector<std::string> all;
    for (const auto& kept : rotating_) all.push_back(kept.value);
    for (const auto& [now, before] : held_) {
        all.insert(all.end(), now.begin(), now.end());
        all.insert(all.end(), before.begin(), before.end());
    }
    spellings_ = SecretSpellings(all);
}

std::optional<std::string> Redactor::redacted(std::string_view text) const {
    const std::scoped_lock lock(mutex_);
    return without_secrets(text, spellings_);
}

std::optional<std::string> Redactor::redacted_field(std::string_view name, std::string_view value) const {
    static constexpr std::array<std::string_view, 7> kSecretNames{"access_token", "api_key",  "authorization", "cookie",
                                                                  "set_cookie",   "password", "token"};
    if (std::ranges::find(kSecretNames, name) != kSecretNames.end()) return std::string(kMask);
    return redacted(value);
}

}  // namespace jiro
