// SPDX-License-Identifier: MIT
#include "delivery/grpc_calls.hpp"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <span>

namespace jiro::delivery {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

// Answers each call, or leaves it open until it is cancelled.
class Server : public grpc::CallbackGenericService {
  public:
    explicit Server(bool answers) : answers_(answers) {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
        builder.RegisterCallbackGenericService(this);
        server_ = builder.BuildAndStart();
    }
    ~Server() override { server_->Shutdown(std::chrono::system_clock::now()); }

    std::shared_ptr<grpc::Channel> channel() const {
        return grpc::CreateChannel("127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials());
    }
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
        return new Reactor(answers_);
    }

  private:
    class Reactor : public grpc::ServerGenericBidiReactor {
      public:
        explicit Reactor(bool answers) : answers_(answers) { StartRead(&request_); }
        void OnReadDone(bool is_there) override {
            if (!is_there || !answers_ || has_ended_.exchange(true)) return;  // or OnCancel ends it
            StartWriteAndFinish(&request_, {}, grpc::Status::OK);
        }
        void OnCancel() override {
            if (!has_ended_.exchange(true)) Finish(grpc::Status::CANCELLED);
        }
        void OnDone() override { delete this; }

      private:
        const bool answers_;
        std::atomic<bool> has_ended_ = false;
        grpc::ByteBuffer request_;
    };

    const bool answers_;
    int port_ = 0;
    std::unique_ptr<grpc::Server> server_;
};

struct Call final : GrpcCall {
    explicit Call(std::shared_ptr<grpc::Channel> used) : channel(std::move(used)) {}
    void start(grpc::CompletionQueue& queue, void* tag) override {
        started_by = std::this_thread::get_id();
        const grpc::Slice text("text");
        const grpc::ByteBuffer request(&text, 1);
        reader = grpc::GenericStub(channel).PrepareUnaryCall(&context, "/Service/Method", request, &queue);
        reader->StartCall();
        reader->Finish(&response, &status, tag);
    }
    void end() override { ended_by = std::this_thread::get_id(); }
    void cancel(Cancelled) override { context.TryCancel(); }

    const std::shared_ptr<grpc::Channel> channel;
    std::thread::id started_by;
    std::thread::id ended_by;
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    grpc::Status status;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
};

class GrpcCallsTest : public testing::Test {
  protected:
    Task<> one(std::shared_ptr<grpc::Channel> channel) {
        const auto call = std::make_shared<Call>(std::move(channel));
        co_await calls_.perform(call);
        EXPECT_EQ(std::this_thread::get_id(), loop_) << "resumed on another thread";
        EXPECT_TRUE(call->ended_by != loop_ && call->ended_by != std::thread::id()) << "not ended on the thread";
        codes_.push_back(call->status.error_code());
        is_busy_ = is_busy_ || call->started_by != loop_;
    }

    // One call after the other until the loop has left one to the thread.
    Task<> until_busy(std::shared_ptr<grpc::Channel> channel) {
        while (!is_busy_) co_await one(channel);
    }

    void be_busy(const std::shared_ptr<grpc::Channel>& channel) {
        for (int i = 0; i < 60; ++i) asio::co_spawn(context_, until_busy(channel), asio::detached);
        while (!is_busy_) context_.run_one();
        context_.restart();  // all may have ended together
    }

    const std::thread::id loop_ = std::this_thread::get_id();
    asio::io_context context_;
    GrpcCalls calls_;
    std::vector<grpc::StatusCode> codes_;
    bool is_busy_ = false;
};

// Many at once: each is resumed once, on the loop.
TEST_F(GrpcCallsTest, resumes_each_call_on_the_loop) {
    const Server server(true);
    const auto channel = server.channel();
    for (int i = 0; i < 200; ++i) asio::co_spawn(context_, one(channel), asio::detached);
    context_.run();
    EXPECT_EQ(codes_, std::vector<grpc::StatusCode>(200, grpc::StatusCode::OK));
}

// The exception of one coroutine does not keep those behind it from being resumed.
TEST_F(GrpcCallsTest, resumes_the_others_when_one_throws) {
    const Server server(true);
    const auto channel = server.channel();
    for (int i = 0; i < 50; ++i) {
        const std::function<void(std::exception_ptr)> then = [i](const std::exception_ptr&) {
            if (i % 2 == 0) throw std::runtime_error("thrown into the loop");
        };
        asio::co_spawn(context_, one(channel), then);
    }
    bool has_thrown = false;
    for (bool goes_on = true; goes_on;) {
        try {
            context_.run();
            goes_on = false;
        } catch (const std::exception&) {
            has_thrown = true;
        }
    }
    EXPECT_TRUE(has_thrown);
    EXPECT_EQ(codes_.size(), 50U);
}

TEST_F(GrpcCallsTest, cancels) {
    const Server server(false);
    asio::cancellation_signal stop;
    const std::function<void(std::exception_ptr)> then = [](const std::exception_ptr&) {};
    asio::co_spawn(context_, one(server.channel()), asio::bind_cancellation_slot(stop.slot(), then));
    context_.run_for(50ms);
    EXPECT_TRUE(codes_.empty());
    stop.emit(asio::cancellation_type::terminal);
    context_.run();
    EXPECT_EQ(codes_, std::vector{grpc::StatusCode::CANCELLED});
}

// Not those of one who makes a call after the other.
TEST_F(GrpcCallsTest, leaves_the_calls_of_many_to_the_thread) {
    const Server server(true);
    const auto channel = server.channel();
    be_busy(channel);
    context_.run();
    EXPECT_EQ(codes_, std::vector<grpc::StatusCode>(codes_.size(), grpc::StatusCode::OK));
}

TEST_F(GrpcCallsTest, cancels_what_was_left_to_the_thread) {
    const Server server(true);
    const auto channel = server.channel();
    be_busy(channel);
    const Server silent(false);
    const auto other = silent.channel();
    const auto ended = codes_.size();
    for (int i = 0; i < 100; ++i) asio::co_spawn(context_, one(other), asio::detached);
    context_.poll();
    calls_.cancel_all();
    context_.run();
    const std::span later(codes_.begin() + static_cast<std::ptrdiff_t>(ended), codes_.end());
    EXPECT_GE(std::ranges::count(later, grpc::StatusCode::CANCELLED), 100);
}

TEST_F(GrpcCallsTest, cancels_many_at_once) {
    const Server server(false);
    const auto channel = server.channel();
    for (int i = 0; i < 100; ++i) asio::co_spawn(context_, one(channel), asio::detached);
    context_.poll();
    calls_.cancel_all();
    context_.run();
    EXPECT_EQ(codes_, std::vector<grpc::StatusCode>(100, grpc::StatusCode::CANCELLED));
}

// Ended when the test is, with calls that the thread is starting.
TEST_F(GrpcCallsTest, ends_while_the_thread_starts_calls) {
    const Server server(true);
    const auto channel = server.channel();
    be_busy(channel);
    for (int i = 0; i < 200; ++i) asio::co_spawn(context_, one(channel), asio::detached);
    context_.poll();
}

// Calls that nobody waits for any more do not keep their owner from ending; neither do those that were not started yet.
TEST(GrpcCalls, ends_with_calls_under_way) {
    const Server server(false);
    const auto channel = server.channel();
    for (const auto time : {0ms, 50ms}) {
        asio::io_context context;
        GrpcCalls calls;
        for (int i = 0; i < 100; ++i) {
            asio::co_spawn(context, calls.perform(std::make_shared<Call>(channel)), asio::detached);
        }
        context.run_for(time);
    }
}

}  // namespace
}  // namespace jiro::delivery
