// SPDX-License-Identifier: MIT
#pragma once
// To which trace something belongs, by the W3C's Trace Context: the two values `traceparent` and `tracestate`, which
// are passed on, without what white space and empty members they came with. Whoever takes them from outside makes a
// TraceContext of them; what is in one is valid, short, printable ASCII and may go into headers and environments. Pure,
// any thread.

#include <string>
#include <string_view>

namespace jiro {

class TraceContext {
  public:
    TraceContext() = default;  // none
    // None when `parent` is not valid; a `state` that is not is left out. A parent of a later version of the format is
    // taken as far as version 00 knows it.
    TraceContext(std::string_view parent, std::string_view state);

    [[nodiscard]] bool empty() const noexcept { return parent_.empty(); }
    [[nodiscard]] const std::string& parent() const noexcept { return parent_; }  // 55 characters
    [[nodiscard]] const std::string& state() const noexcept { return state_; }    // at most 512, often empty
    // For the log; empty when there is none.
    [[nodiscard]] std::string_view trace_id() const noexcept;

    friend bool operator==(const TraceContext&, const TraceContext&) = default;

  private:
    std::string parent_;
    std::string state_;
};

}  // namespace jiro
