// SPDX-License-Identifier: MIT
#include "signalr/protocol/handshake.hpp"

#include "jiro/signalr/errors.hpp"
#include "signalr/protocol/json_reader.hpp"
#include "signalr/protocol/record_splitter.hpp"

namespace jiro::signalr {

std::string handshake_request(bool stateful) {
    std::string record = R"({"protocol":"json","version":)";
    record += stateful ? '2' : '1';
    record += '}';
    record += kRecordSeparator;
    return record;
}

Result<void> parse_handshake_response(std::string_view record) {
    auto object = read_json_object(record);
    if (!object) return Error(errc::handshake_failed, "the handshake response: " + object.error().message);
    if (object->contains("type")) {
        return Error(errc::handshake_failed, "Expected a handshake response from the server, got a hub message");
    }
    const auto error = object->find("error");
    if (error == object->end() || error->is_null()) return {};
    if (!error->is_string()) return Error(errc::handshake_failed, "the handshake response: 'error' is not a string");
    const auto& text = error->get_ref<const std::string&>();
    return Error(errc::handshake_failed, text.empty() ? "the hub refused the handshake without a reason"
                                                      : "the hub refused the handshake: " + text);
}

}  // namespace jiro::signalr
