// SPDX-License-Identifier: MIT
#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "config/suggest.hpp"
#include "jiro/base/text.hpp"

namespace jiro::config {

namespace {

constexpr std::array<std::string_view, 4> kHubSchemes{"http", "https", "ws", "wss"};
constexpr std::array<std::string_view, 2> kWebSchemes{"http", "https"};
constexpr std::array<std::string_view, 1> kProxySchemes{"http"};
constexpr std::array<std::string_view, 2> kOnConnectionLost{"continue", "cancel"};
constexpr std::array<std::string_view, 2> kAcknowledge{"finished", "received"};
constexpr std::array<std::string_view, 2> kDurability{"process", "power"};
constexpr std::array<std::string_view, 5> kLevels{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kTargets{"auto", "journald", "console", "json"};

template <typename Access>
Key<Config> url_key(std::string_view path, std::span<const std::string_view> schemes, Access member, Effect effect,
                    std::string_view description) {
    Key<Config> key{path, "URL", allowed_text(schemes), effect, description, false, true, {}, {}, {}};
    key.read = [schemes, member](const Node& node, Config& config, const Context& context) {
        if (node.kind == Node::Kind::scalar && node.text.empty()) {
            member(config).reset();
        } else if (auto url = read_url(node, schemes, context)) {
            if (!url->user_info().empty()) log::register_secret(Secret(url->user_info()));
            member(config) = std::move(*url);
        }
    };
    key.clear = [member](Config& config) { member(config).reset(); };
    key.show = [member](const Config& config, Reveal reveal) -> std::string {
        const auto& url = member(config);
        if (!url) return "null";
        const bool has_secrets = !url->user_info().empty() || !url->query().empty();
        const bool all = has_secrets && reveal == Reveal::plain;
        return yaml_text((all ? url->user_info().append(" ").append(url->query()) : "") + url->redacted());
    };
    return key;
}

// A token or key written into the file itself.
template <typename Access>
Key<Config> secret_key(std::string_view path, Access member, std::string_view description) {
    Key<Config> key{path, "text", "", Effect::in_place, description, false, true, {}, {}, {}};
    key.read = [member](const Node& node, Config& config, const Context& context) {
        auto text = read_text(node, context);
        if (!text) return;
        Secret secret(std::move(*text));
        log::register_secret(secret);
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
        if (std::ranges::any_of(secret.reveal(), is_control)) {
            context.fail(node.place, "must not contain control characters");
        } else {
            member(config) = std::move(secret);
        }
    };
    key.clear = [member](Config& config) { member(config) = Secret(); };
    key.show = [member](const Config& config, Reveal reveal) -> std::string {
        if (member(config).empty()) return "null";
        return reveal == Reveal::plain ? member(config).reveal() : std::string("'***'");
    };
    return key;
}

bool is_secret_header(std::string_view name) {
    const std::string word = lower_case(name);
    for (const std::string_view part :
         {"auth", "cookie", "key", "token", "secret", "pass", "credential", "session", "signature"}) {
        if (word.find(part) != std::string::npos) return true;
    }
    return false;
}

// What would break the request or what the client writes itself.
std::string header_problem(const std::string& name, const std::string& value) {
    static constexpr std::string_view kToken = "!#$%&'*+-.^_`|~";
    static constexpr std::array<std::string_view, 5> kOwn{"host", "connection", "upgrade", "content-length",
                                                          "transfer-encoding"};
    const auto is_token = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || kToken.find(c) != std::string_view::npos;
    };
    if (name.empty() || !std::ranges::all_of(name, is_token)) return "is not the name of an HTTP header";
    const std::string word = lower_case(name);
    if (std::ranges::find(kOwn, word) != kOwn.end() || word.starts_with("sec-websocket-")) {
        return "is set by the client itself";
    }
    const auto is_control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; };
    if (std::ranges::any_of(value, is_control)) return "has a value with control characters";
    return {};
}

void read_headers(const Node& node, Config& config, const Context& context) {
    auto headers = read_text_map(node, context);
    if (!headers) return;
    for (const auto& [name, value] : *headers) {
        if (is_secret_header(name)) log::register_secret(Secret(value));
        if (const auto problem = header_problem(name, value); !problem.empty()) {
            const auto member = std::ranges::find(node.members, name, &Member::key);
            context.fail(member->place, "'" + yaml_text(name) + "' " + problem);
        }
    }
    config.websocket.headers = std::move(*headers);
}

std::string show_headers(const Config& config, Reveal reveal) {
    Pairs headers = config.websocket.headers;
    for (auto& [name, value] : headers) {
        if (reveal == Reveal::masked && is_secret_header(name)) value = "***";
    }
    return yaml_map(headers);
}

Key<Config> headers_key() {
    Key<Config> key{"WebSocket.Headers",
                    "map",
                    "",
                    Effect::reconnects_hub,
                    "HTTP headers added to the negotiate request and to the WebSocket upgrade.",
                    true,
                    true,
                    {},
                    {},
                    {}};
    key.read = read_headers;
    key.clear = [](Config& config) { config.websocket.headers.clear(); };
    key.show = show_headers;
    return key;
}

Key<Config> default_command_key() {
    Key<Config> key{
        "Commands.Default",
        "text",
        "the name of a command",
        Effect::in_place,
        "Command that gets texts whose first word is no known command, the whole text as its argument. null: such a "
        "text is answered with an error that names the nearest command.",
        false,
        true,
        {},
        {},
        {}};
    key.read = [](const Node& node, Config& config, const Context& context) {
        if (auto text = read_text(node, context)) config.commands.default_command = std::move(*text);
    };
    key.clear = [](Config& config) { config.commands.default_command.reset(); };
    key.show = [](const Config& config, Reveal) {
        return config.commands.default_command ? yaml_text(*config.commands.default_command) : std::string("null");
    };
    return key;
}

Key<Config> exec_key() {
    Key<Config> key{
        "Commands.Exec",
        "map",
        "",
        Effect::in_place,
        "Commands that run a program: name to definition, see below and docs/commands.md. Empty: the hub can run "
        "nothing but the built-in commands.",
        true,
        true,
        {},
        {},
        {}};
    key.read = read_exec_commands;
    key.clear = [](Config& config) { config.commands.exec.clear(); };
    key.show = show_exec_commands;
    return key;
}

Key<Config> listen_key() {
    Key<Config> key{
        "Monitoring.Listen",
        "address",
        "IP:PORT, unix:/PATH or off",
        Effect::restart,
        "Where /status, /metrics, /healthz and /readyz answer. There is no password: keep it on the loopback "
        "interface or on a Unix socket.",
        false,
        false,
        {},
        {},
        {}};
    key.read = [](const Node& node, Config& config, const Context& context) {
        const auto text = read_text(node, context);
        if (!text) return;
        const ExpandedPath expanded = text->starts_with("unix:") ? expand_path(text->substr(5), context.environment)
                                                                 : ExpandedPath{*text, {}, {}};
        auto listen = monitor::parse_listen(text->starts_with("unix:") ? "unix:" + expanded.path : *text);
        if (listen) {
            config.monitoring.listen = std::move(*listen);
        } else if (!expanded.not_set.empty()) {
            context.warn(node.place, expanded.not_set + " is not set here; it is when systemd starts the service");
        } else {
            context.fail(node.place, listen.error().message);
        }
    };
    key.show = [](const Config& config, Reveal) { return yaml_text(monitor::to_string(config.monitoring.listen)); };
    key.copy = [](const Config& from, Config& to) { to.monitoring.listen = from.monitoring.listen; };
    return key;
}

// Shorthand for the members, which are given as functions of Config or const Config.
#define MEMBER(expression) \
    [](auto& config) -> auto& { return config.expression; }

// A path, or the one word that means none.
Key<Config> outbox_path_key() {
    static constexpr std::string_view kInMemory = ":memory:";
    auto key = path_key<Config>(
        "Outbox.Path", MEMBER(delivery.outbox.path), Effect::restart,
        "File that holds commands and results until they are delivered. null: ${STATE_DIRECTORY}/outbox.db. "
        "\":memory:\": no file; what is not delivered is lost when the process ends.");
    key.allowed = "absolute, or \":memory:\"";
    key.read = [read_file_path = key.read](const Node& node, Config& config, const Context& context) {
        if (node.kind == Node::Kind::scalar && node.text == kInMemory) {
            config.delivery.outbox.path = kInMemory;
        } else {
            read_file_path(node, config, context);
        }
    };
    return key;
}

std::vector<Key<Config>> make_schema() {
    using C = Config;
    const WholeNumberRange delay{1, kDayMs};
    const WholeNumberRange limit{10, kDayMs};
    std::vector<Key<Config>> keys{
        text_key<C>("InstanceId", MEMBER(instance_id), Effect::in_place,
                    "When set, commands that the hub addresses to another instanceId are refused."),
        secret_key(
            "ApiKey", MEMBER(credentials.api_key),
            "Key sent as query parameter api_key to the hub and as x-api-key metadata over gRPC. Better: ApiKeyFile."),
        path_key<C>("ApiKeyFile", MEMBER(credentials.api_key_file), Effect::in_place,
                    "File that holds ApiKey; read at each attempt, so that it can be rotated. With systemd: "
                    "${CREDENTIALS_DIRECTORY}/api-key."),
        flag_key<C>("AllowInsecure", MEMBER(allow_insecure), Effect::in_place,
                    "true allows Commands.Exec with a hub that is neither https nor on this machine: whoever is on the "
                    "way can then run them."),

        url_key(
            "WebSocket.HubUrl", kHubSchemes, MEMBER(websocket.hub_url), Effect::reconnects_hub,
            "Address of the SignalR hub, such as https://hub.example/instanceHub. null: the daemon starts and waits."),
        number_key<C>("WebSocket.ReconnectionDelayMs", "milliseconds", delay, MEMBER(websocket.reconnection_delay),
                      Effect::in_place,
                      "Upper bound of the random delay before the first reconnection; it doubles with each attempt."),
        number_key<C>("WebSocket.MaxReconnectionDelayMs", "milliseconds", delay,
                      MEMBER(websocket.max_reconnection_delay), Effect::in_place,
                      "Upper bound of every reconnection delay."),
        number_key<C>(
            "WebSocket.MaxReconnectionAttempts", "whole number", {-1, 1'000'000},
            MEMBER(websocket.max_reconnection_attempts), Effect::in_place,
            "Attempts before the state becomes Failed; -1: no limit. The daemon goes on after FailedRetryDelayMs."),
        number_key<C>("WebSocket.FailedRetryDelayMs", "milliseconds", delay, MEMBER(websocket.failed_retry_delay),
                      Effect::in_place, "Upper bound of the delay after which a Failed connection is tried again."),
        number_key<C>("WebSocket.HandshakeTimeoutMs", "milliseconds", limit, MEMBER(websocket.handshake_timeout),
                      Effect::in_place, "How long the hub may take to answer the hub protocol's handshake."),
        number_key<C>("WebSocket.KeepAliveIntervalMs", "milliseconds", limit, MEMBER(websocket.keep_alive_interval),
                      Effect::reconnects_hub, "A ping goes to the hub when nothing else did for so long."),
        number_key<C>("WebSocket.ServerTimeoutMs", "milliseconds", limit, MEMBER(websocket.server_timeout),
                      Effect::reconnects_hub,
                      "The connection counts as lost when nothing came from the hub for so long. At least twice "
                      "KeepAliveIntervalMs."),
        secret_key("WebSocket.AccessToken", MEMBER(credentials.access_token),
                   "Bearer token for the hub and for gRPC. Better: AccessTokenFile."),
        path_key<C>("WebSocket.AccessTokenFile", MEMBER(credentials.access_token_file), Effect::in_place,
                    "File that holds the token; read at each attempt, so that it can be rotated. With systemd: "
                    "${CREDENTIALS_DIRECTORY}/access-token."),
        headers_key(),
        flag_key<C>("WebSocket.SkipNegotiation", MEMBER(websocket.skip_negotiation), Effect::reconnects_hub,
                    "Connect the WebSocket without the negotiate request; for hubs that allow it."),
        flag_key<C>("WebSocket.StatefulReconnect", MEMBER(websocket.stateful_reconnect), Effect::reconnects_hub,
                    "Ask the hub to resume a cut connection with no message lost (ASP.NET Core 8 and later)."),
        number_key<C>("WebSocket.MaxMessageBytes", "bytes", {1024, 256 * kMiB}, MEMBER(websocket.max_message_bytes),
                      Effect::reconnects_hub,
                      "Longest message accepted from the hub; a longer one ends the connection."),
        url_key("WebSocket.Proxy", kProxySchemes, MEMBER(websocket.proxy), Effect::reconnects_hub,
                "HTTP proxy, such as http://proxy.example:3128. null: HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide."),
        path_key<C>("WebSocket.Tls.CaFile", MEMBER(websocket.tls.ca_file), Effect::reconnects_hub,
                    "PEM file of the authorities to trust. null: SSL_CERT_FILE and SSL_CERT_DIR, else the system's."),
        path_key<C>("WebSocket.Tls.CertificateFile", MEMBER(websocket.tls.certificate_file), Effect::reconnects_hub,
                    "PEM file of the client certificate. null: none."),
        path_key<C>("WebSocket.Tls.PrivateKeyFile", MEMBER(websocket.tls.private_key_file), Effect::reconnects_hub,
                    "PEM file of the client certificate's key, without a passphrase."),
        flag_key<C>(
            "WebSocket.Tls.Verify", MEMBER(websocket.tls.verify), Effect::reconnects_hub,
            "false accepts any server certificate: for a first try only, everybody on the way can then read along."),

        url_key(
            "Grpc.ServerUrl", kWebSchemes, MEMBER(delivery.grpc.server_url), Effect::reconnects_grpc,
            "Address of the gRPC server that takes the results, such as https://hub.example. http: without TLS. null: "
            "results wait in the outbox."),
        number_key<C>("Grpc.TimeoutMs", "milliseconds", limit, MEMBER(delivery.grpc.timeout), Effect::in_place,
                      "Time limit of one attempt to send a result."),
        number_key<C>("Grpc.MaxRetries", "whole number", {0, 1000}, MEMBER(delivery.grpc.max_retries), Effect::in_place,
                      "Fast attempts after the first one; then the result waits in the outbox and is tried at longer "
                      "intervals."),
        number_key<C>("Grpc.RetryDelayMs", "milliseconds", delay, MEMBER(delivery.grpc.retry_delay), Effect::in_place,
                      "Upper bound of the random delay before the first retry; it doubles with each."),
        number_key<C>("Grpc.MaxRetryDelayMs", "milliseconds", delay, MEMBER(delivery.grpc.max_retry_delay),
                      Effect::in_place, "Upper bound of every fast retry's delay."),
        url_key("Grpc.Proxy", kProxySchemes, MEMBER(delivery.grpc.proxy), Effect::reconnects_grpc,
                "HTTP proxy for the results. null: HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide, as for the hub."),
        path_key<C>("Grpc.Tls.CaFile", MEMBER(delivery.grpc.tls.ca_file), Effect::reconnects_grpc,
                    "PEM file of the authorities to trust. null: SSL_CERT_FILE and SSL_CERT_DIR, else the system's."),
        path_key<C>("Grpc.Tls.CertificateFile", MEMBER(delivery.grpc.tls.certificate_file), Effect::reconnects_grpc,
                    "PEM file of the client certificate. null: none."),
        path_key<C>("Grpc.Tls.PrivateKeyFile", MEMBER(delivery.grpc.tls.private_key_file), Effect::reconnects_grpc,
                    "PEM file of the client certificate's key, without a passphrase."),

        number_key<C>("Commands.MaxConcurrent", "whole number", {1, 10'000}, MEMBER(commands.max_concurrent),
                      Effect::in_place, "Commands that run at the same time."),
        number_key<C>(
            "Commands.MaxQueued", "whole number", {0, 1'000'000}, MEMBER(commands.max_queued), Effect::in_place,
            "Commands that wait for their turn; beyond that, or 32 MiB of them, the answer is at once \"busy\"."),
        number_key<C>("Commands.TimeoutMs", "milliseconds", {1, 30 * kDayMs}, MEMBER(commands.timeout),
                      Effect::in_place, "Time limit of one command, unless its own definition says another."),
        number_key<C>(
            "Commands.MaxResultBytes", "bytes", {1024, 64 * kMiB}, MEMBER(commands.max_result_bytes), Effect::in_place,
            "Largest result; a larger one becomes an error. gRPC servers take 4 MiB unless configured otherwise."),
        choice_key<C>(
            "Commands.OnConnectionLost", kOnConnectionLost, MEMBER(commands.on_connection_lost), Effect::in_place,
            "What happens to running commands when the hub connection is lost: they continue and deliver their "
            "results, or they are cancelled."),
        default_command_key(),
        choice_key<C>(
            "Commands.Acknowledge", kAcknowledge, MEMBER(commands.acknowledge), Effect::in_place,
            "When a hub that waits for an answer gets it: when the command has finished, or when it is safely "
            "received."),
        exec_key(),

        outbox_path_key(),
        path_key<C>("Outbox.RedoLog", MEMBER(delivery.outbox.redo_log), Effect::restart,
                    "File on tmpfs that keeps the latest steps of commands through kill -9 until the outbox has them; "
                    "then no step waits for a disk. Its folder must outlive the process. null: each step waits for the "
                    "outbox. The packaged unit sets it."),
        choice_key<C>(
            "Outbox.Durability", kDurability, MEMBER(delivery.outbox.durability), Effect::restart,
            "What a stored result survives: the end of the process (kill -9), or also a power cut (slower: it is "
            "synced to the disk)."),
        number_key<C>("Outbox.MaxAgeHours", "hours", {1, 87'600}, MEMBER(delivery.outbox.max_age), Effect::in_place,
                      "An undelivered result older than this, and tried Grpc.MaxRetries + 1 times, becomes a dead "
                      "letter: kept and "
                      "shown, not sent any more. Elapsed time: a clock that is set changes nothing."),
        number_key<C>("Outbox.MaxBytes", "bytes", {kMiB, 1024 * 1024 * kMiB}, MEMBER(delivery.outbox.max_bytes),
                      Effect::restart, "Size at which new commands are refused."),
        number_key<C>(
            "Outbox.DedupeWindowHours", "hours", {0, 8'760}, MEMBER(delivery.outbox.dedupe_window), Effect::in_place,
            "How long a delivered command's id is remembered: a command that comes again within it is not run "
            "twice. Elapsed time."),

        listen_key(),

        choice_key<C>("Logging.Level", kLevels, MEMBER(logging.level), Effect::in_place,
                      "The least important lines that are written."),
        choice_key<C>(
            "Logging.Target", kTargets, MEMBER(logging.target), Effect::in_place,
            "auto: the journal when systemd started the daemon, else console. console and json write to standard "
            "error."),
        flag_key<C>("Logging.CommandText", MEMBER(commands.command_text), Effect::in_place,
                    "Whether texts of commands may be logged; they may be private."),
    };
    return keys;
}

#undef MEMBER

}  // namespace

std::span<const Key<Config>> schema() {
    static const std::vector<Key<Config>> keys = make_schema();
    return keys;
}

}  // namespace jiro::config
