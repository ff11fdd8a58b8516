// SPDX-License-Identifier: MIT
#include "config/trusted_keys.hpp"

#include <algorithm>
#include <filesystem>

#include "config/pieces.hpp"

namespace jiro::config {

namespace {

constexpr std::string_view kKeysPath = "Commands.Trust.Keys";

void add_key(const Piece& piece, commands::Trust& trust, Problems& problems) {
    const auto fail = [&](std::string what) { problems.add({piece.path}, kKeysPath, std::move(what)); };
    const std::string id = std::filesystem::path(piece.path).stem().string();
    if (!commands::is_key_id(id)) return fail("a key is named with 1 to 64 letters, digits, and the characters - _ .");
    if (piece.is_writable_by_others)
        return fail("others than its owner may write it or, behind a link, its folder; chmod go-w");
    auto key = Ed25519PublicKey::from_pem(piece.text);
    if (!key) return fail(key.error().message);
    const auto same = std::ranges::find(trust.keys, key->bytes(), [](const auto& known) { return known.key.bytes(); });
    if (same != trust.keys.end()) return fail("is the same key as " + same->id + ".pem");
    trust.keys.push_back({id, std::move(*key)});
}

}  // namespace

void read_trusted_keys(commands::Trust& trust, const Place& place, Problems& problems, std::vector<Warning>& warnings) {
    trust.keys.clear();
    if (trust.keys_folder.empty()) return;
    std::error_code error;
    if (!std::filesystem::exists(trust.keys_folder, error) && !error) {
        return problems.add(place, kKeysPath, "there is no folder " + trust.keys_folder);
    }
    Problems own;
    const auto pieces = read_pieces(trust.keys_folder, ".pem", own, warnings);
    for (const Piece& piece : pieces) add_key(piece, trust, own);
    const bool is_needed = trust.require != commands::RequireSignature::none;
    if (pieces.empty() && own.empty() && is_needed) {
        own.add(place, kKeysPath, trust.keys_folder + " holds no key (NAME.pem): nobody could sign a command");
    }
    for (auto& problem : std::move(own).sorted(place.file)) {
        problems.add({problem.file, problem.line, problem.column}, problem.key_path, std::move(problem.message));
    }
}

}  // namespace jiro::config
