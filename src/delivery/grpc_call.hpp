#pragma once
// The bridge from gRPC's callback API to coroutines: starts a call and resumes the awaiting coroutine on its own
// executor with the call's status. gRPC's threads do nothing but post. Cancelling the coroutine cancels the call; it
// then still ends the normal way, with status CANCELLED. Templates, so that no header of gRPC is needed here.
//
//     auto call = std::make_shared<Call>();                       // has a member `context`; lives until the callback
//     ran const auto status = co_await grpc_call<grpc::Status>(call, [&](auto done) {
//         stub.UnaryCall(&call->context, ..., std::move(done));
//     });

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "jiro/base/task.hpp"

namespace jiro::delivery {

namespace detail {

// What the callback, which must be copyable, shares: the call, the coroutine to resume, and work for its executor until
// then. The call leaves gRPC's thread with the post: it may hold the last reference to its channel, and a channel that
// is destroyed on a thread of its own completion queue frees that queue under itself.
template <typename Status, typename Call, typename Handler>
struct Resumption {
    Resumption(std::shared_ptr<Call> started, Handler&& awaiting)
        : call(std::move(started)),
          work(boost::asio::get_associated_executor(awaiting)),
          handler(std::move(awaiting)) {}

    static void post(const std::shared_ptr<Resumption>& self, Status status) {
        const auto executor = self->work.get_executor();
        boost::asio::post(executor, [self, call = std::move(self->call), status = std::move(status)]() mutable {
            // From here on nobody may cancel what has ended.
            boost::asio::get_associated_cancellation_slot(self->handler).clear();
            self->work.reset();
            auto handler = std::move(self->handler);
            std::move(handler)(std::move(status));
        });
    }

    std::shared_ptr<Call> call;
    boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work;
    Handler handler;
};

}  // namespace detail

template <typename Status, typename Call, typename Start>
Task<Status> grpc_call(std::shared_ptr<Call> call, Start start) {
    const auto initiate = [&call, &start](auto handler) {
        using Handler = decltype(handler);
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        using Resumption = detail::Resumption<Status, Call, Handler>;
        auto resumption = std::make_shared<Resumption>(call, std::move(handler));
        if (slot.is_connected()) {
            slot.assign([call](boost::asio::cancellation_type) { call->context.TryCancel(); });
        }
        start([resumption](Status status) { Resumption::post(resumption, std::move(status)); });
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Status)>(
        initiate, boost::asio::use_awaitable);
}

}  // namespace jiro::delivery
