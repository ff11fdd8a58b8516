// SPDX-License-Identifier: MIT
// FinishedCommand -> ClientMessage, once. See proto/jiro_hub.proto for what the fields mean.
#include <google/protobuf/arena.h>

#include <algorithm>
#include <array>
#include <map>

#include "jiro/base/base64.hpp"
#include "jiro/base/json_writer.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/delivery/client_message.hpp"
#include "jiro_hub.pb.h"

namespace jiro::delivery {

namespace {

namespace proto = JiroHubProto;

proto::TextType to_proto(TextType type) {
    static constexpr proto::TextType kTypes[] = {proto::PLAIN, proto::JSON, proto::BASE64, proto::MARKDOWN,
                                                 proto::HTML};
    return kTypes[static_cast<std::size_t>(type)];
}

constexpr std::string_view kTooBig = "the result was too big";

// 2,000,046
std::string grouped(std::size_t number) {
    std::string digits = std::to_string(number);
    for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
        digits.insert(static_cast<std::size_t>(place), 1, ',');
    }
    return digits;
}

std::string left_out(std::size_t bytes, std::size_t all, std::string_view why) {
    return "\n[... " + grouped(bytes) + " of " + grouped(all) + " bytes left out: " + std::string(why) + " ...]\n";
}

// How long a text may be, and why no longer.
struct Room {
    std::size_t bytes = 0;
    std::string_view why;
};

// The beginning (three quarters) and the end of `text`, at most `room.bytes` together with the line between them.
std::string shorten(std::string_view text, const Room& room, bool is_text) {
    if (text.size() <= room.bytes) return std::string(text);
    const std::size_t for_line = left_out(text.size(), text.size(), room.why).size();
    const std::size_t for_text = room.bytes - std::min(room.bytes, for_line);
    const std::size_t head_room = for_text / 4 * 3;
    const std::size_t tail_room = for_text - head_room;
    const auto head = is_text ? utf8_head(text, head_room) : text.substr(0, head_room);
    const auto tail = is_text ? utf8_tail(text, tail_room) : text.substr(text.size() - tail_room);
    std::string result(head);
    result += left_out(text.size() - head.size() - tail.size(), text.size(), room.why);
    result += tail;
    return result;
}

// Base64 of `bytes`, shortened before it is encoded so that what arrives can be decoded.
void set_base64(proto::TextResult& text, std::string_view bytes, const Room& room) {
    text.set_response(to_base64(shorten(bytes, {room.bytes / 4 * 3, room.why}, false)));
    text.set_texttype(proto::BASE64);
}

// `response` is valid UTF-8. A shortened JSON, Markdown or HTML is none any more: it goes out as PLAIN.
void set_text(proto::TextResult& text, std::string response, proto::TextType type, const Room& room) {
    if (response.size() <= room.bytes) {
        text.set_response(std::move(response));
        text.set_texttype(type);
        return;
    }
    if (type == proto::BASE64) {
        if (const auto bytes = from_base64(response)) return set_base64(text, *bytes, room);
    }
    text.set_response(shorten(response, room, true));
    text.set_texttype(proto::PLAIN);
}

void set_graph_too_big(proto::ClientMessage& message, std::size_t size, std::size_t limit) {
    message.set_commandtype(proto::TEXT);
    message.mutable_textresult()->set_response("The graph is too big to be sent: its data has " + std::to_string(size) +
                                               " bytes, at most " + std::to_string(limit) + " are allowed");
    message.mutable_textresult()->set_texttype(proto::PLAIN);
}

void set_result(proto::ClientMessage& message, TextResult text, bool is_success, std::size_t limit) {
    message.set_commandtype(proto::TEXT);
    auto& result = *message.mutable_textresult();
    const Room room{limit, kTooBig};
    if (!is_success) {
        set_text(result, to_utf8(std::move(text.response)), proto::PLAIN, room);
    } else if (is_utf8(text.response)) {
        set_text(result, std::move(text.response), to_proto(text.type), room);
    } else {
        set_base64(result, text.response, room);
    }
}

void set_result(proto::ClientMessage& message, GraphResult graph, bool, std::size_t limit) {
    if (graph.graph_data.size() > limit) return set_graph_too_big(message, graph.graph_data.size(), limit);
    message.set_commandtype(proto::GRAPH);
    auto& result = *message.mutable_graphresult();
    result.set_message(to_utf8(std::move(graph.message)));
    result.set_graphdata(std::move(graph.graph_data));
    result.set_note(to_utf8(std::move(graph.note)));
    result.set_xaxis(to_utf8(std::move(graph.x_axis)));
    result.set_yaxis(to_utf8(std::move(graph.y_axis)));
    for (auto& [member, unit] : graph.units) (*result.mutable_units())[to_utf8(member)] = to_utf8(std::move(unit));
}

Bytes to_bytes(const proto::ClientMessage& message) {
    return std::make_shared<const std::string>(message.SerializeAsString());
}

void write(JsonWriter& out, const proto::TextResult& text) {
    out.begin_object("textResult");
    out.member("response", text.response());
    out.member("textType", proto::TextType_Name(text.texttype()));
    out.end_object();
}

void write(JsonWriter& out, const proto::GraphResult& graph) {
    out.begin_object("graphResult");
    out.member("message", graph.message());
    out.member("graphData", to_base64(graph.graphdata()));
    out.member("note", graph.note());
    out.member("xAxis", graph.xaxis());
    out.member("yAxis", graph.yaxis());
    out.begin_object("units");
    for (const auto& [member, unit] : std::map<std::string, std::string>(graph.units().begin(), graph.units().end())) {
        out.member(member, unit);
    }
    out.end_object();
    out.end_object();
}

}  // namespace

Bytes serialise(FinishedCommand command, std::size_t max_bytes) {
    alignas(std::max_align_t) std::array<char, 1024> on_the_stack;
    google::protobuf::ArenaOptions options;
    options.initial_block = on_the_stack.data();
    options.initial_block_size = on_the_stack.size();
    google::protobuf::Arena arena(options);
    auto& message = *google::protobuf::Arena::CreateMessage<proto::ClientMessage>(&arena);
    const bool is_success = command.result.is_success();
    message.set_commandname(to_utf8(std::move(command.command_name)));
    message.set_issuccess(is_success);
    message.set_commandsyncid(to_utf8(std::move(command.message.command_sync_id)));
    message.set_sessionid(to_utf8(std::move(command.message.session_id)));
    for (auto& [key, value] : command.message.parameters) {
        auto& pair = *message.add_parameters();
        pair.set_key(to_utf8(std::move(key)));
        pair.set_value(to_utf8(std::move(value)));
    }
    std::visit([&](auto& result) { set_result(message, std::move(result), is_success, max_bytes); },
               command.result.content);
    return to_bytes(message);
}

std::optional<Bytes> cut(std::string_view bytes, std::size_t max_bytes, std::string_view why) {
    proto::ClientMessage message;
    if (bytes.size() <= max_bytes || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        return std::nullopt;
    }
    message.clear_parameters();  // the first to go: the hub knows what it sent
    const std::size_t size = message.ByteSizeLong();
    if (size > max_bytes && message.has_graphresult()) {
        set_graph_too_big(message, message.graphresult().ByteSizeLong(), max_bytes);
    } else if (size > max_bytes) {
        std::string response = message.textresult().response();
        const std::size_t around = size - response.size();
        if (max_bytes <= around) return std::nullopt;
        const std::size_t least = left_out(response.size(), response.size(), why).size();
        const std::size_t room = max_bytes - around;
        if (room / 4 * 3 < least) return std::nullopt;
        set_text(*message.mutable_textresult(), std::move(response), message.textresult().texttype(), {room, why});
    }
    auto shorter = to_bytes(message);
    if (shorter->size() > max_bytes) return std::nullopt;
    return shorter;
}

std::string describe(std::string_view bytes) {
    JsonWriter out;
    proto::ClientMessage message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        out.string("(not a ClientMessage: " + std::to_string(bytes.size()) + " bytes)");
        return std::move(out).take();
    }
    out.begin_object();
    out.member("commandName", message.commandname());
    out.member("commandType", proto::CommandType_Name(message.commandtype()));
    if (message.has_textresult()) write(out, message.textresult());
    if (message.has_graphresult()) write(out, message.graphresult());
    out.member("isSuccess", message.issuccess());
    out.member("commandSyncId", message.commandsyncid());
    out.begin_array("parameters");
    for (const auto& pair : message.parameters()) {
        out.begin_object();
        out.member("key", pair.key());
        out.member("value", pair.value());
        out.end_object();
    }
    out.end_array();
    out.member("sessionId", message.sessionid());
    out.end_object();
    return std::move(out).take();
}

}  // namespace jiro::delivery
