// SPDX-License-Identifier: MIT
#include "config/pieces.hpp"

#include <algorithm>
#include <optional>

#include "jiro/base/file.hpp"

namespace jiro::config {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxEntries = 16 * kMaxPieces;  // those of other names, too: a folder is not read for ever

bool is_piece(const std::string& name, std::string_view ending) {
    return name.size() > ending.size() && name.ends_with(ending) && !name.starts_with('.');
}

// The names of the folder's files, sorted. Nothing, and why in `problems`: it cannot be read, or holds too much.
std::vector<std::string> names_in(const fs::path& folder, std::string_view ending, Problems& problems) {
    std::error_code error;
    std::vector<std::string> names;
    // A link to nowhere is a folder that was there: whoever takes it for none forgets what it said.
    if (fs::symlink_status(folder, error).type() == fs::file_type::not_found) return names;
    std::size_t entries = 0;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::string name = entry->path().filename().string();
        if (is_piece(name, ending)) names.push_back(std::move(name));
        if (names.size() <= kMaxPieces && ++entries <= kMaxEntries) continue;
        problems.add({folder.string()}, "",
                     "holds more than " + std::to_string(kMaxPieces) + " files, or than " +
                         std::to_string(kMaxEntries) + " entries of any kind");
        return {};
    }
    if (error) {
        problems.add({folder.string()}, "", "cannot be read: " + error.message());
        return {};
    }
    std::ranges::sort(names);
    return names;
}

// Where a link leads, if that is out of the folder; "nowhere" for one that leads to nothing.
std::optional<std::string> leads_out(const fs::path& file, const fs::path& folder) {
    std::error_code error;
    if (!fs::is_symlink(file, error)) return std::nullopt;
    const fs::path target = fs::canonical(file, error);
    if (error) return "nowhere";
    const fs::path home = fs::canonical(folder, error);
    if (!error && target.parent_path() == home) return std::nullopt;
    return target.string() + ", out of this folder";
}

}  // namespace

std::vector<Piece> read_pieces(const fs::path& folder, std::string_view ending, Problems& problems) {
    std::vector<Piece> pieces;
    std::size_t bytes = 0;
    for (const std::string& name : names_in(folder, ending, problems)) {
        const fs::path file = folder / name;
        if (const auto target = leads_out(file, folder)) {
            problems.add({file.string()}, "", "is a link to " + *target);
            continue;
        }
        auto content = read_small_file(file, kMaxFileBytes);
        if (!content) {
            problems.add({file.string()}, "", content.error().message);
            continue;
        }
        bytes += content->text.size();
        if (bytes > kMaxBytesOfPieces) {
            problems.add({folder.string()}, "",
                         "holds files of more than " + std::to_string(kMaxBytesOfPieces) + " bytes together");
            return {};
        }
        pieces.push_back({file.string(), std::move(content->text), content->is_world_readable,
                          content->is_writable_by_others, content->owner});
    }
    return pieces;
}

}  // namespace jiro::config
