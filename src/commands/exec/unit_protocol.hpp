// SPDX-License-Identifier: MIT
#pragma once
// What the daemon and the unit of a command say to each other over the socket that systemd listens on: JSON records,
// each ended by a line feed, every one of them bounded. The request carries the program's three descriptors. Neither
// side believes the other: each value is checked where it is read. Event loop only.
//
//     daemon  {"command":{"name":"disk","arguments":[...],"parameters":[["NAME","value"],...],"id":"","session":"",
//              "traceparent":"...","resumes":0},
//              "argv":[...],"environment":[["NAME","value"],...],"workingDirectory":"/","limits":{...},
//              "maxOutputBytes":1048576}  (descriptors)
//     unit    {"begun":true}
//     unit    {"started":true,"user":"jiro-cmd"}, or {"problem":"cannot start ..."} and the end
//     daemon  {"signal":15}, any number of times
//     unit    {"code":0,"cpuMs":1,"maxResidentBytes":1}, or "signal" in place of "code"
//     daemon  {"sweep":true}; the unit answers {"left":0}
//     daemon  {"tell":true}, another process of it, which has taken the connection over (Survives); the unit says once
//             more how the program ended, if it has, and that it has started
//
// A unit that has the definition of the command makes everything that follows "command" anew, by that definition.
// Where the descriptors for output are files, the unit reads the program's pipes and writes into them
// (output_file.hpp). The end of the connection, from either side, is the end of the unit and of everything in it.

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <string_view>

#include "commands/exec/running_program.hpp"
#include "jiro/base/json.hpp"

namespace jiro::commands {

// The request: what execve takes at most, and as much again for what JSON escapes.
inline constexpr std::size_t kMaxRequestBytes = 8 * 1024 * 1024;

[[nodiscard]] std::string to_record(const ChildSpec& spec);
[[nodiscard]] std::string to_record(const ExitStatus& status);

// errc::bad_request: the request is not one.
[[nodiscard]] Result<ChildSpec> read_request(std::string_view record);
[[nodiscard]] ExitStatus read_exit_status(const nlohmann::json& record);

struct UnitRequest {
    ChildSpec spec;
    std::array<FileDescriptor, 3> descriptors;
};

// For the unit's side, which has nothing else to do: waits until the whole request is there.
[[nodiscard]] Result<UnitRequest> receive_request(int connection);

// Either end of the connection once the request is there.
class UnitConnection {
  public:
    explicit UnitConnection(const Executor& executor) : socket_(executor) {}

    // Takes a connected socket. False: it is none.
    [[nodiscard]] bool assign(FileDescriptor connected);

    // The request with its descriptors. Cancellable. False: the other side has gone.
    [[nodiscard]] Task<bool> send_request(std::string record, const std::array<FileDescriptor, 3>& descriptors);

    // Waits until there is something to read, or the end.
    [[nodiscard]] Task<> until_readable();
    [[nodiscard]] int descriptor() { return socket_.native_handle(); }

    // Short records only, which find room in the socket's buffer: nothing waits. What cannot be sent ends the
    // connection, which the next read tells.
    void send(const std::string& record);

    // The next record; errc::connection_lost at its end, and for what is not a record. Cancellable, and then nothing is
    // lost: the next call goes on where this one was.
    [[nodiscard]] Task<Result<nlohmann::json>> read();

  private:
    boost::asio::local::stream_protocol::socket socket_;
    std::string received_;
};

}  // namespace jiro::commands
