// SPDX-License-Identifier: MIT
#pragma once
// Structured concurrency for children whose number is not known in advance (commands, connections of the status server,
// client results). Nothing in the daemon is detached: a child is spawned into a group, and the group's owner awaits
// `wait()` before it goes away.
//
//     group.spawn(executor, run_command(std::move(message)));
//     ...
//     group.request_stop();                           // phase 1 (total): children may finish
//     if (!co_await group.wait_until(clock, limit))   // phase 2 (terminal): abort the rest
//         group.abort();
//     co_await group.wait();

#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include "jiro/base/task.hpp"

#include "jiro/base/clock.hpp"

namespace jiro {

// All members are called on one thread (the event loop).
class TaskGroup {
  public:
    // Receives an exception that leaves a child other than operation_aborted; a broken invariant of that child.
    using OnError = std::function<void(std::exception_ptr)>;

    explicit TaskGroup(OnError on_error);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    void spawn(const Executor& executor, Task<> child);

    [[nodiscard]] std::size_t size() const noexcept;

    // Emits cancellation_type::total to every child: only children that enabled it notice.
    void request_stop();
    // Emits cancellation_type::terminal to every child.
    void abort();

    // Returns when the group is empty.
    [[nodiscard]] Task<> wait();
    // True when the group became empty before `deadline`.
    [[nodiscard]] Task<bool> wait_until(Clock& clock, TimePoint deadline);

  private:
    struct State;
    std::shared_ptr<State>
        state_;  // shared with the completion handlers of the children, which may run after ~TaskGroup
};

}  // namespace jiro
