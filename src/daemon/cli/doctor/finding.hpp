// SPDX-License-Identifier: MIT
#pragma once
// What `jiro-client doctor` found, as data: every check adds findings, the renderer prints them (render.hpp).

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jiro/base/secret.hpp"

namespace jiro::daemon::cli {

enum class Verdict { ok, warning, problem };
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Finding {
    Verdict verdict = Verdict::ok;
    std::string section;  // a heading: "Configuration"
    std::string check;    // a stable name for machines: "hub.tls"
    std::string text;     // one plain sentence
    std::string advice;   // what to do; empty for ok
};

// "12 s", "3 min", "5 h", "21 days": one unit, rounded down.
[[nodiscard]] std::string about(std::chrono::seconds duration);

// Messages of this program end in advice after a semicolon: apart. `otherwise` is the advice for those that do not.
[[nodiscard]] inline std::pair<std::string, std::string> split_advice(const std::string& message,
                                                                      std::string otherwise) {
    const auto semicolon = message.find("; ");
    if (semicolon == std::string::npos) return {message, std::move(otherwise)};
    return {message.substr(0, semicolon), message.substr(semicolon + 2)};
}

// All findings in order; each belongs to the section that was begun last.
class Findings {
  public:
    void begin_section(std::string section) { section_ = std::move(section); }

    void ok(std::string check, std::string text) { add(Verdict::ok, std::move(check), std::move(text), {}); }
    void warning(std::string check, std::string text, std::string advice) {
        add(Verdict::warning, std::move(check), std::move(text), std::move(advice));
    }
    void problem(std::string check, std::string text, std::string advice) {
        add(Verdict::problem, std::move(check), std::move(text), std::move(advice));
    }

    [[nodiscard]] const std::vector<Finding>& all() const noexcept { return all_; }
    // Credentials that a server's or a file's name may repeat become ***: a last line of defence.
    void hide(const std::vector<Secret>& secrets) {
        for (auto& finding : all_) {
            for (auto* text : {&finding.text, &finding.advice}) *text = redacted(std::move(*text), secrets);
        }
    }

  private:
    void add(Verdict verdict, std::string check, std::string text, std::string advice) {
        all_.push_back({verdict, section_, std::move(check), std::move(text), std::move(advice)});
    }

    std::string section_;
    std::vector<Finding> all_;
};

}  // namespace jiro::daemon::cli
