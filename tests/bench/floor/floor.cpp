// SPDX-License-Identifier: MIT
// The least that the same libraries can do: Beast reads a message, the id and the text are found by a fixed scan, a
// bare gRPC callback stub sends a result of fixed shape. No JSON tree, no journal, no logging, no scope.
//   jiro-bench-floor HUB-PORT GRPC-PORT [untuned]        untuned: gRPC's channel as it comes, not with our settings
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "jiro_hub.grpc.pb.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Stub = JiroHubProto::JiroHubProto::Stub;

constexpr std::string_view kText = "\"command\":\"echo ";
constexpr std::string_view kId = "\"commandSyncId\":\"";

// What stands behind `label`, up to the next quotation mark.
std::string_view value_behind(std::string_view message, std::string_view label) {
    const auto found = message.find(label);
    if (found == std::string_view::npos) return {};
    const auto begin = found + label.size();
    return message.substr(begin, message.find('"', begin) - begin);
}

struct Call {
    grpc::ClientContext context;
    JiroHubProto::ClientMessage request;
    JiroHubProto::CommandResultResponse response;
};

void answer(Stub& stub, std::string_view message) {
    const auto id = value_behind(message, kId);
    if (id.empty()) return;  // handshake, ping
    const auto text = value_behind(message, kText);
    auto* call = new Call;
    call->request.set_commandname("echo");
    call->request.mutable_textresult()->set_response(text.data(), text.size());
    call->request.set_issuccess(true);
    call->request.set_commandsyncid(id.data(), id.size());
    call->request.set_sessionid("session-abc");
    for (const char* number : {"1", "2"}) {
        auto& pair = *call->request.add_parameters();
        pair.set_key(std::string("key") + number);
        pair.set_value(std::string("value") + number);
    }
    stub.async()->SendCommandResult(&call->context, &call->request, &call->response,
                                    [call](const grpc::Status& status) {
                                        if (!status.ok()) std::fprintf(stderr, "%s\n", status.error_message().c_str());
                                        delete call;
                                    });
}

// As src/delivery/grpc_channel.cpp makes it: what of its settings costs or saves something for a call.
std::shared_ptr<grpc::Channel> make_channel(const std::string& server, bool is_tuned) {
    grpc::ChannelArguments arguments;
    if (is_tuned) {
        absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
        arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
        arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
        arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
    }
    return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

class Client {
  public:
    Client(asio::io_context& context, Stub& stub) : stub_(stub), stream_(context) {}

    void start(std::uint16_t port) {
        const tcp::endpoint hub(asio::ip::make_address("127.0.0.1"), port);
        stream_.next_layer().connect(hub);
        stream_.next_layer().set_option(tcp::no_delay(true));
        stream_.handshake("127.0.0.1:" + std::to_string(port), "/instanceHub");
        stream_.text(true);
        stream_.write(asio::buffer(std::string_view("{\"protocol\":\"json\",\"version\":1}\x1e")));
        read();
    }

  private:
    void read() {
        stream_.async_read(buffer_, [this](const boost::system::error_code& error, std::size_t size) {
            if (error) return;
            answer(stub_, {static_cast<const char*>(buffer_.data().data()), size});
            buffer_.consume(size);
            read();
        });
    }

    Stub& stub_;
    boost::beast::websocket::stream<tcp::socket> stream_;
    boost::beast::flat_buffer buffer_;
};

}  // namespace

int main(int argc, char** argv) {
    const bool is_tuned = argc == 3;
    if (!is_tuned && (argc != 4 || std::string_view(argv[3]) != "untuned")) {
        std::fprintf(stderr, "usage: jiro-bench-floor HUB-PORT GRPC-PORT [untuned]\n");
        return 2;
    }
    const auto channel = make_channel(std::string("127.0.0.1:") + argv[2], is_tuned);
    const auto stub = JiroHubProto::JiroHubProto::NewStub(channel);
    asio::io_context context(1);
    Client client(context, *stub);
    client.start(static_cast<std::uint16_t>(std::stoi(argv[1])));
    context.run();
}
