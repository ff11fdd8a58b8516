// SPDX-License-Identifier: MIT
#pragma once
// Why a file that holds what must not be lost cannot be used, by name: one table for everything that this program keeps
// on disk. Whoever keeps it says in the Error's message which file, and what it means for the operator.

#include <boost/system/error_code.hpp>
#include <stdexcept>
#include <string>

namespace jiro {

enum class storage_errc {
    busy = 1,          // another program holds the database: it is waited for
    statement_failed,  // a statement that a sound database would not refuse: it is looked at before anything is done
    newer_version,     // it was written by a newer version of this program
    full,              // no space (or no inodes, or no quota) left, or the database's own page limit
    io,                // the disk reported an input/output error
    read_only,         // the file or its file system cannot be written
    corrupt,           // it is damaged
};

[[nodiscard]] const boost::system::error_category& storage_category() noexcept;

[[nodiscard]] inline boost::system::error_code make_error_code(storage_errc code) noexcept {
    return {static_cast<int>(code), storage_category()};
}

// What the errno of an operation on the file means.
[[nodiscard]] storage_errc storage_errc_of(int number) noexcept;

// Thrown on the thread that has the file, and caught there.
struct StorageError : std::runtime_error {
    StorageError(storage_errc error, const std::string& text) : std::runtime_error(text), code(error) {}
    storage_errc code;
};

}  // namespace jiro

template <>
struct boost::system::is_error_code_enum<jiro::storage_errc> : std::true_type {};
