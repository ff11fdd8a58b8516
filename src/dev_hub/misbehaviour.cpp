// SPDX-License-Identifier: MIT
#include "dev_hub/misbehaviour.hpp"

#include <algorithm>
#include <array>

#include "dev_hub/errors.hpp"
#include "jiro/base/enum_names.hpp"
#include "jiro/base/text.hpp"

namespace jiro::dev_hub {
namespace {

using What = Misbehaviour::What;

constexpr std::array<std::string_view, 17> kStatusNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// As a person writes them, in the order of the enumerators: "bad-frame".
const std::vector<std::string>& names() {
    static const auto all = [] {
        std::vector<std::string> written;
        for (const auto name : enum_names<What::none, What::grpc_delay>) {
            std::ranges::replace(written.emplace_back(name), '_', '-');
        }
        return written;
    }();
    return all;
}

Error bad_misbehaviour(std::string text) { return Error(errc::bad_misbehaviour, std::move(text)); }

Error wrong_word(std::string_view word, std::string_view what) {
    return bad_misbehaviour("'" + std::string(word) + "' " + std::string(what));
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
    const auto number = parse_number<Number>(text);
    if (number) out = *number;
    return number.has_value();
}

// The word after the name, for those that need one; and what it must be.
Result<> read_operand(Misbehaviour& out, std::string_view word) {
    switch (out.what) {
        case What::bad_frame:
            if (!make_bad_frame(word)) {
                return wrong_word(word, "is not a kind of bad frame: " + std::string(bad_frame_kinds()));
            }
            out.frame = word;
            return {};
        case What::grpc_fail:
            if (const auto status = grpc_status_number(word); status && *status != 0) {
                out.number = *status;
                return {};
            }
            return wrong_word(word, "is not the name of a gRPC status, such as UNAVAILABLE");
        case What::ws_close:
            if (read_number(word, out.number) && out.number >= 1000 && out.number <= 4999) return {};
            return wrong_word(word, "is not a WebSocket close code (1000..4999)");
        case What::refuse:
            if (read_number(word, out.number) && out.number >= 300 && out.number <= 599) return {};
            return wrong_word(word, "is not an HTTP status that refuses (300..599)");
        case What::grpc_delay:
            if (read_number(word, out.number) && out.number >= 0) return {};
            return wrong_word(word, "is not a number of milliseconds");
        default:
            return wrong_word(word, "is one word too many");
    }
}

bool has_operand(What what) {
    return what == What::bad_frame || what == What::grpc_fail || what == What::ws_close || what == What::refuse ||
           what == What::grpc_delay;
}

bool has_chance(What what) {
    return what == What::grpc_fail || what == What::grpc_success_false || what == What::grpc_reply_lost;
}

Result<> read_setting(Misbehaviour& out, std::string_view word) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);

    if (key == "next" && (has_chance(out.what) || out.what == What::refuse || out.what == What::html)) {
        int count = 0;
        if (!read_number(value, count) || count < 0) return bad_misbehaviour("next= needs a count");
        out.next = count;
    } else if (key == "p" && has_chance(out.what)) {
        if (!read_number(value, out.probability) || !(out.probability >= 0 && out.probability <= 1)) {  // nor NaN
            return bad_misbehaviour("p= needs a probability in 0..1");
        }
    } else if (key == "retry-after" && out.what == What::refuse) {
        if (!read_number(value, out.retry_after) || out.retry_after < 0)
            return bad_misbehaviour("retry-after= needs seconds");
    } else if ((key == "error" && out.what == What::close) || (key == "reason" && out.what == What::ws_close)) {
        out.text = value;
    } else if (word == "allow-reconnect" && out.what == What::close) {
        out.allow_reconnect = true;
    } else if (word == "silent" && out.what == What::grpc_reply_lost) {
        out.silent = true;
    } else {
        return wrong_word(word, "does not fit here");
    }
    return {};
}

}  // namespace

std::optional<int> grpc_status_number(std::string_view name) {
    for (std::size_t i = 0; i < kStatusNames.size(); ++i) {
        if (kStatusNames[i] == name) return static_cast<int>(i);
    }
    return std::nullopt;
}

std::string_view grpc_status_name(int number) {
    const auto index = static_cast<std::size_t>(number);
    return number >= 0 && index < kStatusNames.size() ? kStatusNames[index] : "UNKNOWN";
}

Result<Misbehaviour> parse_misbehaviour(const std::vector<std::string>& words) {
    if (words.empty()) return bad_misbehaviour("a misbehaviour needs a name");
    const auto name = std::ranges::find(names(), words.front());
    if (name == names().end()) {
        return wrong_word(words.front(), "is not a misbehaviour: " + join_with_commas(names()));
    }
    Misbehaviour out;
    out.what = static_cast<What>(name - names().begin());
    std::size_t next_word = 1;
    if (has_operand(out.what)) {
        if (words.size() < 2) return bad_misbehaviour(words.front() + " needs a value");
        if (const auto read = read_operand(out, words[next_word++]); !read) return read.error();
    }
    for (; next_word < words.size(); ++next_word) {
        if (const auto read = read_setting(out, words[next_word]); !read) return read.error();
    }
    return out;
}

Result<Misbehaviour> parse_misbehaviour(std::string_view line) {
    const auto words = split_words(line, {errc::bad_misbehaviour, errc::bad_misbehaviour});
    if (!words) return words.error();
    return parse_misbehaviour(*words);
}

std::string_view bad_frame_kinds() {
    return "not-json, not-object, half, empty, huge, deep, invalid-utf8, binary, raw";
}

std::optional<BadFrame> make_bad_frame(std::string_view kind) {
    if (kind == "not-json") return BadFrame{"this is not JSON\x1e", FrameKind::text};
    if (kind == "not-object") return BadFrame{"[1,2,3]\x1e", FrameKind::text};
    // A record that never ends, as far as this frame goes; the next record makes it invalid JSON.
    if (kind == "half") return BadFrame{R"({"type":1,"target":"ReceiveCommand","argu)", FrameKind::text};
    if (kind == "empty") return BadFrame{"\x1e\x1e", FrameKind::text};
    if (kind == "huge") {
        return BadFrame{
            R"({"type":1,"target":"ReceiveCommand","arguments":[")" + std::string(16U << 20, 'x') + "\"]}\x1e",
            FrameKind::text};
    }
    if (kind == "deep") {
        return BadFrame{R"({"type":1,"target":"ReceiveCommand","arguments":)" + std::string(1000, '[') +
                            std::string(1000, ']') + "}\x1e",
                        FrameKind::text};
    }
    // A text frame that breaks RFC 6455: the client's WebSocket layer ends the connection with 1007.
    if (kind == "invalid-utf8") return BadFrame{"{\"type\":6,\"x\":\"\xff\xfe\"}\x1e", FrameKind::text};
    if (kind == "binary") return BadFrame{"{\"type\":6}\x1e", FrameKind::binary};
    // Reserved bits and opcode set: no WebSocket frame at all.
    if (kind == "raw") return BadFrame{"\xff\xff HTTP/1.1 500 what\r\n\r\n", FrameKind::raw};
    return std::nullopt;
}

void Chance::set(std::optional<int> next, double probability) {
    left_ = next;
    probability_ = probability;
}

bool Chance::take(RandomSource& random) {
    if (left_) {
        if (*left_ <= 0) return false;
        --*left_;
        return true;
    }
    if (probability_ <= 0) return false;
    constexpr double kRange = 9007199254740992.0;  // 2^53
    return static_cast<double>(random.next() >> 11) / kRange < probability_;
}

bool GrpcFaults::apply(const Misbehaviour& misbehaviour) {
    switch (misbehaviour.what) {
        case What::grpc_fail:
            fail_.set(misbehaviour.next, misbehaviour.probability);
            fail_status_ = misbehaviour.number;
            return true;
        case What::grpc_success_false:
            success_false_.set(misbehaviour.next, misbehaviour.probability);
            return true;
        case What::grpc_reply_lost:
            reply_lost_.set(misbehaviour.next, misbehaviour.probability);
            silent_ = misbehaviour.silent;
            return true;
        case What::grpc_delay:
            delay_ms_ = misbehaviour.number;
            return true;
        case What::none:
            *this = GrpcFaults();
            return true;
        default:
            return false;
    }
}

GrpcFaults::Fate GrpcFaults::next(RandomSource& random) {
    Fate fate;
    fate.delay_ms = delay_ms_;
    if (fail_.take(random)) {
        fate.status = fail_status_;
    } else if (success_false_.take(random)) {
        fate.success = false;
    } else if (reply_lost_.take(random)) {
        fate.reply = silent_ ? Fate::Reply::silent : Fate::Reply::cancelled;
    }
    return fate;
}

}  // namespace jiro::dev_hub
