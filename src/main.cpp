// SPDX-License-Identifier: MIT
#include "daemon/cli/cli.hpp"
#include "jiro/base/outside_calls.hpp"

// jemalloc's settings, under the name that it looks for. One arena: the event loop allocates nearly all, the other
// threads seldom at the same moment. Freed pages are kept for a second for whoever needs as many, then given back, by a
// thread of jemalloc's: without it nobody would give back what a daemon held that is idle now.
extern "C" {
const char* malloc_conf =
    "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true,max_background_threads:1";
}

// gRPC's filters for xDS and its route look-up service, which a client of one server has no use for, are 2 MB with what
// they need. This empty function takes the place of the one that registers them, where gRPC is linked from its archive.
namespace grpc_core {
class CoreConfiguration {
  public:
    class Builder;
};
void RegisterExtraFilters(CoreConfiguration::Builder* /*builder*/) {}
}  // namespace grpc_core

int main(int argc, char** argv) { jiro::leave_process(jiro::daemon::cli::main(argc, argv)); }
