// The bridge from callbacks to coroutines, with a stand-in for gRPC's thread: no gRPC is needed to see who ends where.
#include "delivery/grpc_call.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <semaphore>
#include <thread>

#include "support/run_task.hpp"

namespace jiro::delivery {
namespace {

struct Context {
    void TryCancel() {}
};

struct Call {
    ~Call() { *destroyed_on = std::this_thread::get_id(); }
    Context context;
    std::thread::id* destroyed_on;
};

// The call may hold the last reference to its channel: gRPC frees the queue under its own thread if that one ends it.
TEST(GrpcCall, ends_a_call_on_the_loop_although_the_callback_outlives_it) {
    boost::asio::io_context loop;
    std::thread::id destroyed_on;
    std::binary_semaphore resumed(0);
    std::jthread grpc;
    auto call = std::make_shared<Call>(Context(), &destroyed_on);
    const std::function<void(std::function<void(int)>)> start = [&](std::function<void(int)> done) {
        grpc = std::jthread([&resumed, done = std::move(done)] {
            done(7);
            resumed.acquire();  // the callback itself is destroyed last, here
        });
    };
    auto task = grpc_call<int>(std::move(call), start);
    EXPECT_EQ(test::run_task(loop, std::move(task)), 7);
    resumed.release();
    grpc.join();
    EXPECT_EQ(destroyed_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace jiro::delivery
