// SPDX-License-Identifier: MIT
#include "commands/exec/unit_protocol.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>

#include "jiro/base/json.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/commands/errors.hpp"

namespace jiro::commands {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr JsonLimits kRequestLimits{.bytes = kMaxRequestBytes, .depth = 4, .nodes = 1024 * 1024, .members = 16};
constexpr JsonLimits kRecordLimits{.bytes = 64 * 1024, .depth = 4, .nodes = 64, .members = 16};

constexpr std::size_t kMostOutputBytes = 64 * 1024 * 1024;

std::string record_of(JsonWriter writer) { return std::move(writer).take() + '\n'; }

// The limits by name, for both directions.
template <typename Limits, typename Visit>
void for_each_limit(Limits& limits, Visit visit) {
    visit("memoryBytes", limits.memory_bytes);
    visit("openFiles", limits.open_files);
    visit("processes", limits.processes);
    visit("fileBytes", limits.file_bytes);
}

void write_pairs(JsonWriter& writer, const char* name, const Parameters& pairs) {
    writer.begin_array(name);
    for (const auto& [key, value] : pairs) writer.value(std::array<std::string_view, 2>{key, value});
    writer.end_array();
}

void write_call(JsonWriter& writer, const CommandCall& call) {
    writer.begin_object("command");
    writer.member("name", call.name);
    writer.member("arguments", call.arguments);
    write_pairs(writer, "parameters", call.parameters);
    writer.member("id", call.command_sync_id);
    writer.member("session", call.session_id);
    if (!call.trace.empty()) writer.member("traceparent", call.trace.parent());
    if (!call.trace.state().empty()) writer.member("tracestate", call.trace.state());
    writer.member("resumes", call.resumes);
    writer.end_object();
}

CommandCall read_call(const json& object) {
    CommandCall call;
    call.name = object.at("name").get<std::string>();
    call.arguments = object.at("arguments").get<std::vector<std::string>>();
    call.parameters = object.at("parameters").get<Parameters>();
    call.command_sync_id = object.at("id").get<std::string>();
    call.session_id = object.at("session").get<std::string>();
    call.trace = TraceContext(object.value("traceparent", ""), object.value("tracestate", ""));
    call.resumes = object.value("resumes", 0);  // a daemon from before an upgrade says nothing of it
    return call;
}

void write_limits(JsonWriter& writer, const ExecLimits& limits) {
    writer.begin_object("limits");
    if (limits.cpu) writer.member("cpuSeconds", limits.cpu->count());
    for_each_limit(limits, [&](const char* name, const auto& limit) {
        if (limit) writer.member(name, *limit);
    });
    writer.end_object();
}

ExecLimits read_limits(const json& object) {
    ExecLimits limits;
    if (object.contains("cpuSeconds")) limits.cpu = std::chrono::seconds(object.at("cpuSeconds").get<std::int64_t>());
    for_each_limit(limits, [&](const char* name, auto& limit) {
        if (object.contains(name)) limit = object.at(name).template get<std::uint64_t>();
    });
    return limits;
}

Error bad_request(const std::string& why) { return Error(errc::bad_request, "the request is not one: " + why); }

// The descriptors of a message, all of them: what nobody asked for is closed.
std::vector<FileDescriptor> descriptors_of(msghdr& message) {
    std::vector<FileDescriptor> descriptors;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
            descriptors.emplace_back(number);
        }
    }
    return descriptors;
}

// The type is aligned, not the variable: g++ 12 forgets the latter in a coroutine's frame.
struct alignas(cmsghdr) ControlBuffer {
    std::array<char, CMSG_SPACE(3 * sizeof(int))> bytes{};
};

}  // namespace

std::string to_record(const ChildSpec& spec) {
    JsonWriter writer;
    writer.begin_object();
    write_call(writer, spec.call);
    writer.member("argv", spec.argv);
    write_pairs(writer, "environment", spec.environment);
    writer.member("workingDirectory", spec.working_directory);
    write_limits(writer, spec.limits);
    writer.member("maxOutputBytes", spec.max_output_bytes);
    writer.end_object();
    return record_of(std::move(writer));
}

std::string to_record(const ExitStatus& status) {
    JsonWriter writer;
    writer.begin_object();
    if (status.code) writer.member("code", *status.code);
    if (status.signal) writer.member("signal", *status.signal);
    writer.member("cpuMs", status.cpu.count());
    writer.member("maxResidentBytes", status.max_resident_bytes);
    writer.end_object();
    return record_of(std::move(writer));
}

Result<ChildSpec> read_request(std::string_view record) {
    auto read = read_json(record, kRequestLimits);
    if (!read) return bad_request(read.error().message);
    try {
        ChildSpec spec;
        spec.call = read_call(read->at("command"));
        spec.argv = read->at("argv").get<std::vector<std::string>>();
        spec.environment = read->at("environment").get<Parameters>();
        spec.working_directory = read->at("workingDirectory").get<std::string>();
        spec.limits = read_limits(read->at("limits"));
        spec.max_output_bytes = std::min(read->value("maxOutputBytes", spec.max_output_bytes), kMostOutputBytes);
        if (spec.argv.empty() || !spec.argv.front().starts_with('/')) return bad_request("no program");
        return spec;
    } catch (const json::exception&) {
        return bad_request("a member is missing, or of another type");
    }
}

ExitStatus read_exit_status(const json& record) {
    ExitStatus status;
    const auto number = [&record](const char* name) { return member_as<std::int64_t>(record, name); };
    if (const auto code = number("code")) status.code = static_cast<int>(*code & 0xFF);
    if (const auto signal = number("signal")) status.signal = static_cast<int>(*signal & 0x7F);
    status.cpu = std::chrono::milliseconds(number("cpuMs").value_or(0));
    status.max_resident_bytes = static_cast<std::uint64_t>(number("maxResidentBytes").value_or(0));
    return status;
}

Result<UnitRequest> receive_request(int connection) {
    std::string record;
    std::vector<FileDescriptor> descriptors;
    while (!record.ends_with('\n')) {
        std::array<char, 65536> buffer;
        ControlBuffer control;
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        const auto length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == EAGAIN) {
            pollfd more{connection, POLLIN, 0};
            poll(&more, 1, -1);
            continue;
        }
        if (length < 0) return bad_request(std::strerror(errno));
        if (length == 0) return bad_request("the connection has ended");
        for (auto& descriptor : descriptors_of(message)) descriptors.push_back(std::move(descriptor));
        record.append(buffer.data(), static_cast<std::size_t>(length));
        if (record.size() > kMaxRequestBytes) return bad_request("it is too long");
    }
    auto spec = read_request(record);
    if (!spec) return spec.error();
    if (descriptors.size() != 3) return bad_request("three descriptors belong to it");
    return UnitRequest{std::move(*spec),
                       {std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2])}};
}

bool UnitConnection::assign(FileDescriptor connected) {
    boost::system::error_code error;
    socket_.assign(asio::local::stream_protocol(), connected.get(), error);
    if (!error) static_cast<void>(connected.release());
    if (!error) socket_.non_blocking(true, error);
    return !error;
}

Task<bool> UnitConnection::send_request(std::string record, const std::array<FileDescriptor, 3>& descriptors) {
    ControlBuffer control;
    iovec part{record.data(), record.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
        const int number = descriptors[i].get();
        std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &number, sizeof number);
    }
    const auto sent = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);  // the buffer of a new socket is empty
    if (sent <= 0) co_return false;
    const auto rest = asio::buffer(record) + static_cast<std::size_t>(sent);
    const auto [error, length] = co_await asio::async_write(socket_, rest, kNoThrow);
    co_return !error;
}

Task<> UnitConnection::until_readable() { co_await socket_.async_wait(socket_.wait_read, kAwait); }

void UnitConnection::send(const std::string& record) {
    const auto sent = ::send(socket_.native_handle(), record.data(), record.size(), MSG_NOSIGNAL);
    boost::system::error_code ignored;
    if (sent != static_cast<ssize_t>(record.size())) socket_.shutdown(socket_.shutdown_both, ignored);
}

Task<Result<json>> UnitConnection::read() {
    for (;;) {
        if (const auto end = received_.find('\n'); end != std::string::npos) {
            auto record = read_json(std::string_view(received_).substr(0, end), kRecordLimits);
            received_.erase(0, end + 1);
            if (record && record->is_object()) co_return std::move(*record);
            co_return Error(errc::connection_lost, "the other side sent what is no record");
        }
        if (received_.size() > kRecordLimits.bytes) {
            co_return Error(errc::connection_lost, "the other side sent a record that is too long");
        }
        std::array<char, 4096> buffer;
        const auto [error, length] = co_await socket_.async_read_some(asio::buffer(buffer), kNoThrow);
        if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
        if (error) co_return Error(errc::connection_lost, "the connection has ended");
        received_.append(buffer.data(), length);
    }
}

}  // namespace jiro::commands
