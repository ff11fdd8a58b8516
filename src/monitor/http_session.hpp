// SPDX-License-Identifier: MIT
#pragma once
// One connection to the status endpoint: requests in, answers out, a time limit on each step. Private to the server.

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "jiro/monitor/status_server.hpp"
#include "monitor/listening_socket.hpp"

namespace jiro::monitor {

// What all connections of a server share; outlives them.
struct ServerContext {
    Clock& clock;
    std::function<Status()> source;
    Routes routes;
    ServerLimits limits;
    Listen local;
    std::vector<std::string> names;  // the machine's, and those of the settings
    std::list<Socket*> idle;         // between two requests, the longest first
};

// Serves `socket` until the peer leaves, a limit is exceeded or it is cancelled. Errors of the peer's are answered or
// end the connection; they are nobody else's business.
[[nodiscard]] Task<> serve_connection(ServerContext& context, Socket socket);

// Ends the connection that has been idle for the longest time. False: none is idle.
[[nodiscard]] bool end_longest_idle(ServerContext& context);

// Tells a client that there are too many, as far as that is possible without waiting for it.
void refuse_connection(Socket socket);

}  // namespace jiro::monitor
