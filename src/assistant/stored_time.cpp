// SPDX-License-Identifier: MIT
#include "assistant/stored_time.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "jiro/base/text.hpp"

namespace jiro::assistant {

namespace {

constexpr std::size_t kDigits = 7;  // .NET's ticks

}  // namespace

std::string to_stored(WallTime time) {
    using namespace std::chrono;
    const auto whole = floor<seconds>(time);
    const auto ticks = duration_cast<nanoseconds>(time - whole).count() / 100;
    const std::time_t seconds_since = system_clock::to_time_t(whole);
    std::tm parts{};
    gmtime_r(&seconds_since, &parts);
    char text[32];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    std::string digits = std::to_string(ticks);
    digits.insert(0, kDigits - digits.size(), '0');
    return std::string(text, length) + '.' + digits;
}

WallTime from_stored(std::string_view text) {
    static constexpr std::size_t kSecondsBytes = 19;
    std::string copy(text.substr(0, kSecondsBytes));
    if (copy.size() == kSecondsBytes && copy[10] == 'T') copy[10] = ' ';
    std::tm parts{};
    if (strptime(copy.c_str(), "%Y-%m-%d %H:%M:%S", &parts) == nullptr) return {};
    const auto time = std::chrono::system_clock::from_time_t(timegm(&parts));
    if (text.size() <= 20 || text[19] != '.') return time;
    std::string digits(text.substr(20, kDigits));
    digits.resize(std::min(digits.find_first_not_of("0123456789"), digits.size()));
    if (digits.empty()) return time;
    digits.resize(kDigits, '0');
    const auto ticks = parse_number<std::int64_t>(digits).value_or(0);
    return time + std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(ticks * 100));
}

}  // namespace jiro::assistant
