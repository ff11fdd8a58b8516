// SPDX-License-Identifier: MIT
#include "config/pieces.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <system_error>

#include "jiro/base/error.hpp"
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

// The file of a name, and the folder in which it is looked for, behind all links.
struct Found {
    fs::path file;
    fs::path folder;
};

// Fails with where the link leads: out of the folder, or to nothing.
Result<Found> find_behind_links(const fs::path& file, const fs::path& folder) {
    std::error_code error;
    Found found{file, file.parent_path()};
    if (!fs::is_symlink(file, error)) return found;
    found = {fs::canonical(file, error), {}};
    if (error) return Error(error, "is a link to nowhere");
    found.folder = fs::canonical(folder, error);
    const auto& [target, home] = found;
    if (!error && std::mismatch(home.begin(), home.end(), target.begin(), target.end()).first == home.end())
        return found;
    return Error(make_error_code(boost::system::errc::permission_denied),
                 "is a link to " + target.string() + ", out of this folder");
}

// Whether somebody else than its owner (and root) may put another file in its place: who may write to a folder on the
// way to it may.
bool may_be_replaced(const Found& found, unsigned owner) {
    for (auto between = found.file.parent_path(); between != found.folder; between = between.parent_path()) {
        struct stat status {};
        if (!between.has_relative_path() || stat(between.c_str(), &status) != 0) return true;
        if ((status.st_uid != owner && status.st_uid != 0) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return true;
    }
    return false;
}

}  // namespace

std::vector<Piece> read_pieces(const fs::path& folder, std::string_view ending, Problems& problems) {
    std::vector<Piece> pieces;
    std::size_t bytes = 0;
    for (const std::string& name : names_in(folder, ending, problems)) {
        const fs::path file = folder / name;
        const auto found = find_behind_links(file, folder);
        if (!found) {
            problems.add({file.string()}, "", found.error().message);
            continue;
        }
        auto content = read_small_file(found->file, kMaxFileBytes);
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
                          content->is_writable_by_others || may_be_replaced(*found, content->owner), content->owner});
    }
    return pieces;
}

}  // namespace jiro::config
