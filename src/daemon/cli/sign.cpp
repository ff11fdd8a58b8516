// SPDX-License-Identifier: MIT

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "daemon/cli/steps.hpp"
#include "daemon/cli/subcommands.hpp"
#include "jiro/base/file.hpp"
#include "jiro/base/random.hpp"
#include "jiro/commands/command_message.hpp"
#include "jiro/commands/signature.hpp"

namespace jiro::daemon::cli {

namespace {

constexpr std::size_t kLargestKeyFile = 64 * 1024;

Result<Ed25519PrivateKey> read_key(const std::string& file) {
    auto content = read_small_file(file, kLargestKeyFile);
    if (!content) return content.error().with_prefix(file);
    if (content->is_world_readable) {
        std::cerr << "warning: " << file << " is a private key that every user of this machine can read; chmod 600\n";
    }
    auto key = Ed25519PrivateKey::from_pem(Secret(std::move(content->text)));
    if (!key) return key.error().with_prefix(file);
    return key;
}

int fail(const std::string& why) {
    std::cerr << "jiro-client sign: " << why << '\n';
    return ExitCode::failed;
}

std::int64_t time_limit(const SignOptions& options) {
    if (options.not_after) return *options.not_after;
    const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().wall_now().time_since_epoch());
    return now.count() + options.valid_for;
}

// What a machine that trusts the key says of the message, by the same functions: what it would refuse is not signed.
std::optional<Error> refusal_of(const std::string& text, const Ed25519PrivateKey& key, const std::string& key_id) {
    const auto parsed = jiro::commands::parse_command_message(text);
    if (parsed.error) return parsed.error;
    auto public_key = Ed25519PublicKey::from_pem(key.public_pem());
    if (!public_key) return public_key.error();
    jiro::commands::Settings settings;
    settings.trust.require = jiro::commands::RequireSignature::all;
    settings.trust.keys.push_back({key_id, std::move(*public_key)});
    settings.dedupe_window = jiro::commands::kLongestDedupeWindow;
    const auto signer = jiro::commands::check_signature(parsed.message, settings, true, SystemClock().wall_now());
    if (!signer) return signer.error();
    return std::nullopt;
}

}  // namespace

int sign(const SignOptions& options) {
    const auto key = read_key(options.key_file);
    if (!key) return fail(key.error().message);
    const auto key_id =
        options.key_id.empty() ? std::filesystem::path(options.key_file).stem().string() : options.key_id;
    if (!jiro::commands::is_key_id(key_id)) {
        return fail("a key is named with 1 to 64 letters, digits, and the characters - _ .; give --key-id");
    }
    CommandMessage message;
    message.instance_id = options.instance;
    message.command = options.text;
    message.command_sync_id = options.id.empty() ? SystemRandom().uuid() : options.id;
    message.parameters = options.parameters;
    const auto not_after = time_limit(options);
    if (options.show_signed_form) {
        std::cout << jiro::commands::signed_form(message, message.instance_id, key_id, std::to_string(not_after));
        return ExitCode::good;
    }
    jiro::commands::sign(message, *key, key_id, not_after);
    const auto text = jiro::commands::to_json(message);
    if (const auto why = refusal_of(text, *key, key_id)) return fail(why->message);
    if (message.instance_id.empty()) {
        std::cerr << "warning: without --instance only a machine without an InstanceId takes it\n";
    }
    std::cout << text << '\n';
    return ExitCode::good;
}

int make_key(const std::string& file) {
    const auto public_file = std::filesystem::path(file).replace_extension(".pem").string();
    if (public_file == file) return fail(file + ": the public key gets a name that ends in .pem; choose another here");
    const auto key = Ed25519PrivateKey::generate();
    if (!key) return fail(key.error().message);
    auto written = write_new_file(public_file, key->public_pem(), 0644);
    if (!written) return fail(public_file + ": " + written.error().message);
    written = write_new_file(file, key->pem().reveal(), 0600);
    if (!written) {
        std::filesystem::remove(public_file);
        return fail(file + ": " + written.error().message);
    }
    std::cout << file << ": the private key; it stays with whoever signs\n"
              << public_file << ": the public key, for Commands.Trust.Keys of each machine\n";
    return ExitCode::good;
}

}  // namespace jiro::daemon::cli
