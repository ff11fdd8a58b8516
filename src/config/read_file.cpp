#include "config/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/system/errc.hpp>
#include <cerrno>

namespace jiro::config {

namespace {

namespace errc = boost::system::errc;

class Descriptor {
  public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int get() const noexcept { return value_; }

  private:
    int value_;
};

Error system_failure(std::string_view doing) {
    const boost::system::error_code code(errno, boost::system::generic_category());
    return Error(code).with_prefix(doing);
}

}  // namespace

Result<FileContent> read_file(const std::filesystem::path& path, std::size_t limit) {
    // O_NONBLOCK: a named pipe in the place of the file must not stop the daemon.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) return system_failure("cannot be opened");
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return system_failure("cannot be examined");
    if (S_ISDIR(status.st_mode))
        return Error(errc::make_error_code(errc::is_a_directory), "is a directory, not a file");
    if (!S_ISREG(status.st_mode)) return Error(errc::make_error_code(errc::invalid_argument), "is not a regular file");
    FileContent content;
    content.is_world_readable = (status.st_mode & S_IROTH) != 0;
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_failure("cannot be read");
        if (count == 0) return content;
        content.text.append(buffer.data(), static_cast<std::size_t>(count));
        if (content.text.size() > limit) {
            return Error(errc::make_error_code(errc::file_too_large),
                         "is larger than the limit of " + std::to_string(limit) + " bytes");
        }
    }
}

}  // namespace jiro::config
