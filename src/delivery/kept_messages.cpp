// SPDX-License-Identifier: MIT
#include "delivery/kept_messages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "delivery/log.hpp"
#include "jiro/base/file.hpp"

namespace jiro::delivery {

std::vector<KeptMessages::Position> KeptMessages::keep(const std::vector<std::string_view>& messages) {
    std::vector<Position> positions;
    positions.reserve(messages.size());
    std::string stretch;  // of them, without a gap, up to `end`
    Position end = end_;
    bool is_written = open();
    constexpr std::size_t piece =
        65536;  // the longest stretch that is put together: a longer message goes out as it is
    const auto write_stretch = [&] {
        is_written = is_written && write(end - stretch.size(), stretch);
        stretch.clear();
    };
    for (const auto message : messages) {
        const auto left = bytes_ - end % bytes_;
        const bool fits = message.size() <= left;  // not across the end of the file
        if (!fits || left == bytes_ || stretch.size() + message.size() > piece) write_stretch();
        if (!fits) end += left;
        positions.push_back(end);
        if (message.size() > piece) {
            is_written = is_written && write(end, message);
        } else {
            stretch += message;
        }
        end += message.size();
    }
    write_stretch();
    if (is_written) {
        end_ = end;
        has_failed_ = false;
        return positions;
    }
    if (!std::exchange(has_failed_, true)) {
        outbox_log.warn("Delivered messages cannot be kept beside the outbox; they are kept in it",
                        {{"path", path_.string()}, {"reason", std::generic_category().message(errno)}});
    }
    return {};
}

std::optional<std::string> KeptMessages::read(Position position, std::size_t bytes) const {
    if (!has_room_for(bytes) || position >= end_ || end_ - position > bytes_ || !open()) return std::nullopt;
    std::string message(bytes, '\0');
    const auto got = pread(descriptor_.get(), message.data(), bytes, static_cast<off_t>(position % bytes_));
    if (got != static_cast<ssize_t>(bytes)) return std::nullopt;
    return message;
}

void KeptMessages::forget(Position until) noexcept {
    until = std::min(until, end_);
    // What is older than a whole round was overwritten since.
    auto from = std::max(forgotten_until_, end_ > bytes_ ? end_ - bytes_ : 0);
    if (from >= until || !open()) return;
    forgotten_until_ = until;
    while (from < until) {
        const auto length = std::min(until - from, bytes_ - from % bytes_);
        (void)fallocate(descriptor_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        static_cast<off_t>(from % bytes_),
                        static_cast<off_t>(length));  // some file systems cannot: then it stays until it is overwritten
        from += length;
    }
}

void KeptMessages::come_back() noexcept {
    if (!descriptor_ || is_at(descriptor_.get(), path_)) return;
    FileDescriptor removed = std::move(descriptor_);
    if (!open()) {
        descriptor_ = std::move(removed);
        return;
    }
    for (off_t from = 0; (from = lseek(removed.get(), from, SEEK_DATA)) >= 0;) {
        const off_t end = lseek(removed.get(), from, SEEK_HOLE);
        for (off_t to = from; from < end;) {
            const auto left = static_cast<std::size_t>(end - from);
            if (copy_file_range(removed.get(), &from, descriptor_.get(), &to, left, 0) <= 0) return;
        }
    }
}

bool KeptMessages::open() const noexcept {
    if (descriptor_) return true;
    FileDescriptor opened(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!opened) return false;
    struct stat status {};
    if (fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return false;
    }
    descriptor_ = std::move(opened);
    return true;
}

bool KeptMessages::write(Position position, std::string_view stretch) const {
    while (!stretch.empty()) {
        const auto written =
            pwrite(descriptor_.get(), stretch.data(), stretch.size(), static_cast<off_t>(position % bytes_));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        position += static_cast<Position>(written);
        stretch.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace jiro::delivery
