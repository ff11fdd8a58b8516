// SPDX-License-Identifier: MIT
#include "daemon/descriptor_store.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/split.hpp>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>

#include "jiro/base/sha256.hpp"
#include "jiro/base/text.hpp"

namespace jiro::daemon {

using commands::ProgramDescriptors;

namespace {

// FileDescriptorStoreMax is four times that.
constexpr std::size_t kMostPrograms = 64;
constexpr std::size_t kHashDigits = 32;

struct Part {
    std::string_view name;
    FileDescriptor ProgramDescriptors::*descriptor;
};
constexpr std::array<Part, 4> kParts{{{"connection", &ProgramDescriptors::connection},
                                      {"output", &ProgramDescriptors::output},
                                      {"errors", &ProgramDescriptors::error_output},
                                      {"secrets", &ProgramDescriptors::secrets}}};

std::string key_of(const std::string& command_sync_id) { return sha256_hex(command_sync_id).substr(0, kHashDigits); }

std::string name_of(const std::string& key, TimePoint started_at, const Part& part) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(started_at.time_since_epoch());
    return "run-" + key + '-' + std::to_string(ms.count()) + '-' + std::string(part.name);
}

struct Name {
    std::string key;
    TimePoint started_at;
    const Part* part = nullptr;
};

std::optional<Name> parse_name(std::string_view text) {
    std::vector<std::string> words;
    boost::algorithm::split(words, text, [](char c) { return c == '-'; });
    if (words.size() != 4 || words[0] != "run" || words[1].size() != kHashDigits) return std::nullopt;
    const auto ms = parse_number<std::int64_t>(words[2]);
    const auto* const part = std::ranges::find(kParts, words[3], &Part::name);
    if (!ms || part == kParts.end()) return std::nullopt;
    return Name{words[1], TimePoint(std::chrono::milliseconds(*ms)), part};
}

bool is_whole(const ProgramDescriptors& program) {
    return std::ranges::all_of(kParts, [&](const Part& part) { return static_cast<bool>(program.*(part.descriptor)); });
}

}  // namespace

DescriptorStore::DescriptorStore(const Environment& environment) : most_programs_(kMostPrograms) {
    // systemd says how many it takes, from version 254 on.
    if (const auto most = parse_number<std::size_t>(variable_in(environment, "FDSTORE")))
        most_programs_ = std::min(kMostPrograms, *most / kParts.size());
    take_given();
}

// Others that the service may hold are not ours: they are left alone.
void DescriptorStore::take_given() {
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(0, &names);
    for (int i = 0; i < count; ++i) {
        const std::unique_ptr<char, decltype(&std::free)> text(names[i], &std::free);
        auto name = parse_name(text.get());
        if (!name) continue;
        Entry& entry = entries_[name->key];
        entry.started_at = name->started_at;
        entry.program.*(name->part->descriptor) = FileDescriptor(SD_LISTEN_FDS_START + i);
    }
    std::free(names);  // NOLINT(cppcoreguidelines-no-malloc): sd_listen_fds_with_names made it
}

bool DescriptorStore::keep(const std::string& command_sync_id, TimePoint started_at,
                           const ProgramDescriptors& program) {
    if (!removals_.retry()) return false;  // one that came later would take away what is kept here
    if (!is_whole(program) || entries_.size() >= most_programs_) return false;
    const std::string key = key_of(command_sync_id);
    const Entry entry{started_at, {}, true};
    for (const auto& part : kParts) {
        // FDPOLL=0: also what has ended comes back, so that what it printed is not lost.
        const std::string state = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name_of(key, started_at, part);
        const int descriptor = (program.*(part.descriptor)).get();
        if (notify_systemd(state, descriptor) == Notified::sent) continue;
        remove(key, entry);
        return false;
    }
    entries_.insert_or_assign(key, Entry{started_at, {}, true});
    return true;
}

std::optional<ProgramDescriptors> DescriptorStore::take(const std::string& command_sync_id) {
    const auto found = entries_.find(key_of(command_sync_id));
    if (found == entries_.end() || !is_whole(found->second.program)) return std::nullopt;
    return std::move(found->second.program);
}

void DescriptorStore::drop(const std::string& command_sync_id) {
    const auto entry = entries_.extract(key_of(command_sync_id));
    if (entry) remove(entry.key(), entry.mapped());
}

std::optional<TimePoint> DescriptorStore::claim(const std::string& command_sync_id) {
    const auto found = entries_.find(key_of(command_sync_id));
    if (found == entries_.end() || !is_whole(found->second.program)) return std::nullopt;
    found->second.is_claimed = true;
    return found->second.started_at;
}

std::function<bool(const std::string&)> DescriptorStore::finder() const {
    std::set<std::string> keys;
    for (const auto& [key, entry] : entries_) {
        if (is_whole(entry.program)) keys.insert(key);
    }
    if (keys.empty()) return [](const std::string&) { return false; };
    return [keys = std::move(keys)](const std::string& id) { return keys.contains(key_of(id)); };
}

int DescriptorStore::drop_unclaimed() {
    return static_cast<int>(std::erase_if(entries_, [this](const auto& entry) {
        if (!entry.second.is_claimed) remove(entry.first, entry.second);
        return !entry.second.is_claimed;
    }));
}

void DescriptorStore::remove(const std::string& key, const Entry& entry) {
    for (const auto& part : kParts) {
        const std::string name = name_of(key, entry.started_at, part);
        removals_.send(name, "FDSTOREREMOVE=1\nFDNAME=" + name);
    }
}

}  // namespace jiro::daemon
