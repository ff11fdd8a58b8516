// SPDX-License-Identifier: MIT
#include "jiro/commands/signature.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "jiro/base/base64.hpp"
#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

using std::chrono::seconds;

constexpr std::size_t kLongestKeyId = 64;
// The last second that a WallTime holds, in the year 2262.
constexpr std::int64_t kEndOfTime = std::chrono::floor<seconds>(WallTime::max().time_since_epoch()).count();

constexpr std::array kOfSignature{kSignatureParameter, kKeyIdParameter, kNotAfterParameter};

// Its length, a colon, its bytes and a comma: no two lists of texts give the same bytes.
void append_netstring(std::string& out, std::string_view text) {
    out += std::to_string(text.size());
    out += ':';
    out += text;
    out += ',';
}

Error not_trusted(std::string why) { return Error(errc::not_trusted, std::move(why)); }

bool is_needed(const Settings& settings, bool runs_program) {
    switch (settings.trust.require) {
        case RequireSignature::none:
            return false;
        case RequireSignature::exec:
            return runs_program;
        case RequireSignature::all:
            return true;
    }
    return true;
}

// The values of the three parameters, in the order of kOfSignature.
using Signature = std::array<const std::string*, kOfSignature.size()>;

Result<Signature> find_signature(const Parameters& parameters) {
    Signature found{};
    for (const auto& [name, value] : parameters) {
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!equal_ignoring_case(name, kOfSignature[i])) continue;
            if (found[i] != nullptr) return not_trusted(std::string(kOfSignature[i]) + " is given twice");
            found[i] = &value;
        }
    }
    return found;
}

// Which of two values counts is said by their order, and that is not signed.
std::optional<std::string> name_given_twice(const Parameters& parameters) {
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const auto& parameter : parameters) names.push_back(lower_case(parameter.first));
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    return twice == names.end() ? std::nullopt : std::optional(*twice);
}

Result<WallTime> read_not_after(const std::string& text) {
    const auto number = parse_number<std::int64_t>(text);
    // One moment has one text, since that is what is signed.
    if (!number || *number < 0 || *number > kEndOfTime || std::to_string(*number) != text) {
        return not_trusted(std::string(kNotAfterParameter) +
                           " is not a time in seconds since 1970: " + excerpt(text, 40));
    }
    return WallTime(seconds(*number));
}

// An id is remembered for so long: within it nothing runs twice.
std::optional<Error> wrong_time(WallTime not_after, const Settings& settings, WallTime now) {
    const std::string name(kNotAfterParameter);
    if (now > not_after) {
        return not_trusted("is too late: " + name + " was " + utc_text(not_after) + ", here it is " + utc_text(now));
    }
    if (not_after - now > settings.dedupe_window) {
        return not_trusted(name + ", " + utc_text(not_after) + ", is more than " + for_people(settings.dedupe_window) +
                           " away: ids are remembered for so long "
                           "(Outbox.DedupeWindowHours), and here it is " +
                           utc_text(now));
    }
    return std::nullopt;
}

Result<std::string> check_signed(const CommandMessage& message, const Signature& signature, const Settings& settings,
                                 WallTime now) {
    const auto& [text, key_id, not_after_text] = signature;
    for (std::size_t i = 0; i < signature.size(); ++i) {
        if (signature[i] == nullptr) return not_trusted(std::string(kOfSignature[i]) + " is missing");
    }
    if (const auto name = name_given_twice(message.parameters)) {
        return not_trusted("the parameter " + excerpt(*name, 64) + " is given twice");
    }
    const auto key = std::ranges::find(settings.trust.keys, *key_id, &TrustedKey::id);
    if (key == settings.trust.keys.end()) {
        return not_trusted("the key " + excerpt(*key_id, 64) + " is not one of Commands.Trust.Keys");
    }
    const auto not_after = read_not_after(*not_after_text);
    if (!not_after) return not_after.error();
    const auto bytes = from_base64(*text);
    const std::string& own_id = settings.instance_id.empty() ? message.instance_id : settings.instance_id;
    // A text of other padding bits would be another text of the same signature.
    const bool is_right = bytes && to_base64(*bytes) == *text &&
                          key->key.verifies(signed_form(message, own_id, *key_id, *not_after_text), *bytes);
    if (!is_right) return not_trusted("the signature by " + *key_id + " is not one of this command");
    if (const auto wrong = wrong_time(*not_after, settings, now)) return *wrong;
    return *key_id;
}

}  // namespace

bool is_of_signature(std::string_view parameter) noexcept {
    return std::ranges::any_of(kOfSignature, [&](auto name) { return equal_ignoring_case(parameter, name); });
}

Parameters without_signature(const Parameters& parameters) {
    Parameters rest;
    std::ranges::copy_if(parameters, std::back_inserter(rest),
                         [](const auto& parameter) { return !is_of_signature(parameter.first); });
    return rest;
}

bool is_key_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kLongestKeyId && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

std::string signed_form(const CommandMessage& message, std::string_view instance_id, std::string_view key_id,
                        std::string_view not_after) {
    Parameters parameters = without_signature(message.parameters);
    std::ranges::sort(parameters);
    std::string out = "jiro-command-1\n";
    append_netstring(out, lower_case(instance_id));
    append_netstring(out, message.command_sync_id);
    append_netstring(out, message.command);
    append_netstring(out, key_id);
    append_netstring(out, not_after);
    for (const auto& [name, value] : parameters) {
        append_netstring(out, name);
        append_netstring(out, value);
    }
    return out;
}

void sign(CommandMessage& message, const Ed25519PrivateKey& key, const std::string& key_id, std::int64_t not_after) {
    message.parameters = without_signature(message.parameters);
    const std::string until = std::to_string(not_after);
    const std::string signature = to_base64(key.sign(signed_form(message, message.instance_id, key_id, until)));
    message.parameters.emplace_back(kKeyIdParameter, key_id);
    message.parameters.emplace_back(kNotAfterParameter, until);
    message.parameters.emplace_back(kSignatureParameter, signature);
}

Result<std::optional<std::string>> check_signature(const CommandMessage& message, const Settings& settings,
                                                   bool runs_program, WallTime now) {
    const bool needed = is_needed(settings, runs_program);
    if (!needed && settings.trust.keys_folder.empty()) return std::optional<std::string>();
    const auto signature = find_signature(message.parameters);
    if (!signature) return signature.error().with_prefix("refused");
    const bool is_signed = std::ranges::any_of(*signature, [](const auto* value) { return value != nullptr; });
    if (!is_signed && !needed) return std::optional<std::string>();
    if (!is_signed) {
        return not_trusted("refused: it is not signed, and this machine runs only what is (Commands.Trust.Require)");
    }
    auto signer = check_signed(message, *signature, settings, now);
    if (!signer) return signer.error().with_prefix("refused");
    return std::optional(std::move(*signer));
}

WallTime LatestTime::now() {
    const Duration boot = clock_.boot_now();
    latest_ += std::chrono::duration_cast<WallTime::duration>(boot - std::exchange(boot_at_, boot));
    latest_ = std::max(latest_, clock_.wall_now());
    return latest_;
}

}  // namespace jiro::commands
