// SPDX-License-Identifier: MIT
#include "dev_hub/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::dev_hub {
namespace {

std::string dev_hub_error_text(errc code) {
    switch (code) {
        case errc::bad_record:
            return "not a record of the hub protocol";
        case errc::record_too_big:
            return "record over the size limit";
        case errc::bad_handshake:
            return "handshake refused";
        case errc::handshake_timeout:
            return "no handshake in time";
        case errc::client_timeout:
            return "client timeout";
        case errc::connection_closed:
            return "connection closed";
        case errc::bad_option:
            return "option can't be used";
        case errc::cannot_listen:
            return "can't listen";
        case errc::bad_tls:
            return "TLS files can't be used";
        case errc::bad_control:
            return "control request failed";
        case errc::bad_misbehaviour:
            return "misbehaviour not understood";
        case errc::bad_result:
            return "not a ClientMessage";
    }
    return "unknown";
}

}  // namespace

const boost::system::error_category& category() noexcept {
    static const ErrorCategory<errc> instance("dev_hub", dev_hub_error_text);
    return instance;
}

}  // namespace jiro::dev_hub
