// SPDX-License-Identifier: MIT
#include "commands/exec/output_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "jiro/base/file.hpp"
#include "jiro/base/with_timeout.hpp"

namespace jiro::commands {

namespace asio = boost::asio;

namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(200);
constexpr std::size_t kChunk = 65536;
constexpr std::int64_t kPage = 4096;
constexpr std::size_t kMargin = 65536;  // read beside what is kept: a secret may begin there

Result<FileDescriptor> make_file(const std::string& program) {
    FileDescriptor file(memfd_create("jiro-output", MFD_CLOEXEC));
    if (file) return file;
    return spawn_error(program, std::string("cannot make a file in memory: ") + std::strerror(errno));
}

std::int64_t size_of_file(const FileDescriptor& file) {
    struct stat status {};
    return fstat(file.get(), &status) == 0 ? status.st_size : 0;
}

}  // namespace

Result<FileDescriptor> make_output_file(const std::string& program) {
    auto file = make_file(program);
    if (file) fcntl(file->get(), F_SETFL, O_APPEND);  // whoever reads moves the place that both share
    return file;
}

Result<FileDescriptor> make_input_file(std::string_view content, const std::string& program) {
    auto file = make_file(program);
    if (!file) return file;
    if (!jiro::write_all(file->get(), content) || lseek(file->get(), 0, SEEK_SET) != 0) {
        return spawn_error(program, std::string("cannot keep its input in memory: ") + std::strerror(errno));
    }
    return file;
}

std::string content_of(const FileDescriptor& file, std::size_t limit) {
    std::string content(std::min(static_cast<std::size_t>(size_of_file(file)), limit), '\0');
    const auto length = pread(file.get(), content.data(), content.size(), 0);
    content.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return content;
}

bool is_output_file(const FileDescriptor& descriptor) {
    struct stat status {};
    return fstat(descriptor.get(), &status) == 0 && S_ISREG(status.st_mode);
}

Task<> fill(ProgramStreams::Descriptor& pipe, const FileDescriptor& file, std::size_t limit) {
    const auto most = static_cast<std::int64_t>(limit + kMargin + kPage - 1) / kPage * kPage;
    std::int64_t hole_ends = most;
    std::vector<char> buffer(kChunk);
    for (;;) {
        const auto [error, length] = co_await pipe.async_read_some(asio::buffer(buffer), kNoThrow);
        static_cast<void>(jiro::write_all(file.get(), {buffer.data(), length}));
        const auto last_to_keep = (size_of_file(file) - most) / kPage * kPage;
        if (last_to_keep > hole_ends + most) {
            fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole_ends, last_to_keep - hole_ends);
            hole_ends = last_to_keep;
        }
        if (error) co_return;
    }
}

Task<> OutputFollower::run(Clock& clock) {
    const auto executor = co_await asio::this_coro::executor;
    std::string buffer(kChunk, '\0');
    for (;;) {
        const bool is_last = is_stopping_;
        end_ = size_of_file(file_);
        while (read_some(buffer)) co_await asio::post(executor, kAwait);  // the others have their turn
        if (is_last) break;
        auto stopping = stop_.wait();
        static_cast<void>(co_await with_timeout(clock, kLookAgain, std::move(stopping)));
    }
    if (mask_) capture_.append(mask_->finish());
}

void OutputFollower::stop() {
    is_stopping_ = true;
    stop_.notify();
}

bool OutputFollower::read_some(std::string& buffer) {
    if (position_ >= end_) return false;
    const auto wanted = std::min<std::int64_t>(end_ - position_, static_cast<std::int64_t>(buffer.size()));
    const auto length = pread(file_.get(), buffer.data(), static_cast<std::size_t>(wanted), position_);
    if (length <= 0) return false;
    // Asked after the read: whoever fills the file makes holes meanwhile, and what is none now was none then.
    const auto hole = lseek(file_.get(), position_, SEEK_HOLE);
    if (hole == position_) {
        skip_hole();
        return true;
    }
    const auto whole = hole < 0 ? length : std::min<std::int64_t>(length, hole - position_);
    position_ += whole;
    const auto bytes = std::string_view(buffer).substr(0, static_cast<std::size_t>(whole));
    mask_ ? capture_.append(mask_->feed(bytes)) : capture_.append(bytes);
    return true;
}

void OutputFollower::skip_hole() {
    const auto data = lseek(file_.get(), position_, SEEK_DATA);
    const auto ends = data < 0 ? end_ : std::min(data, end_);
    capture_.skip(static_cast<std::uint64_t>(ends - position_));
    if (mask_) mask_->skip();
    position_ = ends;
}

}  // namespace jiro::commands
