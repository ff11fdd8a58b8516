// SPDX-License-Identifier: MIT
#include "jiro/base/secret_mask.hpp"

#include <gtest/gtest.h>

#include "jiro/base/base64.hpp"
#include "jiro/base/random.hpp"

namespace jiro {
namespace {

std::string masked(const std::vector<std::string>& values, std::string_view text, std::size_t piece) {
    SecretMask mask(values);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) out += mask.feed(text.substr(at, piece));
    return out + mask.finish();
}

struct MaskCase {
    const char* name;
    std::vector<std::string> values;
    std::string text;
    std::string expected;
};

// Whatever the pieces are that a text comes in, what is shown of it is the same.
TEST(SecretMask, masks_wherever_the_pieces_end) {
    const MaskCase cases[] = {
        {"nothing", {"hunter22"}, "all is well\n", "all is well\n"},
        {"once", {"hunter22"}, "password: hunter22\n", "password: ***\n"},
        {"at both ends", {"hunter22"}, "hunter22, hunter22", "***, ***"},
        {"side by side", {"hunter22"}, "hunter22hunter22", "******"},
        {"nearly", {"hunter22"}, "hunter2 hunter2\n", "hunter2 hunter2\n"},
        {"after its own beginning", {"aaaaaab"}, "aaaaaaaab", "aa***"},
        {"the longer of two", {"secret", "secret-key"}, "secret-key secret-kex", "*** ***-kex"},
        {"overlapping", {"abcdefgh", "efghijkl"}, "<abcdefghijkl>", "<***>"},
        {"overlapping in turn", {"abcdef", "defghi", "ghijkl"}, "<abcdefghijkl>", "<***>"},
        {"overlapping by one character", {"one-and-two", "password-one"}, "a password-one-and-two", "a ***"},
        {"overlapping, nearly", {"abcdefgh", "efghijkl"}, "abcdefghijk!", "***ijk!"},
        {"overlapping itself", {"abcabc"}, "abcabcabcabcab abcabc", "***ab ***"},
        {"of one character", {"aaaaaa"}, "aaaaaaaaaaaaaaab", "***b"},
        {"one inside another", {"inside", "xxinsideyy"}, "xxinsideyy inside", "*** ***"},
        {"overlapping, cut at the end", {"abcdefgh", "efghijkl"}, "abcdefghij", "***"},
        {"with line breaks and NULs", {std::string("a\0\nb\r\xff", 6)}, std::string("<a\0\nb\r\xff>", 8), "<***>"},
        {"percent-encoded", {"p&ss w/rd"}, "q=p%26ss%20w%2Frd&p%26ss%20w%2frd", "q=***&***"},
        {"percent-encoded in part", {"tok/en with+plus"}, "tok/en%20with%2Bplus tok%2fen+with%2bplus", "*** ***"},
        {"a field of a form", {"correct horse"}, "pw=correct+horse&x=1", "pw=***&x=1"},
        {"JSON",
         {R"(corr"ect\horse/9)"},
         R"({"a":"corr\"ect\\horse\/9","b":"corr\u0022ect\u005chorse/9"})",
         R"({"a":"***","b":"***"})"},
        {"JSON, nearly",
         {R"(corr"ect\horse9)"},
         R"(corr\"ect\\horse8 corr\"ect\horse9)",
         R"(corr\"ect\\horse8 corr\"ect\horse9)"},
        {"JSON in ASCII", {"p\u00e4ssw\u00f6rd"}, R"(p\u00e4ssw\u00F6rd p\u00e4ssword)", R"(*** p\u00e4ssword)"},
        {"JSON of surrogate pairs",
         {"\U0001f600 pass"},
         R"("\ud83d\ude00 pass", "\ud83d\ude01 pass")",
         R"("***", "\ud83d\ude01 pass")"},
        {"JSON of half a pair",
         {"\U0001f600 pass"},
         R"(\ud83d pass \ude00 pass \ud83d)",
         R"(\ud83d pass \ude00 pass \ud83d)"},
        {"a shell's word", {"it's (one)"}, R"(it\'s\ \(one\))", "***"},
        {"in a shell's quotes", {"it's (one)"}, R"('it'\''s (one)' 'it'"'"'s (one)')", "'***' '***'"},
        {"quotes in quotes", {"'quoted'"}, R"(''\''quoted'\''' ''"'"'quoted'"'"'')", "'***' '***'"},
        {"quotes, nearly",
         {"it's (one)"},
         R"('it'\''s (two)' it'\'s (one) it'"')",
         R"('it'\''s (two)' it'\'s (one) it'"')"},
        {"raw, with what looks like quotes", {R"(a'\''b'"'"')"}, R"(a'\''b'"'"')", "***"},
        {"raw, with what looks like escapes", {R"(a\\b%41+\u0041)"}, R"(a\\b%41+\u0041)", "***"},
        {"escaped, cut at the end", {"hunter\"22"}, R"(hunter\"2 or hunter\")", R"(hunter\"2 or ***)"},
        {"no escape", {"hunter22"}, R"(100% of C:\new\u12 %zz \)", R"(100% of C:\new\u12 %zz \)"},
        {"too short", {"pass"}, "pass p%61ss", "pass p%61ss"},
        {"cut at the end", {"hunter22"}, "it was hunter", "it was ***"},
        {"cut sooner", {"hunter22"}, "it was hunt", "it was hunt"},
        {"no values", {}, "text", "text"},
    };
    for (const auto& [name, values, text, expected] : cases) {
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            EXPECT_EQ(masked(values, text, piece), expected) << name << ", in pieces of " << piece;
        }
    }
}

// Where bytes are missing a value may have been cut: nothing of what may be its rest is shown, and what begins behind
// it is masked as ever.
TEST(SecretMask, shows_no_rest_of_a_value_that_was_cut) {
    const MaskCase cases[] = {
        {"the rest", {"hunter22"}, "nter22" + std::string(200, '.'), std::string(206 - 2 * 48, '.')},
        {"also lines", {"hunter22"}, "ter22\nand hunter22", ""},
        {"not a whole one", {"hunter22"}, std::string(92, '.') + "hunter22 x", "*** x"},
        {"it repeats itself", {"ababab"}, "babab" + std::string(80, '.'), std::string(85 - 2 * 36, '.')},
        {"no values", {}, "text", "text"},
        {"ended soon", {"hunter22"}, "hunter22", ""},
    };
    for (const auto& [name, values, text, expected] : cases) {
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            SecretMask mask(values);
            static_cast<void>(mask.feed("hun"));
            mask.skip();
            std::string out;
            for (std::size_t at = 0; at < text.size(); at += piece) {
                out += mask.feed(std::string_view(text).substr(at, piece));
            }
            EXPECT_EQ(out + mask.finish(), expected) << name << ", in pieces of " << piece;
        }
    }
}

// In base64 a value is found wherever it stands in what was encoded.
TEST(SecretMask, masks_base64) {
    for (const char* before : {"", "x", "xy", "xyz"}) {
        const auto text = to_base64(std::string(before) + "hunter22hunter22" + "tail");
        const auto shown = masked({"hunter22hunter22"}, text, 5);
        EXPECT_NE(shown, text);
        EXPECT_EQ(from_base64(shown).value_or("").find("hunter22"), std::string::npos) << shown;
        EXPECT_NE(shown.find("***"), std::string::npos) << shown;
    }
}

// In lines, as coreutils and MIME have it; escaped, as in JSON and in a URL.
TEST(SecretMask, masks_base64_that_is_broken_into_lines_or_escaped) {
    const std::string secret = "ghp_" + std::string(26, '?') + std::string(45, '>');
    for (const std::string_view line_break : {"\n", "\r\n", R"(\n)", "%0D%0a"}) {
        std::string text = to_base64("x" + secret);
        for (std::size_t at = 76; at < text.size(); at += 76 + line_break.size()) text.insert(at, line_break);
        for (std::size_t piece = 1; piece <= text.size(); ++piece) {
            EXPECT_LT(masked({secret}, text, piece).size(), 10U) << text << ", in pieces of " << piece;
        }
    }
    for (const auto& [plus, slash] : {std::pair{"-", "_"}, {"%2B", "%2f"}, {"+", R"(\/)"}, {R"(\u002b)", "/"}}) {
        std::string text;
        for (const char c : to_base64(secret)) text += c == '+' ? plus : c == '/' ? slash : std::string(1, c);
        EXPECT_EQ(masked({secret}, text, 7), "***") << text;
    }
}

// As keys of one service do; one may be the beginning of another.
TEST(SecretMask, tells_values_apart_that_begin_alike) {
    std::vector<std::string> values{"alike-\u00e4", "alike-\u00f6x", "alike-", "alike-and-long", "blike-1"};
    for (int i = 0; i < 100; ++i) values.push_back("alike-key-" + std::to_string(i) + '-');
    for (const auto& value : values) {
        EXPECT_EQ(masked(values, value, value.size()), "***") << value;
        const auto encoded = to_base64("user:" + value + "#tail");
        EXPECT_EQ(masked(values, encoded, encoded.size()).find(encoded.substr(8, 5)), std::string::npos) << value;
    }
    EXPECT_EQ(masked(values, "alike-key-7 alike-and-longer alike", 100), "***key-7 ***er alike");
    EXPECT_EQ(masked(values, "blike-2 alik-key-7-", 100), "blike-2 alik-key-7-");
}

// Only what may still become a value is kept back.
TEST(SecretMask, holds_back_no_more_than_it_must) {
    SecretMask mask({"hunter22"});
    EXPECT_EQ(mask.feed("a prompt: "), "a prompt: ");
    EXPECT_EQ(mask.feed("hunt"), "");
    EXPECT_EQ(mask.feed("ing "), "hunting ");
    EXPECT_EQ(mask.feed("hunter2"), "");
    EXPECT_EQ(mask.feed("2!"), "***!");
    EXPECT_EQ(mask.finish(), "");
}

// The values are never shown, whatever the text and its pieces are.
TEST(SecretMask, never_shows_a_value) {
    SystemRandom random;
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (int i = 0; i < 60; ++i) text += static_cast<char>('a' + random.next() % 2);
        const std::vector<std::string> values{text.substr(random.next() % 40, 6 + random.next() % 8), "aaaaaa"};
        const auto shown = masked(values, text, 1 + random.next() % 9);
        for (const auto& value : values) EXPECT_EQ(shown.find(value), std::string::npos) << text << " -> " << shown;
    }
}

}  // namespace
}  // namespace jiro
