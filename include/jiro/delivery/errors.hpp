// SPDX-License-Identifier: MIT
#pragma once
// Why storing or sending failed, by name. What the disk or the database refuses is named by base/storage_error.hpp.

#include <boost/system/error_code.hpp>

#include "jiro/base/storage_error.hpp"

namespace jiro::delivery {

enum class errc {
    // Storage.
    in_use = 1,   // another jiro-client has this outbox open
    limit_rows,   // max_rows undelivered commands are stored already
    limit_bytes,  // max_bytes are stored already
    unknown_id,   // no such row
    wrong_state,  // the row exists, but the step is not possible from the state it is in
    redo_log,     // the redo log cannot be had: the outbox goes on without it
    wrong_file,   // Outbox.Path or RedoLog names a file that is something else: nothing was touched
    // Sending.
    bad_tls_file,    // a certificate, key or CA file cannot be read
    no_server,       // Grpc.ServerUrl is not set
    bad_proxy,       // the proxy of the configuration or the environment cannot be used
    no_descriptors,  // too few descriptors are left for gRPC
    no_credentials,  // the credentials provider failed
};

[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;

}  // namespace jiro::delivery

template <>
struct boost::system::is_error_code_enum<jiro::delivery::errc> : std::true_type {};
