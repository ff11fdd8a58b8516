// SPDX-License-Identifier: MIT
#pragma once
// The folders of small files that belong to a configuration: config.d and commands.d beside it, and the keys of
// Commands.Trust. A package or a playbook adds or removes a file of its own there and edits nobody else's. Read where
// the configuration is: at the start, at a reload, by the command line.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.hpp"
#include "jiro/config/config.hpp"

namespace jiro::config {

struct Piece {
    std::string path;
    std::string text;
    bool is_world_readable = false;
    bool is_writable_by_others = false;  // than its owner: it, or a folder on the way behind its link
    unsigned owner = 0;
};

// What is taken of one folder. Beyond it the folder is an error, and none of its files is used.
inline constexpr std::size_t kMaxPieces = 1024;
inline constexpr std::size_t kMaxBytesOfPieces = 4 * 1024 * 1024;

// Its files whose names end in `ending` (".yaml") and do not begin with a dot, sorted by name; none when there is no
// such folder (a link to nowhere is a problem). Adds a problem for each that cannot be read, is no regular file, or is
// a link that leads out of the folder, if only on its way: whoever may add a file there may not have the daemon read
// any other. A link may lead to any place below it, as Kubernetes has them (x.yaml -> ..data/x.yaml, ..data ->
// ..2026_12_01). A name that is nearly one (x.yml, x.YAML) is left aside as any other, but with a warning.
[[nodiscard]] std::vector<Piece> read_pieces(const std::filesystem::path& folder, std::string_view ending,
                                             Problems& problems, std::vector<Warning>& warnings);

}  // namespace jiro::config
