// SPDX-License-Identifier: MIT
#include "jiro/config/definitions.hpp"

#include <sys/stat.h>

#include "config/pieces.hpp"
#include "config/schema.hpp"
#include "config/yaml_reader.hpp"
#include "jiro/base/text.hpp"
#include "jiro/config/load.hpp"

namespace jiro::config {

using commands::ExecCommand;

namespace {

bool is_owners_alone(const std::filesystem::path& folder, unsigned owner) {
    struct stat status {};
    return stat(folder.c_str(), &status) != 0 ||
           (status.st_uid == owner && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

FoundDefinition not_defined(const std::filesystem::path& folder, const std::string& name, const std::string& why) {
    return {std::nullopt, false,
            "the command " + excerpt(name, 64) + " is not defined in " + folder.string() +
                (why.empty() ? "" : " (" + why + ')') + ", and its unit runs nothing else: docs/commands.md"};
}

FoundDefinition bad_definition(const std::string& name, const std::string& why) {
    return {std::nullopt, true, "the command " + excerpt(name, 64) + " is not defined well: " + why};
}

// What is wrong, in one line: its first mistake.
std::string first_of(Problems problems) {
    const auto errors = std::move(problems).sorted("");
    return errors.empty() ? std::string() : to_string(errors.front());
}

FoundDefinition read_definition(const Member& member, const Environment& environment) {
    Problems problems;
    std::vector<Warning> warnings;
    std::map<std::string, Place, std::less<>> places;
    SecretsByKey secrets;
    const Context context{problems, warnings, environment, places, secrets, "Commands.Exec"};
    ExecCommand command = read_exec_command(member, context.inside(member));
    if (!problems.empty()) return bad_definition(member.key, first_of(std::move(problems)));
    return {std::move(command), true, {}};
}

}  // namespace

FoundDefinition find_definition(const std::filesystem::path& folder, const std::string& name,
                                const Environment& environment, unsigned owner) {
    if (!is_owners_alone(folder, owner)) return not_defined(folder, name, "others may write there");
    Problems problems;
    std::vector<Warning> warnings;  // whoever reads the configuration tells them
    std::vector<Node> roots;        // each holds what is found in it
    std::vector<const Member*> found;
    for (const Piece& piece : read_pieces(folder, ".yaml", problems, warnings)) {
        if (piece.text.find(name) == std::string::npos) continue;  // a thousand files are looked through at each start
        if (piece.owner != owner || piece.is_writable_by_others) {
            problems.add({piece.path}, "", "others may write it or, behind a link, its folder");
            continue;
        }
        roots.push_back(read_yaml(piece.text, piece.path, problems));
    }
    for (const Node& root : roots) {
        for (const Member& member : root.members) {
            if (member.key == name) found.push_back(&member);
        }
    }
    if (found.empty()) return not_defined(folder, name, first_of(std::move(problems)));
    if (found.size() > 1) {
        return bad_definition(
            name, "it is given twice, in " + to_string(found[0]->place) + " and " + to_string(found[1]->place));
    }
    return read_definition(*found.front(), environment);
}

}  // namespace jiro::config
