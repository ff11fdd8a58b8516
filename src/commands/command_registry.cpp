// SPDX-License-Identifier: MIT
#include "jiro/commands/command_registry.hpp"

#include <algorithm>

#include "jiro/base/text.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace {

std::string_view handler_name(const std::unique_ptr<const CommandHandler>& handler) {
    return handler->description().name;
}

}  // namespace

Result<std::shared_ptr<const CommandRegistry>> CommandRegistry::make(Handlers handlers) {
    std::ranges::stable_sort(handlers, {}, handler_name);
    for (std::size_t i = 1; i < handlers.size(); ++i) {
        const auto& one = handlers[i - 1]->description();
        const auto& other = handlers[i]->description();
        if (one.name == other.name) {
            return Error(errc::duplicate_name,
                         other.source + ": the command \"" + other.name + "\" is already defined (" + one.source + ")");
        }
    }
    return std::shared_ptr<const CommandRegistry>(new CommandRegistry(std::move(handlers)));
}

const CommandHandler* CommandRegistry::find(std::string_view name) const noexcept {
    const auto found = std::ranges::lower_bound(handlers_, name, {}, handler_name);
    return found != handlers_.end() && handler_name(*found) == name ? found->get() : nullptr;
}

const CommandHandler* CommandRegistry::find_in_any_case(std::string_view name) const noexcept {
    if (const auto* handler = find(name)) return handler;
    const auto is_named = [name](const auto& handler) { return equal_ignoring_case(handler_name(handler), name); };
    const auto found = std::ranges::find_if(handlers_, is_named);
    return found == handlers_.end() ? nullptr : found->get();
}

std::string CommandRegistry::did_you_mean(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& handler : handlers_) names.push_back(handler_name(handler));
    return jiro::did_you_mean(name, names, "; did you mean \"", "\"?");
}

}  // namespace jiro::commands
