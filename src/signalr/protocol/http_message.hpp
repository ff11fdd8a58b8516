// SPDX-License-Identifier: MIT
#pragma once
// The words of HTTP that negotiate and upgrade speak of.

#include "jiro/http/message.hpp"

namespace jiro::signalr {

using HttpHeaders = http::Headers;
using HttpResponse = http::Response;
using http::find_header;

}  // namespace jiro::signalr
