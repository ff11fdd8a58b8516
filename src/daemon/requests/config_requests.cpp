// SPDX-License-Identifier: MIT
// ConfigRequested and ConfigUpdated. What the hub sees is masked; what it may set is a list of keys (config/hub_keys),
// kept in a file of its own over the operator's, checked by the normal loader: all of an update or nothing. Only its
// keys change what runs; what the operator has saved waits for the operator's reload. Files are read and written on a
// thread of their own.

#include <unistd.h>

#include <boost/algorithm/string/join.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <limits>

#include "daemon/hub_overlay.hpp"
#include "daemon/log.hpp"
#include "daemon/reload.hpp"
#include "daemon/requests/answers.hpp"
#include "daemon/requests/targets.hpp"
#include "jiro/base/at_end.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/outside_calls.hpp"
#include "jiro/base/peer_text.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"
#include "jiro/config/hub_keys.hpp"

namespace jiro::daemon {

using nlohmann::json;

namespace {

constexpr std::size_t kMostChanges = 100;
constexpr std::size_t kLongestKey = 200;
constexpr std::size_t kLongestShownValue = 2048;
constexpr std::chrono::seconds kFileLimit{10};
constexpr std::string_view kMasked = "***";
constexpr std::string_view kNote = "_ConfigurationNote";  // among the values

json system_info(const Identity& identity) {
    return {{"OperatingSystem", identity.system},
            {"RuntimeVersion", identity.version},
            {"MachineName", to_utf8(identity.host)},
            {"ProcessorCount", sysconf(_SC_NPROCESSORS_ONLN)},
            {"TotalMemory", static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE)}};
}

// Values are left out from the end when they do not fit; the note says how many.
json shown_values(const config::Config& config, std::size_t room) {
    auto values = json::object();
    const auto flat = config::flattened(config);
    std::size_t bytes = 2;
    for (const auto& [key, value] : flat) {
        std::string text = text_within(value, kLongestShownValue);
        const auto more = json_bytes(key) + json_bytes(text) + 2;
        if (bytes + more + kNoteBytes > room) break;
        bytes += more;
        values[key] = std::move(text);
    }
    const std::string shown = std::to_string(values.size()) + " of " + std::to_string(flat.size());
    const std::string left_out =
        values.size() < flat.size() ? ' ' + shown + " keys: more does not fit into one message." : "";
    values[kNote] = "Secrets are shown as ***." + left_out;
    return values;
}

json config_answer(const Request& request, const config::Config& config, const Identity& identity, TimePoint now) {
    json answer{{"ApplicationName", "Jiro"},
                {"Version", identity.version},
                {"Environment", "Production"},
                {"InstanceId", to_utf8(config.instance_id.empty() ? identity.host : config.instance_id)},
                {"SystemInfo", system_info(identity)},
                {"UptimeSeconds", in_seconds(now - identity.started)},
                {"RequestId", request.id}};
    const std::size_t used = json_bytes(answer) + 64;
    answer["Configuration"]["Values"] = shown_values(config, request.room - std::min(request.room, used));
    return answer;
}

json refuse_config(const Request& request, const std::string& why) {
    json info{{"OperatingSystem", ""},
              {"RuntimeVersion", ""},
              {"MachineName", ""},
              {"ProcessorCount", 0},
              {"TotalMemory", 0}};
    return {{"ApplicationName", "Jiro"},
            {"Version", ""},
            {"Environment", ""},
            {"InstanceId", ""},
            {"Configuration", {{"Values", {{kNote, why}}}}},
            {"SystemInfo", std::move(info)},
            {"UptimeSeconds", 0.0},
            {"RequestId", request.id},
            {"Note", why}};
}

// ConfigUpdateResponse's members, for a ConfigResponse: a server may read the answer as either.
struct Verdict {
    bool is_success = false;
    std::string message{};
    std::vector<std::string> keys{};
    std::string note{};
};

void add_verdict(json& answer, const Verdict& verdict) {
    answer["Success"] = verdict.is_success;
    answer["Message"] = verdict.message;
    answer["ReceivedKeys"] = verdict.keys;
    answer["Note"] = verdict.note;
}

json refuse_update(const Request& request, const std::string& why) {
    json answer = refuse_config(request, why);
    add_verdict(answer, {.message = why});
    return answer;
}

// Key paths with the values that they are to have; null: the operator's again.
struct Update {
    json shown;  // what ConfigRequested shows
    config::HubValues values;
    std::vector<std::string> received;  // names as they came
    std::vector<std::string> refused;   // name and reason
    std::size_t looked_up = 0;
};

// What became of its keys.
struct Effect {
    std::size_t in_force = 0;
    std::size_t held = 0;                // by what lies over the hub's
    std::vector<std::string> remarks{};  // of those that are not in force
    bool is_doubtful = false;            // none is in force, and what is on the disk cannot be told
};

// As it was shown: a page sends back all that it got.
bool is_no_change(const json& shown, const std::string& name, const json& value) {
    if (name == kNote || value == kMasked) return true;
    const auto found = shown.find(name);
    return found != shown.end() && *found == value;
}

// Values are shown as texts, and may come back as such.
json number_in(const json& value) {
    if (!value.is_string()) return value;
    const auto number = parse_number<std::int64_t>(value.get_ref<const std::string&>());
    return number ? json(*number) : value;
}

config::HubKey look_up(Update& update, const std::string& name) {
    if (++update.looked_up > kMostChanges)
        throw signalr::ArgumentMismatch("ConfigData: more than " + std::to_string(kMostChanges) + " keys");
    return config::find_hub_key(name);
}

void read_change(Update& update, const std::string& name, const json& value) {
    // A path that is longer would be built for each member.
    const bool is_section = value.is_object() && name.size() <= kLongestKey;
    if (is_section && !value.empty()) {
        for (const auto& [key, inner] : value.items())
            read_change(update, name.empty() ? key : name + '.' + key, inner);
        return;
    }
    if (is_no_change(update.shown, name, value)) return;
    const config::HubKey key = look_up(update, name);
    if (is_section && key.path.empty()) return;  // without members it says nothing
    const std::string shown = excerpt(name, kLongestKey);
    update.received.push_back(shown);
    if (key.path.empty()) {
        update.refused.push_back(shown + ": unknown key");
    } else if (!key.may_be_set) {
        update.refused.push_back(shown + ": the hub may not set it; change it on the machine");
    } else if (value.is_structured()) {
        update.refused.push_back(shown + ": expected one value");
    } else {
        update.values[std::string(key.path)] = number_in(value);
    }
}

Update read_update(const Request& request, const config::Config& config) {
    const json* data = request.members.find("ConfigData");
    if (data == nullptr || !data->is_object()) throw signalr::ArgumentMismatch("ConfigData: expected an object");
    Update update;
    update.shown = shown_values(config, std::numeric_limits<std::size_t>::max());
    read_change(update, "", *data);
    return update;
}

// A step that blocks. Nothing: not in time.
template <typename T>
Task<std::optional<T>> off_the_loop(Clock& clock, std::function<T()> step) {
    static auto& threads = *new OutsideFunctions<T>("hub settings", 1);  // one thread: what is written last, stays
    co_return co_await threads.run(std::move(step), clock, kFileLimit);
}

class ConfigUpdater : public std::enable_shared_from_this<ConfigUpdater> {
  public:
    ConfigUpdater(Clock& clock, RunningConfig config, Identity identity, Environment environment, Reloader& reloader)
        : clock_(clock),
          config_(std::move(config)),
          identity_(std::move(identity)),
          environment_(std::move(environment)),
          reloader_(reloader) {}

    [[nodiscard]] json current(const Request& request) const {
        return config_answer(request, config_(), identity_, clock_.now());
    }

    [[nodiscard]] Task<Result<json>> update(Request request) {
        const auto self = shared_from_this();
        const Update update = read_update(request, config_());
        if (!update.refused.empty()) co_return answer(request, update, update.refused);
        if (update.values.empty())
            co_return answer(request, update, {}, {0, 0, {"no value differs from what is shown"}});
        const auto overlay = hub_overlay_path(config_(), environment_);
        std::vector<std::string> problems;
        if (overlay.empty()) problems.emplace_back("this daemon has no state directory to keep settings in");
        if (is_updating_) problems.emplace_back("another update is under way");
        if (!problems.empty()) co_return answer(request, update, problems);
        is_updating_ = true;
        const AtEnd at_end([this] { is_updating_ = false; });
        auto changing = change(overlay, update.values);
        const auto changed = co_await std::move(changing);
        if (!changed) problems.push_back(changed.error().message);
        co_return answer(request, update, problems, changed ? *changed : Effect());
    }

  private:
    struct Checked {
        std::optional<std::string> before;  // the file's text; none: no file
        std::string overlay;                // and as it is to be
        config::Config config;              // with that
        Effect effect;
    };

    [[nodiscard]] Task<Result<Effect>> change(std::filesystem::path overlay, config::HubValues changes) {
        std::vector<std::string> paths;
        for (const auto& [path, value] : changes) paths.push_back(path);
        std::function<Result<Checked>()> prepare = [overlay, changes = std::move(changes), file = config_().source,
                                                    environment = environment_] {
            return checked_overlay(overlay, changes, file, environment);
        };
        auto preparing = off_the_loop<Result<Checked>>(clock_, std::move(prepare));
        auto checked = co_await std::move(preparing);
        if (!checked) co_return late("the settings cannot be read in time");
        if (!*checked) co_return checked->error();

        // From here on it is all or nothing, also when nobody waits for the answer any more.
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
        auto writing = put(overlay, std::move((*checked)->overlay));
        auto done = co_await std::move(writing);
        if (done) {
            auto changing = reloader_.change(std::move((*checked)->config), std::move(paths));
            done = co_await std::move(changing);
        }
        if (done) co_return std::move((*checked)->effect);
        // Also where it could not be written: the new file may be there all the same.
        auto restoring = put(overlay, std::move((*checked)->before));
        const auto restored = co_await std::move(restoring);
        if (restored) co_return done.error();
        co_return doubtful(done.error(), restored.error());
    }

    static Effect doubtful(const Error& why, const Error& why_not_restored) {
        return {.remarks = {why.message, "it cannot be taken back: " + why_not_restored.message}, .is_doubtful = true};
    }

    static Error late(const char* what) { return Error(make_error_code(boost::system::errc::timed_out), what); }

    [[nodiscard]] Task<Result<>> put(std::filesystem::path overlay, std::optional<std::string> text) {
        std::function<Result<>()> write = [overlay, text = std::move(text)] { return write_overlay(overlay, text); };
        auto writing = off_the_loop<Result<>>(clock_, std::move(write));
        auto written = co_await std::move(writing);
        if (written) co_return std::move(*written);
        co_return late("the disk does not take the settings in time");
    }

    // What cannot be read is not begun anew: it may be in force, and is the operator's to look at.
    static Error unreadable(const Error& why) {
        return why.with_prefix("what the hub has set before cannot be read; mend or remove its file on the machine");
    }

    // Blocks.
    static Result<Checked> checked_overlay(const std::filesystem::path& overlay, const config::HubValues& changes,
                                           const std::filesystem::path& file, const Environment& environment) {
        auto before = read_overlay(overlay);
        if (!before) return unreadable(before.error());
        auto values = config::read_hub_values({before->value_or(""), overlay.string()});
        if (!values) return unreadable(values.error());
        Effect effect;
        for (const auto& [path, value] : changes) {
            if (!value.is_null()) {
                (*values)[path] = value;
            } else if (values->erase(path) == 0) {
                effect.remarks.push_back(path + " was not set by the hub");
            } else {
                ++effect.in_force;
            }
        }
        std::string text = config::overlay_text(*values);
        auto loaded = config::load_file(file, environment, {text, overlay.string()});
        if (loaded) {
            add_effect(effect, changes, *loaded.config);
            return Checked{std::move(*before), std::move(text), std::move(*loaded.config), std::move(effect)};
        }
        std::string all;
        for (const auto& error : loaded.errors) {
            // What was there before this update is wrong.
            if (error.file == overlay.string() && !changes.contains(error.key_path))
                return unreadable(Error(make_error_code(boost::system::errc::invalid_argument), to_string(error)));
            const std::string what = (error.key_path.empty() ? "" : error.key_path + ": ") + error.message;
            all += (all.empty() ? "" : "; ") + what;
        }
        return Error(make_error_code(boost::system::errc::invalid_argument), shortened(all));
    }

    // A key has the hub's value unless something else lies over it.
    static void add_effect(Effect& effect, const config::HubValues& changes, const config::Config& loaded) {
        for (const auto& [path, value] : changes) {
            if (value.is_null()) continue;
            const auto place = loaded.provenance.find(path);
            const bool is_held = place != loaded.provenance.end() && place->second.starts_with("environment ");
            ++(is_held ? effect.held : effect.in_force);
            if (is_held) effect.remarks.push_back(path + " is kept, but " + place->second + " lies over it");
        }
    }

    [[nodiscard]] json answer(const Request& request, const Update& update, const std::vector<std::string>& problems,
                              const Effect& effect = {}) const {
        const std::size_t verdict = std::min<std::size_t>(8 * 1024, request.room / 2);
        Request within = request;
        within.room -= verdict;
        json answer = current(within);
        const bool has_changed = effect.in_force > 0;
        const bool is_success = problems.empty() && !effect.is_doubtful && (has_changed || effect.held == 0);
        const std::string why = boost::algorithm::join(problems.empty() ? effect.remarks : problems, "; ");
        const std::string unchanged =
            effect.is_doubtful ? "what was set may be in force after the next start" : "nothing was changed";
        std::string message = has_changed ? std::to_string(effect.in_force) + " keys are in force" : unchanged;
        if (!why.empty()) message += (has_changed ? "; " : ": ") + shortened(why, verdict / 4);
        std::vector<std::string> received;
        std::size_t bytes = 0;
        for (const auto& name : update.received) {
            bytes += name.size() + 4;
            if (bytes < verdict / 4) received.push_back(to_utf8(name));
        }
        add_verdict(answer, {is_success, to_utf8(message), received,
                             "kept in a file of their own over the operator's; variables of the environment lie over "
                             "both"});
        hub_log.warn(has_changed ? "The hub has changed the configuration"
                                 : "The hub wanted to change the configuration; " + unchanged,
                     {{"keys", join_with_commas(received)}, {"reason", why}});
        return answer;
    }

    Clock& clock_;
    RunningConfig config_;
    Identity identity_;
    Environment environment_;
    Reloader& reloader_;
    bool is_updating_ = false;
};

}  // namespace

RequestTargets config_targets(Clock& clock, RunningConfig config, Identity identity, Environment environment,
                              Reloader& reloader) {
    const auto updater = std::make_shared<ConfigUpdater>(clock, std::move(config), std::move(identity),
                                                         std::move(environment), reloader);
    const auto read = [updater](Request request) -> Task<Result<json>> {
        return answer_now(updater->current(request));
    };
    const auto update = [updater](Request request) { return updater->update(std::move(request)); };
    return {{"ConfigRequested", config::RequestKind::config, read, refuse_config},
            {"ConfigUpdated", config::RequestKind::config, update, refuse_update}};
}

}  // namespace jiro::daemon
