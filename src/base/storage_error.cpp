// SPDX-License-Identifier: MIT
#include "jiro/base/storage_error.hpp"

#include <cerrno>

#include "jiro/base/enum_names.hpp"
#include "jiro/base/error.hpp"

namespace jiro {

const boost::system::error_category& storage_category() noexcept {
    static constexpr auto kNames = enum_names<storage_errc::busy, storage_errc::corrupt>;
    static const ErrorCategory<storage_errc::corrupt> category("storage", kNames);
    return category;
}

storage_errc storage_errc_of(int number) noexcept {
    switch (number) {
        case ENOSPC:
        case EDQUOT:
            return storage_errc::full;
        case EROFS:
        case EACCES:
        case EPERM:
        case ELOOP:  // O_NOFOLLOW: a link where the file should be
            return storage_errc::read_only;
        default:
            return storage_errc::io;
    }
}

}  // namespace jiro
