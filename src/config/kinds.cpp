// SPDX-License-Identifier: MIT
#include "config/kinds.hpp"

#include <algorithm>
#include <array>

#include "config/machine.hpp"

namespace jiro::config {

namespace {

// Whether the log masks it wherever it stands. A short word (a site, a tenant) stands in paths and host names, too, and
// so does what is this machine's name or id and nothing else.
bool is_masked_in_log(std::string_view name, std::string_view value) {
    static constexpr std::size_t kNoWord = 16;
    if (!signalr::may_be_credential(name) || value == "${hostname}" || value == "${machine-id}") return false;
    if (value.size() >= kNoWord) return true;
    static constexpr std::array<std::string_view, 9> kTelling{"auth", "cookie",     "key",     "token",    "secret",
                                                              "pass", "credential", "session", "signature"};
    const auto is_part = [word = lower_case(name)](auto part) { return word.find(part) != std::string::npos; };
    return std::ranges::any_of(kTelling, is_part);
}

}  // namespace

bool read_headers(const Node& node, Pairs& headers, const Context& context) {
    if (!assign(read_text_map(node, context), headers)) return false;
    for (auto& [name, value] : headers) {
        const auto member = std::ranges::find(node.members, name, &Member::key);
        const bool is_masked = is_masked_in_log(name, value);
        if (auto complete = with_machine_facts(value)) {
            value = std::move(*complete);
        } else {
            context.fail(member->place, "'" + yaml_text(name) + "' " + complete.error().message);
        }
        if (is_masked) context.keep_secret(Secret(value));
        const std::string problem = signalr::is_header_of_the_client(name) ? "is set by the client itself"
                                    : !signalr::can_be_sent(name, value)
                                        ? "has a value with control characters, or of more than 16 KiB"
                                        : "";
        if (!problem.empty()) {
            context.fail(member->place, "'" + yaml_text(name) + "' " + problem);
        }
    }
    return true;
}

std::string show_headers(const Pairs& headers, Reveal reveal) {
    Pairs shown = headers;
    for (auto& [name, value] : shown) {
        if (reveal == Reveal::masked && signalr::may_be_credential(name)) value = "***";
    }
    return yaml_map(shown);
}

bool read_listen(const Node& node, monitor::Listen& target, const Context& context) {
    const auto text = read_text(node, context);
    if (!text) return false;
    const ExpandedPath expanded =
        text->starts_with("unix:") ? expand_path(text->substr(5), context.environment) : ExpandedPath{*text, {}, {}};
    auto listen = monitor::parse_listen(text->starts_with("unix:") ? "unix:" + expanded.path : *text);
    if (listen) {
        target = std::move(*listen);
    } else if (!expanded.not_set.empty()) {
        context.warn(node.place, expanded.not_set + " is not set here; it is when systemd starts the service");
    } else {
        context.fail(node.place, listen.error().message);
    }
    return listen.has_value();
}

std::string show_listen(const monitor::Listen& listen, Reveal) { return yaml_text(monitor::to_string(listen)); }

bool read_requests(const Node& node, RequestKinds& target, const Context& context) {
    RequestKinds kinds;
    for (const Node& item : node.items) {
        const auto choice = read_choice(item, kRequestKindNames, context);
        if (!choice) return false;
        kinds.add(static_cast<RequestKind>(*choice));
    }
    if (node.kind != Node::Kind::sequence) {
        context.fail(node.place,
                     "expected a list of " + allowed_text(kRequestKindNames) + ", not " + std::string(kind_name(node)));
        return false;
    }
    target = kinds;
    return true;
}

std::string show_requests(const RequestKinds& kinds, Reveal) { return yaml_list(kinds.names()); }

}  // namespace jiro::config
