// SPDX-License-Identifier: MIT
#include "config/machine.hpp"

#include <unistd.h>

#include <array>
#include <boost/system/errc.hpp>

#include "jiro/base/file.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr const char* kMachineIdFile = "/etc/machine-id";  // machine-id(5): 32 digits

Error no_value(std::string what) {
    return Error(make_error_code(boost::system::errc::invalid_argument), std::move(what));
}

Result<std::string> machine_id() {
    constexpr std::size_t kMostBytes = 4096;
    const auto content = read_small_file(kMachineIdFile, kMostBytes);
    if (!content) return content.error().with_prefix("${machine-id}: " + std::string(kMachineIdFile));
    const std::string_view id = trimmed(content->text);
    const bool is_id = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!is_id) {
        return no_value("${machine-id}: " + std::string(kMachineIdFile) +
                        " holds none; `systemd-machine-id-setup` makes one");
    }
    return std::string(id);
}

Result<std::string> hostname() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') {
        return no_value("${hostname}: this machine has none");
    }
    return std::string(name.data());
}

}  // namespace

Result<std::string> fact_of_machine(std::string_view name) {
    if (name == "hostname") return hostname();
    if (name == "machine-id") return machine_id();
    return no_value("${" + excerpt(name, 40) + "} is not known: ${hostname} and ${machine-id} are");
}

Result<std::string> with_machine_facts(std::string_view text,
                                       const std::function<Result<std::string>(std::string_view)>& fact) {
    std::string out;
    for (;;) {
        const auto begin = text.find("${");
        out += text.substr(0, begin);
        if (begin == std::string_view::npos) return out;
        const auto end = text.find('}', begin);
        if (end == std::string_view::npos) return no_value("\"${\" is not closed with \"}\"");
        const auto value = fact(text.substr(begin + 2, end - begin - 2));
        if (!value) return value.error();
        out += *value;
        text.remove_prefix(end + 1);
    }
}

}  // namespace jiro::config
