// SPDX-License-Identifier: MIT
#pragma once
// Misbehaviour on request, as data. One small language of words serves the command line and the control socket:
//
//     drop | stall | resume | bad-frame KIND | close [allow-reconnect] [error=TEXT] | ws-close CODE [reason=TEXT]
//     refuse STATUS [retry-after=S] [next=N] | html [next=N]
//     hub-down | hub-up | grpc-down | grpc-up
//     grpc-fail STATUS [next=N | p=P] | grpc-success-false [next=N | p=P] | grpc-reply-lost [next=N | p=P] [silent]
//     grpc-delay MS | none
//
// What concerns connections happens once, at once; what concerns negotiate, gRPC and the ports stays until it is used
// up or `none`.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jiro/base/error.hpp"
#include "jiro/base/random.hpp"

namespace jiro::dev_hub {

// The numbers of gRPC's status codes, by their names in capitals ("UNAVAILABLE").
[[nodiscard]] std::optional<int> grpc_status_number(std::string_view name);
[[nodiscard]] std::string_view grpc_status_name(int number);

struct Misbehaviour {
    enum class What {
        none,
        drop,
        stall,
        resume,
        bad_frame,
        close,
        ws_close,
        refuse,
        html,
        hub_down,
        hub_up,
        grpc_down,
        grpc_up,
        grpc_fail,
        grpc_success_false,
        grpc_reply_lost,
        grpc_delay,
    };
    What what = What::none;
    std::string frame;             // bad_frame: its kind
    std::string text;              // error or reason
    int number = 0;                // close code, HTTP status, gRPC status, or milliseconds
    int retry_after = 0;           // seconds; 0: no header
    std::optional<int> next;       // so many times; nullopt: see probability
    double probability = 1.0;      // of each time, when `next` is not given
    bool allow_reconnect = false;  // close
    bool silent = false;           // grpc_reply_lost: no answer at all, instead of a cancelled call
};

[[nodiscard]] Result<Misbehaviour> parse_misbehaviour(const std::vector<std::string>& words);
// The same for the words of a line; quotes group, as in base/text.hpp.
[[nodiscard]] Result<Misbehaviour> parse_misbehaviour(std::string_view line);
// The bytes of a bad frame and how they are written: nullopt for an unknown kind.
enum class FrameKind { text, binary, raw };
struct BadFrame {
    std::string bytes;
    FrameKind kind;
};
[[nodiscard]] std::optional<BadFrame> make_bad_frame(std::string_view kind);
[[nodiscard]] std::string_view bad_frame_kinds();

// "So many times, or with this probability."
class Chance {
  public:
    void set(std::optional<int> next, double probability);
    void clear() { set(0, 0); }
    [[nodiscard]] bool take(RandomSource& random);

  private:
    std::optional<int> left_ = 0;
    double probability_ = 0;
};

// What happens to each gRPC call; pure but for the random source.
class GrpcFaults {
  public:
    struct Fate {
        int status = 0;  // 0: the call is processed
        bool success = true;
        enum class Reply { sent, cancelled, silent } reply = Reply::sent;
        int delay_ms = 0;
    };
    // False when `misbehaviour` does not concern gRPC calls.
    bool apply(const Misbehaviour& misbehaviour);
    [[nodiscard]] Fate next(RandomSource& random);

  private:
    Chance fail_;
    int fail_status_ = 0;
    Chance success_false_;
    Chance reply_lost_;
    bool silent_ = false;
    int delay_ms_ = 0;
};

}  // namespace jiro::dev_hub
