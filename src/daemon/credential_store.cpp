// SPDX-License-Identifier: MIT
#include "daemon/credential_store.hpp"

#include <boost/system/errc.hpp>
#include <functional>

#include "daemon/log.hpp"
#include "jiro/base/outside_calls.hpp"

namespace jiro::daemon {

namespace {

using namespace std::chrono_literals;

// Of the event loop's time, once, when their mount does not answer: without any token there is nothing to go on with.
constexpr auto kMomentForFiles = 50ms;
constexpr auto kMomentForTheFirst = 500ms;
constexpr auto kGrpcMaxAge = 100ms;  // hundreds of calls a second need not read a file each
constexpr auto kRotation = 2s;       // a file that is written anew may be empty, or not there, for a moment
constexpr std::size_t kMaxReaders = 4;

Error not_read() {
    const auto code = boost::system::errc::make_error_code(boost::system::errc::timed_out);
    return Error(code, "the files of the token or key do not answer; are they on a mount that hangs?");
}

}  // namespace

CredentialStore::CredentialStore(config::CredentialSources sources, Environment environment)
    : sources_(std::move(sources)), environment_(std::move(environment)), current_(not_read()) {}

void CredentialStore::replace(config::CredentialSources sources) {
    if (sources != sources_) current_ = not_read();
    sources_ = std::move(sources);
    read_at_.reset();
    fails_since_.reset();
    hangs_ = false;
}

const Result<Credentials>& CredentialStore::fetch(Duration max_age) {
    static auto& readers =
        *new OutsideFunctions<Result<Credentials>>("credentials", kMaxReaders, OutsideThreads::kForever);
    const auto now = std::chrono::steady_clock::now();
    if (read_at_ && now - *read_at_ < max_age) return current_;
    std::function<Result<Credentials>()> read = [sources = sources_, environment = environment_] {
        return config::read_credentials(sources, environment);
    };
    // Values need no file; a call with files that hangs is joined, not repeated.
    const std::string key = sources_.access_token_file + '\n' + sources_.api_key_file;
    auto credentials = key == "\n" ? std::optional(read())
                                   : readers.run_here(key, read, current_ ? kMomentForFiles : kMomentForTheFirst);
    if (credentials) {
        if (*credentials) fails_since_.reset();
        if (!*credentials && !fails_since_) fails_since_ = now;
        const bool is_rotated = !*credentials && current_ && now - *fails_since_ < kRotation;
        if (!is_rotated) current_ = std::move(*credentials);
        read_at_ = now;
    } else if (!hangs_) {
        daemon_log.warn("The files of the token or key do not answer; what was read before stays in use");
    }
    hangs_ = !credentials;
    return current_;
}

signalr::CredentialsProvider CredentialStore::for_hub() {
    return [this] { return fetch(0ms); };
}

delivery::CredentialsProvider CredentialStore::for_grpc() {
    return [this](delivery::Reading reading) { return fetch(reading == delivery::Reading::anew ? 0ms : kGrpcMaxAge); };
}

std::string CredentialStore::redacted(std::string text) const {
    if (!current_ || text.empty()) return text;
    return jiro::redacted(std::move(text), {current_->access_token, current_->api_key});
}

}  // namespace jiro::daemon
