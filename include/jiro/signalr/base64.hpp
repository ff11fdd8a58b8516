#pragma once
// byte[] arguments and results travel as base64 strings (JSON encoding of the hub protocol). nlohmann's binary values
// are converted by the connection; this is for programs that build the string themselves.

#include <string>
#include <string_view>

namespace jiro::signalr {

[[nodiscard]] std::string to_base64(std::string_view bytes);

}  // namespace jiro::signalr
