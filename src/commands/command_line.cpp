// SPDX-License-Identifier: MIT
#include "commands/command_line.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

// One pass over the text; `word_` is being built while `in_word_`.
class WordSplitter {
  public:
    Result<std::vector<std::string>> split(std::string_view text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const char c = text[i];
            if (is_space(c)) {
                end_word();
                continue;
            }
            in_word_ = true;
            if (c == '\'' || c == '"') {
                const auto end = read_quoted(text, i);
                if (end == std::string_view::npos) {
                    return Error(errc::unclosed_quote, "the quote " + std::string(1, c) + " at character " +
                                                           std::to_string(i + 1) + " of the arguments is not closed");
                }
                i = end;
            } else if (c == '\\') {
                if (++i == text.size()) {
                    return Error(errc::dangling_escape, "the backslash at the end of the arguments escapes nothing");
                }
                word_ += text[i];
            } else {
                const auto end = end_of_plain(text, i);
                word_.append(text, i, end - i);
                i = end - 1;
            }
        }
        end_word();
        return std::move(words_);
    }

  private:
    // Behind the characters from `begin` that stand for themselves; `begin` is one.
    static std::size_t end_of_plain(std::string_view text, std::size_t begin) {
        const auto is_plain = [](char c) { return c != '\'' && c != '"' && c != '\\' && !is_space(c); };
        std::size_t at = begin + 1;
        while (text.size() - at >= kTextBlock && is_block_without<'\'', '"', '\\'>(text.data() + at, ' ' + 1)) {
            at += kTextBlock;
        }
        const auto* end = std::find_if_not(text.data() + at, text.data() + text.size(), is_plain);
        return static_cast<std::size_t>(end - text.data());
    }

    // Returns the position of the closing quote.
    std::size_t read_quoted(std::string_view text, std::size_t open) {
        const char quote = text[open];
        for (std::size_t i = open + 1; i < text.size(); ++i) {
            if (text[i] == quote) return i;
            const bool escapes =
                quote == '"' && text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
            if (escapes) ++i;
            word_ += text[i];
        }
        return std::string_view::npos;
    }

    void end_word() {
        if (!in_word_) return;
        words_.push_back(std::move(word_));
        word_.clear();
        in_word_ = false;
    }

    std::vector<std::string> words_;
    std::string word_;
    bool in_word_ = false;  // an empty pair of quotes is a word
};

}  // namespace

CommandLine split_name(std::string_view text) noexcept {
    text = trimmed(text);
    if (text.starts_with('$')) text.remove_prefix(1);
    const auto end = std::ranges::find_if(text, is_space);
    const auto length = static_cast<std::size_t>(end - text.begin());
    return {text.substr(0, length), trimmed(text.substr(length))};
}

Result<std::vector<std::string>> split_words(std::string_view text) { return WordSplitter().split(text); }

}  // namespace jiro::commands
