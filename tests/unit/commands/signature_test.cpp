// SPDX-License-Identifier: MIT
#include "jiro/commands/signature.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "jiro/base/base64.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/errors.hpp"
#include "support/manual_clock.hpp"

namespace jiro::commands {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr std::int64_t kNotAfter = 1'800'000'600;

const json& vectors() {
    static const json read = [] {
        std::ifstream file(JIRO_SOURCE_DIR "/docs/signing.md");
        std::ostringstream text;
        text << file.rdbuf();
        const std::string page = text.str();
        const auto begin = page.find("```json\n", page.find("<!-- vectors: begin")) + 8;
        return json::parse(page.substr(begin, page.find("```\n<!-- vectors: end", begin) - begin));
    }();
    return read;
}

Ed25519PrivateKey private_key() {
    auto key = Ed25519PrivateKey::from_pem(Secret(vectors().at("privateKey").get<std::string>()));
    return std::move(*key);
}

Settings trusting(RequireSignature require = RequireSignature::exec) {
    Settings settings;
    settings.instance_id = "Web1";
    settings.trust.keys_folder = "/etc/jiro/trusted.d";
    settings.trust.require = require;
    settings.trust.keys = {
        {"ci-2026", Ed25519PublicKey::from_pem(vectors().at("publicKey").get<std::string>()).value()},
        {"other", Ed25519PublicKey::from_pem(Ed25519PrivateKey::generate()->public_pem()).value()}};
    return settings;
}

CommandMessage plain_message() {
    CommandMessage message;
    message.instance_id = "web1";
    message.command_sync_id = "id-1";
    message.command = "disk --all";
    message.parameters = {{"path", "/var"}, {"depth", "2"}};
    return message;
}

CommandMessage signed_message() {
    CommandMessage signed_one = plain_message();
    sign(signed_one, private_key(), "ci-2026", kNotAfter);
    return signed_one;
}

std::string& parameter_of(CommandMessage& message, std::string_view name) {
    return std::ranges::find(message.parameters, name, &Parameters::value_type::first)->second;
}

// "ci-2026" when it may run, else why not.
std::string verdict(const CommandMessage& message, const Settings& settings, WallTime now = kNow) {
    const auto checked = check_signature(message, settings, true, now);
    if (checked) return checked->value_or("not signed");
    EXPECT_EQ(checked.error().code, errc::not_trusted);
    return checked.error().message;
}

struct Row {
    const char* name;
    std::function<void(CommandMessage&)> change;
    const char* verdict;
};

}  // namespace

// The vectors of docs/signing.md, which another program made: form and signature are these, byte for byte, and are
// taken.
TEST(Signature, is_that_of_the_documentation) {
    ASSERT_GE(vectors().at("vectors").size(), 6);
    for (const json& vector : vectors().at("vectors")) {
        const auto name = vector.at("name").get<std::string>();
        CommandMessage message;
        message.instance_id = vector.at("instanceId");
        message.command_sync_id = vector.at("commandSyncId");
        message.command = vector.at("command");
        for (const auto& [key, value] : vector.at("parameters").items()) message.parameters.emplace_back(key, value);
        const auto not_after = vector.at("notAfter").get<std::string>();

        EXPECT_EQ(json(signed_form(message, message.instance_id, "ci-2026", not_after)), vector.at("signedForm"))
            << name;
        sign(message, private_key(), "ci-2026", std::stoll(not_after));
        EXPECT_EQ(json(parameter_of(message, kSignatureParameter)), vector.at("signature")) << name;
        auto settings = trusting();
        settings.instance_id = message.instance_id;
        EXPECT_EQ(verdict(message, settings, WallTime(std::chrono::seconds(std::stoll(not_after)) - 1h)), "ci-2026")
            << name;
    }
}

// The table of bad input: what is changed, and what becomes of the command.
TEST(Signature, covers_everything_that_counts) {
    const auto change_byte = [](std::string& text, std::size_t at) { text[at] = text[at] == 'A' ? 'B' : 'A'; };
    const auto set = [](std::string_view name, std::string value) {
        return
            [name = std::string(name), value = std::move(value)](CommandMessage& m) { parameter_of(m, name) = value; };
    };
    const auto erase = [](std::string_view name) {
        return [name](CommandMessage& m) {
            std::erase_if(m.parameters, [&](const auto& parameter) { return parameter.first == name; });
        };
    };
    const auto add = [](std::string name, std::string value) {
        return [=](CommandMessage& m) { m.parameters.emplace_back(name, value); };
    };
    constexpr const char* kNotOfThis = "refused: the signature by ci-2026 is not one of this command";
    constexpr const char* kTaken = "ci-2026";
    const Row rows[] = {
        {"nothing changed", [](CommandMessage&) {}, kTaken},
        {"the session, which is not signed", [](CommandMessage& m) { m.session_id = "other"; }, kTaken},
        {"the instance in other case", [](CommandMessage& m) { m.instance_id = "WEB1"; }, kTaken},
        {"no instance: it is this machine's", [](CommandMessage& m) { m.instance_id.clear(); }, kTaken},
        {"order of parameters", [](CommandMessage& m) { std::ranges::reverse(m.parameters); }, kTaken},
        {"the names of the three in other case",
         [](CommandMessage& m) {
             for (auto& [name, value] : m.parameters) name = is_of_signature(name) ? "JIRO" + name.substr(4) : name;
         },
         kTaken},
        {"another id", [](CommandMessage& m) { m.command_sync_id = "id-2"; }, kNotOfThis},
        {"the id by one byte", [&](CommandMessage& m) { change_byte(m.command_sync_id, 0); }, kNotOfThis},
        {"the text by one byte", [&](CommandMessage& m) { change_byte(m.command, 3); }, kNotOfThis},
        {"the text and a blank", [](CommandMessage& m) { m.command += ' '; }, kNotOfThis},
        {"a value by one byte", [&](CommandMessage& m) { change_byte(parameter_of(m, "path"), 1); }, kNotOfThis},
        {"a name by one byte", [](CommandMessage& m) { m.parameters[0].first = "Path"; }, kNotOfThis},
        {"two values exchanged", [](CommandMessage& m) { std::swap(m.parameters[0].second, m.parameters[1].second); },
         kNotOfThis},
        {"a byte moved from name to value",
         [](CommandMessage& m) {
             m.parameters[0] = {"pat", "h/var"};
         },
         kNotOfThis},
        {"a parameter more", add("more", ""), kNotOfThis},
        {"a parameter less", erase("depth"), kNotOfThis},
        {"a parameter twice", add("path", "/etc"), "refused: the parameter path is given twice"},
        {"a parameter twice, in other case", add("PATH", "/etc"), "refused: the parameter path is given twice"},
        {"the signature by one byte", [&](CommandMessage& m) { change_byte(parameter_of(m, kSignatureParameter), 5); },
         kNotOfThis},
        {"bits of the signature's text that say nothing",
         [](CommandMessage& m) {
             auto& text = parameter_of(m, kSignatureParameter);
             text[85] = static_cast<char>(text[85] + 1);  // the last letter has two bits of the 64 bytes
         },
         kNotOfThis},
        {"a signature of no bytes", set(kSignatureParameter, ""), kNotOfThis},
        {"a signature that is no base64", set(kSignatureParameter, "not base64"), kNotOfThis},
        {"a signature in another alphabet", set(kSignatureParameter, std::string(86, '-') + "=="), kNotOfThis},
        {"a signature of zeros", set(kSignatureParameter, to_base64(std::string(64, '\0'))), kNotOfThis},
        {"a long signature", set(kSignatureParameter, to_base64(std::string(1 << 20, 'x'))), kNotOfThis},
        {"a later time", set(kNotAfterParameter, "1800000601"), kNotOfThis},
        {"the same time written otherwise", set(kNotAfterParameter, "01800000600"),
         "refused: jiro.notAfter is not a time in seconds since 1970: 01800000600"},
        {"a time that is none", set(kNotAfterParameter, "2027-01-15T08:10:00Z"),
         "refused: jiro.notAfter is not a time in seconds since 1970: 2027-01-15T08:10:00Z"},
        {"a negative time", set(kNotAfterParameter, "-1"),
         "refused: jiro.notAfter is not a time in seconds since 1970: -1"},
        {"a time beyond all", set(kNotAfterParameter, "9223372036854775807"),
         "refused: jiro.notAfter is not a time in seconds since 1970: 9223372036854775807"},
        {"a time that no clock here reaches", set(kNotAfterParameter, "253402300799"),
         "refused: jiro.notAfter is not a time in seconds since 1970: 253402300799"},
        {"another trusted key", set(kKeyIdParameter, "other"),
         "refused: the signature by other is not one of this command"},
        {"an unknown key", set(kKeyIdParameter, "stranger"),
         "refused: the key stranger is not one of Commands.Trust.Keys"},
        {"a key with a path", set(kKeyIdParameter, "../ci-2026"),
         "refused: the key ../ci-2026 is not one of Commands.Trust.Keys"},
        {"no key", erase(kKeyIdParameter), "refused: jiro.keyId is missing"},
        {"no time", erase(kNotAfterParameter), "refused: jiro.notAfter is missing"},
        {"no signature", erase(kSignatureParameter), "refused: jiro.signature is missing"},
        {"two signatures", add("JIRO.signature", "x"), "refused: jiro.signature is given twice"},
        {"two keys", add("jiro.KEYID", "other"), "refused: jiro.keyId is given twice"},
        {"none of the three", [](CommandMessage& m) { m.parameters = without_signature(m.parameters); },
         "refused: it is not signed, and this machine runs only what is (Commands.Trust.Require)"},
    };
    for (const Row& row : rows) {
        CommandMessage message = signed_message();
        row.change(message);
        EXPECT_EQ(verdict(message, trusting()), row.verdict) << row.name;
    }
}

// What was signed for one machine does not run on another, whatever the hub writes into the message.
TEST(Signature, is_for_one_machine) {
    auto settings = trusting();
    settings.instance_id = "web2";
    for (const char* said : {"web1", "web2", ""}) {
        CommandMessage message = signed_message();
        message.instance_id = said;
        EXPECT_THAT(verdict(message, settings), HasSubstr("is not one of this command")) << said;
    }
}

// Two texts that look the same are two.
TEST(Signature, is_of_bytes_not_of_letters) {
    CommandMessage composed = plain_message();
    composed.command = "say \xC3\xA9";
    sign(composed, private_key(), "ci-2026", kNotAfter);
    EXPECT_EQ(verdict(composed, trusting()), "ci-2026");
    composed.command = "say e\xCC\x81";
    EXPECT_THAT(verdict(composed, trusting()), HasSubstr("is not one of this command"));
}

// Parameters of a megabyte, the most that a message may have, are signed as few are.
TEST(Signature, is_of_long_messages_too) {
    CommandMessage message;
    message.command = "x";
    message.command_sync_id = "id";
    for (int i = 0; i < 200; ++i) message.parameters.emplace_back("p" + std::to_string(i), std::string(5000, 'x'));
    sign(message, private_key(), "ci-2026", kNotAfter);
    EXPECT_THAT(verdict(message, trusting()), HasSubstr("is not one of this command"));  // for no instance
    message.instance_id = "web1";
    sign(message, private_key(), "ci-2026", kNotAfter);
    EXPECT_EQ(verdict(message, trusting()), "ci-2026");
    message.parameters[199].second.back() = 'y';
    EXPECT_THAT(verdict(message, trusting()), HasSubstr("is not one of this command"));
}

// Its time: until that second, and no further ahead than ids are remembered.
TEST(Signature, has_a_time_limit) {
    const auto at = [](std::chrono::seconds before_limit) {
        return WallTime(std::chrono::seconds(kNotAfter)) - before_limit;
    };
    EXPECT_EQ(verdict(signed_message(), trusting(), at(0s)), "ci-2026");
    EXPECT_EQ(verdict(signed_message(), trusting(), at(-1s)),
              "refused: is too late: jiro.notAfter was 2027-01-15T08:10:00Z, here it is 2027-01-15T08:10:01Z");
    EXPECT_EQ(verdict(signed_message(), trusting(), at(24h)), "ci-2026");
    EXPECT_THAT(verdict(signed_message(), trusting(), at(24h + 1s)), HasSubstr("is more than 1 d away"));
    EXPECT_THAT(verdict(signed_message(), trusting(), WallTime()),
                HasSubstr("is more than 1 d away"));  // a dead battery
    auto longer = trusting();
    longer.dedupe_window = 48h;
    EXPECT_EQ(verdict(signed_message(), longer, at(47h)), "ci-2026");
}

// When the clock is set back, what is over stays over; when it is set forward, so be it.
TEST(Signature, is_not_good_again_when_the_clock_is_set_back) {
    jiro::test::ManualClock clock;
    LatestTime time(clock);
    const auto start = clock.wall_now();
    EXPECT_EQ(time.now(), start);
    clock.advance(1h);
    EXPECT_EQ(time.now(), start + 1h);
    clock.set_wall(start);
    EXPECT_EQ(time.now(), start + 1h);
    clock.advance(1min);
    EXPECT_EQ(time.now(), start + 1h + 1min);
    clock.set_wall(start + 5h);
    EXPECT_EQ(time.now(), start + 5h);
    LatestTime after_restart(clock);
    after_restart.not_before(start + 7h);
    EXPECT_GE(after_restart.now(), start + 7h);
}

// Which commands need one, and when one that is there counts.
TEST(Signature, is_required_as_configured) {
    const CommandMessage unsigned_one = plain_message();
    CommandMessage bad = signed_message();
    bad.command_sync_id = "id-2";
    const struct {
        RequireSignature require;
        bool runs_program;
        bool runs_unsigned;
    } rows[] = {
        {RequireSignature::none, false, true}, {RequireSignature::none, true, true},
        {RequireSignature::exec, false, true}, {RequireSignature::exec, true, false},
        {RequireSignature::all, false, false}, {RequireSignature::all, true, false},
    };
    for (const auto& row : rows) {
        const auto settings = trusting(row.require);
        EXPECT_EQ(check_signature(unsigned_one, settings, row.runs_program, kNow).has_value(), row.runs_unsigned);
        EXPECT_TRUE(check_signature(signed_message(), settings, row.runs_program, kNow));
        EXPECT_FALSE(check_signature(bad, settings, row.runs_program, kNow));
    }
    // Without keys the three parameters are what they are to an older client: nothing.
    EXPECT_TRUE(check_signature(bad, Settings(), true, kNow));
    auto no_keys = trusting(RequireSignature::exec);
    no_keys.trust.keys.clear();
    EXPECT_FALSE(check_signature(signed_message(), no_keys, true, kNow));
}

}  // namespace jiro::commands
