// SPDX-License-Identifier: MIT
#include <algorithm>

#include "config/schema.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

// The state of one walk over a map and its sections.
struct Walk {
    std::span<const std::string_view> paths;
    const std::string& prefix;
    Problems& problems;
    std::map<std::size_t, Assigned> found;
    std::map<std::pair<std::string, std::string>, Place> sections;  // seen so far: in lower case, and in which file

    [[nodiscard]] std::string shown(std::string_view path) const {
        return prefix.empty() ? std::string(path) : prefix + '.' + std::string(path);
    }

    // The names that may stand in `section`, keys and sections.
    [[nodiscard]] std::vector<std::string_view> names_in(const std::string& section) const {
        std::vector<std::string_view> names;
        const std::string start = section.empty() ? "" : lower_case(section) + '.';
        for (const std::string_view path : paths) {
            if (!lower_case(path).starts_with(start)) continue;
            const auto rest = path.substr(start.size());
            const auto name = rest.substr(0, rest.find('.'));
            if (std::ranges::find(names, name) == names.end()) names.push_back(name);
        }
        return names;
    }

    // What was meant: a name of the same section, or the same name elsewhere.
    [[nodiscard]] std::string hint(std::string_view name, const std::string& section) const {
        const auto here = names_in(section);
        if (auto text = did_you_mean(name, here); !text.empty()) return text;
        const std::string ending = '.' + lower_case(name);
        for (const std::string_view path : paths) {
            if (('.' + lower_case(path)).ends_with(ending)) return ", did you mean '" + shown(path) + "'?";
        }
        std::string text = ", allowed here: ";
        for (const std::string_view allowed : here) text += (text.ends_with(": ") ? "" : ", ") + std::string(allowed);
        return text;
    }

    void member(const Member& member, const std::string& section) {
        std::string path = section.empty() ? member.key : section + '.' + member.key;
        const auto same = [&](std::string_view known) { return lower_case(known) == lower_case(path); };
        const auto key = std::ranges::find_if(paths, same);
        if (key != paths.end()) {
            const auto index = static_cast<std::size_t>(key - paths.begin());
            const auto [earlier, is_new] = found.try_emplace(index, Assigned{&member.value, member.place});
            if (!is_new) twice(member, shown(*key), earlier->second.place);
            return;
        }
        const auto inside = std::ranges::find_if(
            paths, [&](std::string_view known) { return lower_case(known).starts_with(lower_case(path) + '.'); });
        if (inside == paths.end()) {
            return problems.add(member.place, shown(path), "unknown key" + hint(member.key, section));
        }
        path = std::string(inside->substr(0, path.size()));  // as it is written in the documentation
        // Each file of a configuration in pieces may have a section once.
        const auto [earlier, is_new] = sections.try_emplace({lower_case(path), member.place.file}, member.place);
        if (!is_new) twice(member, shown(path), earlier->second);
        if (member.value.kind == Node::Kind::map) {
            members(member.value, path);
        } else if (member.value.kind != Node::Kind::null) {
            problems.add(member.value.place, shown(path),
                         "is a section with keys of its own, not " + std::string(kind_name(member.value)));
        }
    }

    void twice(const Member& again, const std::string& path, const Place& earlier) {
        const bool is_here = earlier.file == again.place.file;
        problems.add(
            again.place, path,
            "is given twice, first in " + (is_here ? "line " + std::to_string(earlier.line) : to_string(earlier)));
    }

    void members(const Node& map, const std::string& section) {
        for (const Member& entry : map.members) member(entry, section);
    }
};

}  // namespace

std::map<std::size_t, Assigned> match_keys(const Node& map, std::span<const std::string_view> paths,
                                           const std::string& prefix, Problems& problems) {
    Walk walk{paths, prefix, problems, {}, {}};
    walk.members(map, "");
    return std::move(walk.found);
}

}  // namespace jiro::config
