// SPDX-License-Identifier: MIT
#include "delivery/alarm.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace jiro::delivery {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::nanoseconds kWithoutBell = 20ms;  // no descriptor was left for one
constexpr int kNotWatched = -2;                          // although it is there

std::set<std::filesystem::path> folders_of(const std::vector<std::filesystem::path>& files) {
    std::set<std::filesystem::path> folders;
    for (const auto& file : files) {
        for (auto folder = file.parent_path(); folder.has_relative_path(); folder = folder.parent_path()) {
            folders.insert(folder);
        }
    }
    return folders;
}

}  // namespace

Alarm::Alarm(std::vector<std::filesystem::path> files)
    : files_(std::move(files)),
      folders_(folders_of(files_)),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      watch_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void Alarm::ring() noexcept {
    if (!is_rung_.exchange(true)) eventfd_write(bell_.get(), 1);
}

void Alarm::sleep(std::chrono::nanoseconds longest) noexcept {
    longest = std::max(bell_ ? longest : std::min(longest, kWithoutBell), 0ns);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (longest - seconds).count()};
    std::array<pollfd, 2> sources{{{bell_.get(), POLLIN, 0}, {watch_.get(), POLLIN, 0}}};
    ppoll(sources.data(), sources.size(), &limit, nullptr);
    eventfd_t ignored = 0;
    eventfd_read(bell_.get(), &ignored);
    is_rung_ = false;  // whoever rang before has changed what is looked at now
    std::array<char, 4096> events{};
    while (read(watch_.get(), events.data(), events.size()) > 0) has_noticed_ = true;
}

// A file that is gone has one link less, which counts among its attributes. Whoever empties one closes it after that;
// those who have it here do not, as long as they need it.
void Alarm::watch() {
    const auto before = std::exchange(watched_, {});
    for (const auto& file : files_) watch(file, IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF);
    for (const auto& folder : folders_) watch(folder, IN_MOVE_SELF | IN_DELETE_SELF);
    has_noticed_ = watched_ != before || std::ranges::count(watched_, kNotWatched) > 0;
}

void Alarm::watch(const std::filesystem::path& path, unsigned events) {
    watched_.push_back(inotify_add_watch(watch_.get(), path.c_str(), events));
    if (watched_.back() < 0 && errno != ENOENT && errno != ENOTDIR) watched_.back() = kNotWatched;
}

}  // namespace jiro::delivery
