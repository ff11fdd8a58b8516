// SPDX-License-Identifier: MIT
#pragma once
// Why storing or sending failed, by name.

#include <boost/system/error_code.hpp>

namespace jiro::delivery {

enum class errc {
    // Storage.
    in_use = 1,         // another jiro-client has this outbox open
    storage_busy,       // another program holds the database: it is waited for
    statement_failed,   // a statement that a sound database would not refuse: it is looked at before anything is done
    newer_schema,       // the database was written by a newer version of this program
    storage_full,       // no space (or no inodes) left, or the database's own page limit
    storage_io,         // the disk reported an input/output error
    storage_read_only,  // the file or its file system cannot be written
    storage_corrupt,    // the database is damaged
    storage_closed,     // the outbox could not be opened (it tries again by itself), or was stopped
    limit_rows,         // max_rows undelivered commands are stored already
    limit_bytes,        // max_bytes are stored already
    unknown_id,         // no such row
    wrong_state,        // the row exists, but the step is not possible from the state it is in
    redo_log,           // the redo log cannot be had: the outbox goes on without it
    bad_row,            // a row's checksum or a column does not fit: it was set aside
    // Sending.
    bad_tls_file,    // a certificate, key or CA file cannot be read
    no_server,       // Grpc.ServerUrl is not set
    bad_proxy,       // the proxy of the configuration or the environment cannot be used
    no_descriptors,  // too few descriptors are left for gRPC
    no_credentials,  // the credentials provider failed
};

[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::delivery

template <>
struct boost::system::is_error_code_enum<jiro::delivery::errc> : std::true_type {};
