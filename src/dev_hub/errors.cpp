// SPDX-License-Identifier: MIT
#include "dev_hub/errors.hpp"

#include <string>

namespace jiro::dev_hub {
namespace {

class Category final : public boost::system::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "dev_hub"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
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
            case errc::bad_scenario:
                return "scenario not understood";
            case errc::bad_result:
                return "not a ClientMessage";
            case errc::no_client:
                return "no client is connected";
            case errc::no_result:
                return "no result in time";
        }
        return "unknown";
    }
};

}  // namespace

const boost::system::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

}  // namespace jiro::dev_hub
