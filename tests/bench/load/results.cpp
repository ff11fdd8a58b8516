// SPDX-License-Identifier: MIT
#include "bench/load/results.hpp"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <charconv>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "bench/load/hub.hpp"
#include "jiro_hub.grpc.pb.h"

namespace jiro::bench {

struct Results::Service final : JiroHubProto::JiroHubProto::CallbackService {
    Service(boost::asio::io_context& loop, std::string prefix, std::function<void(const Arrival&)> observer)
        : context(loop), ids_begin_with(std::move(prefix)), on_arrival(std::move(observer)) {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
        builder.RegisterService(this);
        server = builder.BuildAndStart();
        if (!server) throw std::runtime_error("the gRPC server does not start");
    }

    grpc::ServerUnaryReactor* SendCommandResult(grpc::CallbackServerContext* call,
                                                const JiroHubProto::ClientMessage* message,
                                                JiroHubProto::CommandResultResponse* answer) override {
        const std::int64_t at = now_ns();
        answer->set_success(true);
        auto* reactor = call->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        take(message->commandsyncid(), at, message->issuccess());
        return reactor;
    }

    void take(const std::string& id, std::int64_t at, bool is_success) {
        Arrival arrival{0, at, is_success};
        const char* end = id.data() + id.size();
        const bool is_ours = id.starts_with(ids_begin_with) &&
                             std::from_chars(id.data() + ids_begin_with.size(), end, arrival.number).ptr == end;
        if (!is_ours) {
            foreign.fetch_add(1);
            return;
        }
        bool must_post = false;
        {
            const std::lock_guard lock(mutex);
            must_post = arrivals.empty();
            arrivals.push_back(arrival);
        }
        if (must_post) boost::asio::post(context, [this] { hand_over(); });
    }

    void hand_over() {
        {
            const std::lock_guard lock(mutex);
            taken.swap(arrivals);
        }
        for (const Arrival& arrival : taken) on_arrival(arrival);
        taken.clear();
    }

    boost::asio::io_context& context;
    const std::string ids_begin_with;
    const std::function<void(const Arrival&)> on_arrival;
    int port = 0;
    std::atomic<std::uint64_t> foreign{0};
    std::mutex mutex;
    std::vector<Arrival> arrivals;
    std::vector<Arrival> taken;  // of the loop
    std::unique_ptr<grpc::Server> server;
};

Results::Results(boost::asio::io_context& context, std::string ids_begin_with,
                 std::function<void(const Arrival&)> on_arrival)
    : service_(std::make_unique<Service>(context, std::move(ids_begin_with), std::move(on_arrival))) {}

Results::~Results() { service_->server->Shutdown(std::chrono::system_clock::now()); }

int Results::port() const noexcept { return service_->port; }
std::uint64_t Results::foreign() const noexcept { return service_->foreign.load(); }

}  // namespace jiro::bench
