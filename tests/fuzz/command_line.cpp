// SPDX-License-Identifier: MIT
// Any text has words or a named error, nothing is made up, and words that are quoted and put together are the same
// words.
#include "commands/command_line.hpp"

#include "check.hpp"

using jiro::fuzz::check;

namespace {

std::string quoted(const std::string& word) {
    std::string result = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = jiro::fuzz::text_of(data, size);
    const auto line = jiro::commands::split_name(text);
    check(line.name.size() + line.arguments.size() <= text.size(), "the parts are parts of the text");
    const auto words = jiro::commands::split_words(line.arguments);
    if (!words) {
        check(!words.error().message.empty(), "an error says what is wrong");
        return 0;
    }
    std::string again;
    for (const auto& word : *words) again += quoted(word) + ' ';
    const auto same = jiro::commands::split_words(again);
    check(same && *same == *words, "quoted words are the same words");
    return 0;
}
