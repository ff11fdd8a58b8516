// SPDX-License-Identifier: MIT
// CustomThemesRequested: the colour schemes in the folder Hub.Themes. Each *.json file but template.json is one:
// {"name", "description", "colorScheme": {...}}; a file that is none is left out and logged.

#include <algorithm>
#include <filesystem>

#include "daemon/log.hpp"
#include "daemon/requests/answers.hpp"
#include "daemon/requests/targets.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/json.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kMostThemes = 100;
constexpr std::size_t kMostEntries = 10'000;  // of the folder that are looked at
constexpr std::size_t kLongestFile = 64 * 1024;
constexpr std::size_t kMostThreads = 2;
constexpr std::chrono::seconds kReadLimit{5};

struct Themes {
    std::vector<json> found;
    std::vector<std::pair<std::string, std::string>> problems;  // file name, what
    std::string failure;                                        // of the folder
};

std::string theme_text(const json::object_t& theme, std::string_view name) {
    const json* text = find_ignoring_case(theme, name);
    return text != nullptr && text->is_string() ? text->get<std::string>() : std::string();
}

Result<json> read_theme(const std::filesystem::path& file) {
    auto content = read_small_file(file, kLongestFile);
    if (!content) return content.error();
    auto theme = read_json(content->text);
    if (!theme) return theme.error();
    const auto* members = theme->get_ptr<const json::object_t*>();
    const json* scheme = members != nullptr ? find_ignoring_case(*members, "colorScheme") : nullptr;
    if (scheme == nullptr || !scheme->is_object()) {
        return Error(make_error_code(boost::system::errc::invalid_argument), "has no object \"colorScheme\"");
    }
    const std::string name = theme_text(*members, "name");
    return json{{"Name", name.empty() ? to_utf8(file.stem().string()) : name},
                {"Description", theme_text(*members, "description")},
                {"JsonColorScheme", scheme->dump(2)}};
}

// Blocks.
Themes read_themes(const std::filesystem::path& folder) {
    namespace fs = std::filesystem;
    Themes themes;
    std::error_code error;
    std::vector<fs::path> files;
    std::size_t seen = 0;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        if (++seen > kMostEntries) break;
        const auto& path = entry->path();
        if (path.extension() == ".json" && path.filename() != "template.json") files.push_back(path);
    }
    if (error) themes.failure = error.message();
    std::ranges::sort(files);
    for (const auto& file : files) {
        if (themes.found.size() >= kMostThemes) break;
        auto theme = read_theme(file);
        if (theme) {
            themes.found.push_back(std::move(*theme));
        } else {
            themes.problems.emplace_back(file.filename().string(), theme.error().message);
        }
    }
    return themes;
}

json themes_answer(const Request& request, Themes themes) {
    for (const auto& [file, what] : themes.problems) {
        hub_log.warn("A theme is left out", {{"file", file}, {"reason", what}});
    }
    json answer;
    answer["RequestId"] = request.id;
    add_items(answer, "Themes", std::move(themes.found), "themes", request.room);
    return answer;
}

json refuse_themes(const Request& request, const std::string& why) {
    return {{"Themes", json::array()}, {"RequestId", request.id}, {"Note", why}};
}

Task<Result<json>> answer_themes(Clock& clock, std::string folder, Request request) {
    static auto& readers = *new OutsideFunctions<Themes>("themes", kMostThreads);
    if (folder.empty()) co_return themes_answer(request, Themes());
    std::function<Themes()> read = [folder] { return read_themes(folder); };
    auto themes = co_await readers.run(folder, std::move(read), clock, kReadLimit);
    if (!themes) {
        co_return Error(make_error_code(boost::system::errc::timed_out), "the themes cannot be read in time");
    }
    if (!themes->failure.empty()) {
        hub_log.warn("The folder of themes cannot be read", {{"folder", folder}, {"reason", themes->failure}});
    }
    co_return themes_answer(request, std::move(*themes));
}

}  // namespace

RequestTargets themes_targets(Clock& clock, RunningConfig config) {
    const auto answer = [&clock, config = std::move(config)](Request request) {
        return answer_themes(clock, config().hub.themes, std::move(request));
    };
    return {{"CustomThemesRequested", config::RequestKind::themes, answer, refuse_themes}};
}

}  // namespace jiro::daemon
