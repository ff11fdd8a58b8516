// SPDX-License-Identifier: MIT
#include "jiro/commands/command_registry.hpp"

#include <gtest/gtest.h>

#include "fakes.hpp"

namespace jiro::commands {

namespace {

Task<CommandResult> nothing(CommandContext&) { co_return CommandResult::text(""); }

std::shared_ptr<const CommandRegistry> registry_of(std::initializer_list<const char*> names) {
    CommandRegistry::Handlers handlers;
    for (const auto* name : names) {
        CommandDescription description;
        description.name = name;
        handlers.push_back(make_handler(std::move(description), nothing));
    }
    return CommandRegistry::make(std::move(handlers)).value();
}

}  // namespace

// Names are exact; the list is sorted.
TEST(CommandRegistry, finds_by_name) {
    const auto registry = registry_of({"ping", "disk", "help"});
    ASSERT_NE(registry->find("disk"), nullptr);
    EXPECT_EQ(registry->find("disk")->description().name, "disk");
    EXPECT_EQ(registry->find("Disk"), nullptr);
    EXPECT_EQ(registry->find(""), nullptr);
    EXPECT_EQ(registry->handlers().front()->description().name, "disk");
}

// A typing mistake leads to the command that was meant; something else leads nowhere.
TEST(CommandRegistry, knows_the_nearest_name) {
    const auto registry = registry_of({"ping", "disk", "help", "restart-service"});
    EXPECT_EQ(registry->did_you_mean("dsik"), "; did you mean \"disk\"?");
    EXPECT_EQ(registry->did_you_mean("DISK"), "; did you mean \"disk\"?");
    EXPECT_EQ(registry->did_you_mean("restart"), "; did you mean \"restart-service\"?");
    EXPECT_EQ(registry->did_you_mean("hlep"), "; did you mean \"help\"?");
    EXPECT_EQ(registry->did_you_mean("elephant"), "");
    EXPECT_EQ(registry->did_you_mean(std::string(1000000, 'x')), "");
}

// Two commands of one name cannot both be meant.
TEST(CommandRegistry, refuses_a_second_command_of_a_name) {
    CommandRegistry::Handlers handlers;
    for (int i = 0; i < 2; ++i) {
        CommandDescription description;
        description.name = "disk";
        handlers.push_back(make_handler(std::move(description), nothing));
    }
    const auto registry = CommandRegistry::make(std::move(handlers));
    ASSERT_FALSE(registry.has_value());
    EXPECT_EQ(registry.error().code, errc::duplicate_name);
}

}  // namespace jiro::commands
