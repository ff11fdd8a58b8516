// SPDX-License-Identifier: MIT
#pragma once
// Resumes many who wait, one after the other, on their thread. What another thread has finished together is handed over
// by one message, not by one for each.

#include <boost/asio/post.hpp>
#include <utility>
#include <vector>
#include "jiro/base/task.hpp"

namespace jiro::delivery {

// Called on `executor`'s thread: item->resume() for each, in order. Should one throw, the others are resumed all the
// same, by a message of their own.
template <typename Item>
void resume_all(const Executor& executor, std::vector<Item> items) {
    struct Rest {
        const Executor& executor;
        std::vector<Item>& items;
        std::size_t next = 0;
        ~Rest() {
            if (next == items.size()) return;
            items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(next));
            boost::asio::post(executor, [executor = executor, items = std::move(items)]() mutable {
                resume_all(executor, std::move(items));
            });
        }
    };
    for (Rest rest{executor, items}; rest.next < items.size();) {
        const auto item = std::move(items[rest.next++]);
        item->resume();
    }
}

}  // namespace jiro::delivery
