// SPDX-License-Identifier: MIT
#pragma once
// The whole development hub for use in-process: SignalR hub, gRPC results service and misbehaviour in one object.
//
//     dev_hub::DevHub hub(context.get_executor(), options);      // ports default to 0
//     const auto endpoints = hub.start();                        // Result<Endpoints>
//     ... point a client at endpoints->hub_url and endpoints->grpc_url ...
//     const auto outcome = co_await hub.send(std::move(request));
//     co_await hub.stop();
//
// All members are called on the executor's one thread, which must be the only one; gRPC's own threads only post to it.
// Await stop() before the destructor.

#include <memory>
#include <string>
#include <vector>

#include "dev_hub/command.hpp"
#include "dev_hub/misbehaviour.hpp"
#include "dev_hub/options.hpp"
#include "dev_hub/result_store.hpp"
#include "jiro/base/task.hpp"

namespace jiro::dev_hub {

struct Endpoints {
    std::string hub_url;   // http://127.0.0.1:41234/instanceHub
    std::string grpc_url;  // http://127.0.0.1:41235; https with TLS
    std::uint16_t hub_port = 0;
    std::uint16_t grpc_port = 0;
};

struct ClientInfo {
    std::string connection_id;
    std::string peer;
    std::uint64_t commands_sent = 0;
};

struct Counters {
    std::uint64_t connections = 0;  // handshakes done
    std::uint64_t disconnections = 0;
    std::uint64_t negotiations = 0;
    std::uint64_t refused = 0;  // negotiate or upgrade with bad credentials or on purpose
    std::uint64_t commands_sent = 0;
    std::uint64_t completions = 0;  // client results that came back
    std::uint64_t grpc_calls = 0;
    std::uint64_t grpc_refused = 0;  // bad credentials
};

class DevHub {
  public:
    DevHub(Executor executor, Options options);
    ~DevHub();
    DevHub(const DevHub&) = delete;
    DevHub& operator=(const DevHub&) = delete;

    [[nodiscard]] Result<Endpoints> start();
    // Tells each client Close with allowReconnect, waits for it up to two seconds, ends the gRPC server.
    [[nodiscard]] Task<> stop();

    // Sends one command and waits for what the request says.
    [[nodiscard]] Task<SendOutcome> send(SendRequest request);
    // Asks the first client; an error when none is connected, or it does not answer in time.
    [[nodiscard]] Task<Result<ClientResult>> request(ClientRequest request);
    // True when a client is ready (handshake done) before `limit` has passed.
    [[nodiscard]] Task<bool> wait_for_client(Duration limit);

    // Fails where the words of misbehaviour.hpp make no sense, or a server can't be started again.
    [[nodiscard]] Task<Result<>> misbehave(Misbehaviour misbehaviour);

    [[nodiscard]] std::vector<ClientInfo> clients() const;
    [[nodiscard]] const ResultStore& results() const noexcept;
    [[nodiscard]] const Counters& counters() const noexcept;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace jiro::dev_hub
