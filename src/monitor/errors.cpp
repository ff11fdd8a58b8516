// SPDX-License-Identifier: MIT
#include "jiro/monitor/errors.hpp"

#include "jiro/base/error.hpp"

namespace jiro::monitor {
namespace {

std::string monitor_error_text(errc code) {
    switch (code) {
        case errc::bad_listen:
            return "not an address to listen on";
        case errc::path_too_long:
            return "the socket's path is too long";
        case errc::address_in_use:
            return "the address is in use";
        case errc::cannot_listen:
            return "cannot listen";
        case errc::not_running:
            return "nobody answers at the status endpoint";
        case errc::no_permission:
            return "no permission to use the status socket";
        case errc::timeout:
            return "the status endpoint did not answer in time";
        case errc::answer_too_large:
            return "the status endpoint's answer is too large";
        case errc::answer_malformed:
            return "the status endpoint's answer cannot be understood";
        case errc::refused:
            return "the status endpoint refused the request";
        case errc::connection_lost:
            return "the connection to the status endpoint broke";
        case errc::switched_off:
            return "the status endpoint is switched off";
    }
    return "unknown monitor error";
}

}  // namespace

const boost::system::error_category& error_category() {
    static const ErrorCategory<errc> category("jiro.monitor", monitor_error_text);
    return category;
}

boost::system::error_code make_error_code(errc code) { return {static_cast<int>(code), error_category()}; }

}  // namespace jiro::monitor
