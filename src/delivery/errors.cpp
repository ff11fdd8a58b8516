// SPDX-License-Identifier: MIT
#include "jiro/delivery/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::delivery {

namespace {

std::string delivery_error_text(errc code) {
    switch (code) {
        case errc::in_use:
            return "the outbox is open in another jiro-client";
        case errc::storage_busy:
            return "another program holds the outbox";
        case errc::statement_failed:
            return "a statement failed";
        case errc::newer_schema:
            return "the outbox was written by a newer version of this program";
        case errc::storage_full:
            return "no space left for the outbox";
        case errc::storage_io:
            return "input/output error on the outbox";
        case errc::storage_read_only:
            return "the outbox cannot be written";
        case errc::storage_corrupt:
            return "the outbox is damaged";
        case errc::storage_closed:
            return "the outbox is not open";
        case errc::limit_rows:
            return "the outbox holds as many commands as it may";
        case errc::limit_bytes:
            return "the outbox holds as many bytes as it may";
        case errc::unknown_id:
            return "no such command in the outbox";
        case errc::wrong_state:
            return "the command's state does not allow it";
        case errc::redo_log:
            return "the redo log cannot be had";
        case errc::bad_row:
            return "the row is damaged";
        case errc::bad_tls_file:
            return "a TLS file cannot be read";
        case errc::no_server:
            return "no gRPC server is configured";
        case errc::bad_proxy:
            return "the proxy cannot be used";
        case errc::no_descriptors:
            return "too few descriptors are left";
        case errc::no_credentials:
            return "the credentials cannot be read";
    }
    return "unknown delivery error";
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
    static const ErrorCategory<errc> category("jiro.delivery", delivery_error_text);
    return category;
}

boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

}  // namespace jiro::delivery
