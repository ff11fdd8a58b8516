// SPDX-License-Identifier: MIT
#pragma once
// The protocol vectors as a table: every *.json in tests/unit/signalr/vectors/ is read, each entry is one test. A
// runner returns what did not hold, one line each; empty: the vector passed.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace jiro::test {

struct Vector {
    std::string name;
    std::string direction;
    nlohmann::json input;
    nlohmann::json expect;

    [[nodiscard]] nlohmann::json given() const { return input.value("given", nlohmann::json::object()); }
    [[nodiscard]] std::string outcome() const { return expect.value("outcome", ""); }
};

class Findings {
  public:
    // Notes `what` when `holds` is false.
    void expect(bool holds, const std::string& what) {
        if (!holds) lines_.push_back(what);
    }
    [[nodiscard]] const std::vector<std::string>& lines() const noexcept { return lines_; }

  private:
    std::vector<std::string> lines_;
};

[[nodiscard]] Findings run_handshake_vector(const Vector& vector);
[[nodiscard]] Findings run_server_vector(const Vector& vector);
[[nodiscard]] Findings run_client_vector(const Vector& vector);
[[nodiscard]] Findings run_negotiate_vector(const Vector& vector);

// "<hex>7b..." is raw bytes.
[[nodiscard]] std::string bytes_of(const std::string& text);

}  // namespace jiro::test
