#pragma once
// A small file in one piece, with an error that an operator understands.

#include <filesystem>
#include <string>

#include "jiro/base/error.hpp"

namespace jiro::config {

struct FileContent {
    std::string text;
    bool is_world_readable = false;
};

// Fails on what is missing, unreadable, no regular file, or larger than `limit` bytes. The message does not name the
// file.
[[nodiscard]] Result<FileContent> read_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace jiro::config
