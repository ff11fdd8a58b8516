// SPDX-License-Identifier: MIT
#pragma once
// Structured concurrency for children whose number is not known in advance (commands, connections of the status server,
// client results). Nothing in the daemon is detached: a child is spawned into a group, and the group's owner awaits
// `wait()` before it goes away.
//
//     group.spawn(executor, run_command(std::move(message)));
//     ...
//     const bool have_ended = co_await group.wait_until(clock, limit);
//     if (!have_ended) group.abort();
//     co_await group.wait();

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

#include "jiro/base/clock.hpp"
#include "jiro/base/task.hpp"

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

    // Emits cancellation_type::terminal to every child.
    void abort();

    // Returns when the group is empty.
    [[nodiscard]] Task<> wait();
    // True when the group became empty before `deadline`.
    [[nodiscard]] Task<bool> wait_until(Clock& clock, TimePoint deadline);

  private:
    struct State;
    // Shared with the completion handlers of the children, which may run after ~TaskGroup.
    std::shared_ptr<State> state_;
};

}  // namespace jiro
