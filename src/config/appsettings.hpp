// SPDX-License-Identifier: MIT
#pragma once
// The configuration of the C# client (appsettings.json, JIRO_JiroCloud__* in the environment), which is taken as it is:
// its keys are other names of ours, or are known to mean nothing here. Ours win where both are given. Pure.

#include <span>
#include <string>
#include <string_view>

#include "config/node.hpp"
#include "config/schema.hpp"

namespace jiro::config {

struct ForeignKey {
    std::string_view path;  // theirs, with dots; a whole section where nothing in it means anything here
    std::string_view ours;  // empty: it means nothing here
    std::string_view note;  // why not, or what differs
};
[[nodiscard]] std::span<const ForeignKey> foreign_keys();

// The name that the C# client has for a key of ours; empty: none.
[[nodiscard]] std::string_view foreign_name_of(std::string_view path);

// "WebSocket.HubUrl" with another separator in place of the dots: "WebSocket__HubUrl".
[[nodiscard]] std::string joined_with(std::string_view separator, std::string_view path);

// Whether the file's top level has a section that only theirs has.
[[nodiscard]] bool is_appsettings(const Node& root);

// A variable of the environment without its prefix, in any case: "JiroCloud__Grpc__MaxRetries". Of a section that means
// nothing here: any name in it. `rest` gets what follows the key's own name (a header's name).
struct ForeignVariable {
    const ForeignKey* key = nullptr;
    std::string_view rest;
};
[[nodiscard]] ForeignVariable find_foreign_variable(std::string_view name);

// What is assigned to a key of ours by one of theirs. The path of the gRPC address is dropped. Paths of files that are
// relative there count from the folder of the program, which is the file's, or the one above where the file lies in
// "Configuration".
[[nodiscard]] Node adapted(const ForeignKey& key, const Node& value, const std::string& file);

}  // namespace jiro::config
