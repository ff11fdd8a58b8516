// SPDX-License-Identifier: MIT
#include "jiro/base/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <list>

#include "jiro/base/at_end.hpp"
#include "jiro/base/event.hpp"
#include "jiro/base/race.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro {

namespace asio = boost::asio;

struct TaskGroup::State {
    using Child = asio::cancellation_signal;

    OnError on_error;
    std::list<Child> children;
    std::list<Event*> waiters;  // notified when the group becomes empty

    void ended(std::list<Child>::iterator child, const std::exception_ptr& exception) {
        children.erase(child);
        if (exception) report(exception);
        if (children.empty()) {
            for (auto* waiter : waiters) waiter->notify();
        }
    }

    void report(const std::exception_ptr& exception) const {
        try {
            std::rethrow_exception(exception);
        } catch (const std::exception& error) {
            if (!is_cancellation(error) && on_error) on_error(exception);
        } catch (...) {
            if (on_error) on_error(exception);
        }
    }
};

TaskGroup::TaskGroup(OnError on_error) : state_(std::make_shared<State>()) { state_->on_error = std::move(on_error); }

TaskGroup::~TaskGroup() { state_->on_error = nullptr; }

void TaskGroup::spawn(const Executor& executor, Task<> child) {
    const auto entry = state_->children.emplace(state_->children.end());
    asio::co_spawn(
        executor, std::move(child),
        asio::bind_cancellation_slot(entry->slot(), [state = state_, entry](const std::exception_ptr& exception) {
            state->ended(entry, exception);
        }));
}

std::size_t TaskGroup::size() const noexcept { return state_->children.size(); }

void TaskGroup::abort() {
    // A child may end, and leave the list, while it is being told.
    auto& children = state_->children;
    for (auto child = children.begin(); child != children.end();) (child++)->emit(asio::cancellation_type::terminal);
}

Task<> TaskGroup::wait() {
    const auto state = state_;
    Event emptied(co_await asio::this_coro::executor);
    const auto place = state->waiters.insert(state->waiters.end(), &emptied);
    const AtEnd at_end([&] { state->waiters.erase(place); });
    // A child may be spawned between the end of the last one and this coroutine's turn.
    while (!state->children.empty()) co_await emptied.wait();
}

Task<bool> TaskGroup::wait_until(Clock& clock, TimePoint deadline) {
    co_return co_await with_timeout(clock, deadline - clock.now(), wait());
}

}  // namespace jiro
