// SPDX-License-Identifier: MIT
#pragma once
// The kinds of values that only the table of all keys has (schema.cpp); those of every table are in key.hpp.

#include "config/key.hpp"
#include "config/secret_text.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

struct UrlText : KindInfo {
    explicit UrlText(std::span<const std::string_view> all)
        : KindInfo{"URL", allowed_text(all), true, true}, schemes(all) {}

    bool read(const Node& node, Url& target, const Context& context) const {
        const bool is_read = assign(read_url(node, schemes, context), target);
        if (is_read && !target.user_info().empty()) context.keep_secret(Secret(target.user_info()));
        return is_read;
    }
    std::string show(const Url& url, Reveal reveal) const {
        return yaml_text(reveal == Reveal::plain ? whole(url) : url.redacted());
    }
    static std::string whole(const Url& url) {
        std::string text(url.scheme());
        text += "://";
        if (!url.user_info().empty()) text += percent_encode(url.user_info(), "-._~:") + '@';
        return text.append(url.host_port()).append(url.target());
    }

    std::span<const std::string_view> schemes;
};

struct TextWithFacts : Text {
    bool read(const Node& node, std::string& target, const Context& context) const {
        return assign(read_text_with_facts(node, context), target);
    }
};

// A token or key written into the file itself.
struct SecretText : KindInfo {
    SecretText() : KindInfo{"text", {}, true, true} {}

    bool read(const Node& node, Secret& target, const Context& context) const {
        const auto text = read_text(node, context);
        if (!text) return false;
        auto secret = clean_secret(*text);
        context.keep_secret(secret);
        if (const auto why = why_no_secret(secret)) {
            context.fail(node.place, why->message);
            return false;
        }
        target = std::move(secret);
        return true;
    }
    std::string show(const Secret& secret, Reveal reveal) const {
        if (secret.empty()) return "null";
        return reveal == Reveal::plain ? yaml_text(secret.reveal()) : std::string("'***'");
    }
};

struct AuditText : KindInfo {
    AuditText() : KindInfo{"word or path", "journal, off or an absolute path"} {}

    bool read(const Node& node, std::string& target, const Context& context) const {
        for (const std::string_view word : {kAuditJournal, kAuditOff}) {
            if (node.kind != Node::Kind::scalar || !equal_ignoring_case(node.text, word)) continue;
            target = word;
            return true;
        }
        return assign(read_path(node, context), target);
    }
    std::string show(const std::string& value, Reveal) const { return yaml_text(value); }
};

bool read_headers(const Node& node, Pairs& headers, const Context& context);
[[nodiscard]] std::string show_headers(const Pairs& headers, Reveal reveal);
bool read_listen(const Node& node, monitor::Listen& target, const Context& context);
[[nodiscard]] std::string show_listen(const monitor::Listen& listen, Reveal);
bool read_requests(const Node& node, RequestKinds& target, const Context& context);
[[nodiscard]] std::string show_requests(const RequestKinds& kinds, Reveal);

}  // namespace jiro::config
