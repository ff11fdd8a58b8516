// SPDX-License-Identifier: MIT
#include "config/pieces.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <cerrno>
#include <system_error>

#include "jiro/base/error.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxEntries = 16 * kMaxPieces;  // those of other names, too: a folder is not read for ever
constexpr std::size_t kMostMisnamed = 8;              // in a warning
constexpr int kMostLinks = 40;                        // as the kernel

bool is_piece(const std::string& name, std::string_view ending) {
    return name.size() > ending.size() && name.ends_with(ending) && !name.starts_with('.');
}

// As somebody names it who takes it for a piece.
bool is_misnamed(const std::string& name, std::string_view ending) {
    const std::string given = lower_case(fs::path(name).extension().string());
    const bool is_of_yaml = ending == ".yaml" && (given == ".yml" || given == ".json");
    return (is_of_yaml || given == ending) && !name.starts_with('.') && !is_piece(name, ending);
}

void warn_of_misnamed(const fs::path& folder, std::vector<std::string> names, std::string_view ending,
                      std::vector<Warning>& warnings) {
    if (names.empty()) return;
    std::ranges::sort(names);
    const auto others = names.size() - std::min(names.size(), kMostMisnamed);
    names.resize(names.size() - others);
    for (auto& name : names) name = excerpt(name);
    warnings.push_back({"", folder.string() + ": " + join_with_commas(names) +
                                (others > 0 ? " and " + std::to_string(others) + " others" : "") +
                                ": not read, since only names that end in " + std::string(ending) + " are"});
}

// The names of the folder's files, sorted. Nothing, and why in `problems`: it cannot be read, or holds too much.
std::vector<std::string> names_in(const fs::path& folder, std::string_view ending, Problems& problems,
                                  std::vector<Warning>& warnings) {
    std::error_code error;
    std::vector<std::string> names;
    std::vector<std::string> misnamed;
    // A link to nowhere is a folder that was there: whoever takes it for none forgets what it said.
    if (fs::symlink_status(folder, error).type() == fs::file_type::not_found) return names;
    std::size_t entries = 0;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        std::string name = entry->path().filename().string();
        if (is_misnamed(name, ending)) misnamed.push_back(name);
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
    warn_of_misnamed(folder, std::move(misnamed), ending, warnings);
    std::ranges::sort(names);
    return names;
}

// The file of a name, behind all links, and the folders below the pieces' own on the way to it.
struct Found {
    fs::path file;
    std::vector<struct stat> folders;
};

// What a link says, as seen from the folder: its first name is ".." when it leads elsewhere.
fs::path seen_from(const fs::path& folder, const fs::path& home, const fs::path& link) {
    const fs::path as_spelled = link.lexically_relative(folder);
    return as_spelled.empty() || *as_spelled.begin() == ".." ? link.lexically_relative(home) : as_spelled;
}

// Name by name, as the kernel goes: the end of the way does not tell in which folders the links on it are. Fails with
// where a link leads: out of the folder, also when another one leads back, or to nothing.
Result<Found> find_behind_links(const fs::path& folder, const fs::path& name) {
    std::error_code error;
    const fs::path home = fs::canonical(folder, error);
    Found found{home, {}};
    std::string target;
    int links = 0;
    for (fs::path rest = name; !error && rest != ".";) {
        const fs::path next = *rest.begin();
        rest = rest.lexically_relative(next);
        if (next == ".") continue;
        if (next == ".." && found.file == home) {
            return Error(make_error_code(boost::system::errc::permission_denied),
                         "is a link to " + target + ", out of this folder");
        }
        const fs::path at = next == ".." ? found.file.parent_path() : found.file / next;
        struct stat status {};
        if (lstat(at.c_str(), &status) != 0) {
            error.assign(errno, std::generic_category());
        } else if (S_ISLNK(status.st_mode)) {
            const fs::path link = fs::read_symlink(at, error);
            if (++links > kMostLinks) error = std::make_error_code(std::errc::too_many_symbolic_link_levels);
            target = (found.file / link).lexically_normal().string();
            rest = (link.is_absolute() ? seen_from(folder, home, link) : link) / rest;
            if (link.is_absolute()) found.file = home;
        } else {
            found.file = at;
            if (S_ISDIR(status.st_mode) && at != home) found.folders.push_back(status);
        }
    }
    if (!error) return found;
    if (links > 0) return Error(error, "is a link to nowhere");
    return Found{folder / name, {}};  // whoever reads it says why it cannot be read
}

// Whether somebody else than its owner (and root) may put another file in its place: who may write to a folder on the
// way to it may.
bool may_be_replaced(const Found& found, unsigned owner) {
    return std::ranges::any_of(found.folders, [owner](const struct stat& folder) {
        return (folder.st_uid != owner && folder.st_uid != 0) || (folder.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    });
}

}  // namespace

std::vector<Piece> read_pieces(const fs::path& folder, std::string_view ending, Problems& problems,
                               std::vector<Warning>& warnings) {
    std::vector<Piece> pieces;
    std::size_t bytes = 0;
    for (const std::string& name : names_in(folder, ending, problems, warnings)) {
        const fs::path file = folder / name;
        const auto found = find_behind_links(folder, name);
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
