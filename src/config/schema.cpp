// SPDX-License-Identifier: MIT
#include "config/schema.hpp"

#include <array>

#include "config/kinds.hpp"

namespace jiro::config {

namespace {

constexpr std::array<std::string_view, 4> kHubSchemes{"http", "https", "ws", "wss"};
constexpr std::array<std::string_view, 2> kWebSchemes{"http", "https"};
constexpr std::array<std::string_view, 1> kProxySchemes{"http"};
constexpr std::array<std::string_view, 2> kOnConnectionLost{"continue", "cancel"};
constexpr std::array<std::string_view, 3> kAcknowledge{"finished", "received", "delivered"};
constexpr std::array<std::string_view, 2> kRunAs{"unit", "daemon"};
constexpr std::array<std::string_view, 3> kRequire{"none", "exec", "all"};
constexpr std::array<std::string_view, 2> kDurability{"process", "power"};
constexpr std::array<std::string_view, 5> kLevels{"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kTargets{"auto", "journald", "console", "json"};
constexpr std::string_view kVerify =
    "false accepts any server certificate: for a first try only, everybody on the way can then read along.";

// Shorthand for the members, which are given as functions of Config or const Config.
#define MEMBER(expression) \
    [](auto& config) -> auto& { return config.expression; }

// Of whatever is reached by TLS.
#define TLS_KEYS(section, tls, effect)                                                                     \
    key(section ".CaFile", PathText(), MEMBER(tls.ca), effect,                                             \
        "PEM file of the authorities to trust. null: SSL_CERT_FILE and SSL_CERT_DIR, else the system's."), \
        key(section ".CertificateFile", PathText(), MEMBER(tls.certificate), effect,                       \
            "PEM file of the client certificate. null: none."),                                            \
        key(section ".PrivateKeyFile", PathText(), MEMBER(tls.key), effect,                                \
            "PEM file of the client certificate's key, without a passphrase.")

std::vector<Key<Config>> make_schema() {
    using enum Effect;
    const auto key = [](std::string_view path, auto kind, auto member, Effect effect, std::string_view description) {
        return make_key<Config>(path, std::move(kind), member, effect, description);
    };
    const Number delay("milliseconds", {1, kDayMs});
    const Number limit("milliseconds", {10, kDayMs});
    const UrlText proxy(kProxySchemes);
    return {
        key("InstanceId", TextWithFacts(), MEMBER(instance_id), in_place,
            "When set, commands that the hub addresses to another instanceId are refused. ${machine-id} and "
            "${hostname} "
            "in it are this machine's."),
        key("ApiKey", SecretText(), MEMBER(credentials.api_key), in_place,
            "Key sent as query parameter api_key to the hub and as x-api-key metadata over gRPC. Better: ApiKeyFile."),
        key("ApiKeyFile", PathText(), MEMBER(credentials.api_key_file), in_place,
            "File that holds ApiKey; read at each attempt, so that it can be rotated. With systemd: "
            "${CREDENTIALS_DIRECTORY}/api-key."),
        key("AllowInsecure", Flag(), MEMBER(allow_insecure), in_place,
            "true allows Commands.Exec with a hub that is neither https nor on this machine: whoever is on the way can "
            "then run them."),

        key("WebSocket.HubUrl", UrlText(kHubSchemes), MEMBER(websocket.hub_url), reconnects_hub,
            "Address of the SignalR hub, such as https://hub.example/instanceHub. null: the daemon starts and waits."),
        key("WebSocket.ReconnectionDelayMs", delay, MEMBER(websocket.reconnection_delay), in_place,
            "Upper bound of the random delay before the first reconnection; it doubles with each attempt."),
        key("WebSocket.MaxReconnectionDelayMs", delay, MEMBER(websocket.max_reconnection_delay), in_place,
            "Upper bound of every reconnection delay."),
        key("WebSocket.MaxReconnectionAttempts", Number("whole number", {-1, 1'000'000}),
            MEMBER(websocket.max_reconnection_attempts), in_place,
            "Attempts before the state becomes Failed; -1: no limit. The daemon goes on after FailedRetryDelayMs."),
        key("WebSocket.FailedRetryDelayMs", delay, MEMBER(websocket.failed_retry_delay), in_place,
            "Upper bound of the delay after which a Failed connection is tried again."),
        key("WebSocket.HandshakeTimeoutMs", limit, MEMBER(websocket.handshake_timeout), in_place,
            "How long the hub may take to answer the hub protocol's handshake."),
        key("WebSocket.KeepAliveIntervalMs", limit, MEMBER(websocket.keep_alive_interval), reconnects_hub,
            "A ping goes to the hub when nothing else did for so long."),
        key("WebSocket.ServerTimeoutMs", limit, MEMBER(websocket.server_timeout), reconnects_hub,
            "The connection counts as lost when no whole message came from the hub for so long: a long one over a slow "
            "line takes its time. At least twice KeepAliveIntervalMs."),
        key("WebSocket.AccessToken", SecretText(), MEMBER(credentials.access_token), in_place,
            "Bearer token for the hub and for gRPC. Better: AccessTokenFile."),
        key("WebSocket.AccessTokenFile", PathText(), MEMBER(credentials.access_token_file), in_place,
            "File that holds the token; read at each attempt, so that it can be rotated. With systemd: "
            "${CREDENTIALS_DIRECTORY}/access-token."),
        key("WebSocket.Headers", Special<Pairs>({"map", {}, true, false, true}, read_headers, show_headers),
            MEMBER(websocket.headers), reconnects_hub,
            "HTTP headers added to the negotiate request and to the WebSocket upgrade. ${machine-id} and ${hostname} "
            "in a value are this machine's. All values but User-Agent's are secrets; "
            "those of 16 characters, and of names such as Authorization, are masked in the log, too."),
        key("WebSocket.SkipNegotiation", Flag(), MEMBER(websocket.skip_negotiation), reconnects_hub,
            "Connect the WebSocket without the negotiate request; for hubs that allow it."),
        key("WebSocket.StatefulReconnect", Flag(), MEMBER(websocket.stateful_reconnect), reconnects_hub,
            "Ask the hub to resume a cut connection with no message lost (ASP.NET Core 8 and later)."),
        key("WebSocket.MaxMessageBytes", Number("bytes", {1024, 256 * kMiB}), MEMBER(websocket.max_message_bytes),
            reconnects_hub, "Longest message accepted from the hub; a longer one ends the connection."),
        key("WebSocket.MaxSendBytes", Number("bytes", {4096, 256 * kMiB}), MEMBER(websocket.max_send_bytes), in_place,
            "Longest record sent to the hub: longer answers are shortened, and say so. ASP.NET Core's default limit, "
            "MaximumReceiveMessageSize, is 32768; it closes the connection on more."),
        key("WebSocket.Proxy", proxy, MEMBER(websocket.proxy), reconnects_hub,
            "HTTP proxy, such as http://proxy.example:3128. null: HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide."),
        TLS_KEYS("WebSocket.Tls", websocket.tls, reconnects_hub),
        key("WebSocket.Tls.Verify", Flag(), MEMBER(websocket.tls.verify), reconnects_hub, kVerify),

        key("Grpc.ServerUrl", UrlText(kWebSchemes), MEMBER(delivery.grpc.server_url), reconnects_grpc,
            "Address of the gRPC server that takes the results, such as https://hub.example. http: without TLS. null: "
            "results wait in the outbox."),
        key("Grpc.TimeoutMs", limit, MEMBER(delivery.grpc.timeout), in_place,
            "Time limit of one attempt to send a result."),
        key("Grpc.MaxRetries", Number("whole number", {0, 1000}), MEMBER(delivery.grpc.max_retries), in_place,
            "Fast attempts after the first one; then the result waits in the outbox and is tried at longer intervals."),
        key("Grpc.RetryDelayMs", delay, MEMBER(delivery.grpc.retry_delay), in_place,
            "Upper bound of the random delay before the first retry; it doubles with each."),
        key("Grpc.MaxRetryDelayMs", delay, MEMBER(delivery.grpc.max_retry_delay), in_place,
            "Upper bound of every fast retry's delay."),
        key("Grpc.Proxy", proxy, MEMBER(delivery.grpc.proxy), reconnects_grpc,
            "HTTP proxy for the results. null: HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide, as for the hub."),
        TLS_KEYS("Grpc.Tls", delivery.grpc.tls, reconnects_grpc),

        key("Hub.Requests",
            Special<RequestKinds>({"list", allowed_text(kRequestKindNames), false, false, true}, read_requests,
                                  show_requests),
            MEMBER(hub.requests), in_place,
            "What the hub may ask: to run and list commands, to read and manage sessions, for figures of the machine, "
            "for the configuration (and to change a few keys of it), for the log, for themes. Everything else is "
            "answered \"not allowed on this machine\"."),
        key("Hub.Themes", PathText(), MEMBER(hub.themes), in_place,
            "Folder of *.json files with colour schemes for the hub's pages: name, description, colorScheme. null: "
            "none."),

        key("Commands.RunAs", Choice(kRunAs), MEMBER(commands.run_as), in_place,
            "As whom the programs of Exec run. unit: as the user jiro-cmd, each in a unit of its own that systemd "
            "starts; "
            "without that socket as with daemon: as the daemon's user, which can read its secrets."),
        key("Commands.UnitSocket", PathText(), MEMBER(commands.unit_socket), in_place,
            "Where systemd starts such a unit: ListenStream= of jiro-command.socket."),
        key("Commands.MaxConcurrent", Number("whole number", {1, 10'000}), MEMBER(commands.max_concurrent), in_place,
            "Commands that run at the same time."),
        key("Commands.MaxQueued", Number("whole number", {0, 1'000'000}), MEMBER(commands.max_queued), in_place,
            "Commands that wait for their turn; beyond that, or 32 MiB of them, the answer is at once \"busy\"."),
        key("Commands.TimeoutMs", Number("milliseconds", {1, 30 * kDayMs}), MEMBER(commands.timeout), in_place,
            "Time limit of one command's run, unless its own definition says another."),
        key("Commands.MaxWaitMs", Number("milliseconds", {1, 30 * kDayMs}), MEMBER(commands.max_wait), in_place,
            "How long a command may wait for its turn, restarts and pauses included; then its result is \"timed out\". "
            "The production server forgets a request after five minutes."),
        key("Commands.StopLimitMs", Number("milliseconds", {0, kDayMs}), MEMBER(commands.stop_limit), in_place,
            "How long commands may go on when the daemon is told to stop; then they are cancelled."),
        key("Commands.MaxResultBytes", Number("bytes", {1024, 64 * kMiB}), MEMBER(commands.max_result_bytes), in_place,
            "Largest result; a larger one becomes an error. gRPC servers take 4 MiB unless configured otherwise."),
        key("Commands.OnConnectionLost", Choice(kOnConnectionLost), MEMBER(commands.on_connection_lost), in_place,
            "What happens to running commands when the hub connection is lost: they continue and deliver their "
            "results, or they are cancelled."),
        key("Commands.Prefix", Text("such as $"), MEMBER(commands.prefix), in_place,
            "When set, only a text that begins with it is a command, its name in upper or lower case; any other text, "
            "and one that names no command, goes to Default as it is. With the configuration of the C# client: \"$\"."),
        key("Commands.Default", Text("the name of a command"), MEMBER(commands.default_command), in_place,
            "Command that gets texts whose first word is no known command, the whole text as its argument. null: such "
            "a text is answered with an error that names the nearest command."),
        key("Commands.Acknowledge", Choice(kAcknowledge), MEMBER(commands.acknowledge), in_place,
            "When a hub that waits for an answer gets it: when the command has finished and its result is stored, when "
            "it is safely received, or when the server has confirmed the result."),
        key("Commands.Exec",
            Special<std::vector<commands::ExecCommand>>({"map", {}, true, false, true}, read_exec_commands,
                                                        show_exec_commands),
            MEMBER(commands.exec), in_place,
            "Commands that run a program: name to definition, see below and docs/commands.md; those of commands.d come "
            "on top. None: the hub can run nothing but the built-in commands."),

        key("Commands.Trust.Keys", PathText(), MEMBER(commands.trust.keys_folder), in_place,
            "Folder of public keys, a NAME.pem each: whose signatures on commands are believed (docs/signing.md). Read "
            "anew at each reload. null: signatures are not looked at."),
        key("Commands.Trust.Require", Choice(kRequire), MEMBER(commands.trust.require), in_place,
            "Which commands must be signed: none, exec (those that run a program) or all. A signature that is there "
            "must "
            "be right in any case."),

        key("Outbox.Path", PathText(delivery::kInMemory), MEMBER(delivery.outbox.path), restart,
            "File that holds commands and results until they are delivered. null: ${STATE_DIRECTORY}/outbox.db. "
            "\":memory:\": no file; what is not delivered is lost when the process ends, whatever RedoLog and "
            "Durability say."),
        key("Outbox.RedoLog", PathText(), MEMBER(delivery.outbox.redo_log), restart,
            "File on tmpfs that keeps the latest steps of commands through kill -9 until the outbox has them; then no "
            "step waits for a disk. Its folder must outlive the process, as the unit's /dev/shm and /tmp do not. null: "
            "each step waits for the outbox. The packaged unit sets it."),
        key("Outbox.Durability", Choice(kDurability), MEMBER(delivery.outbox.durability), restart,
            "What a stored result survives: the end of the process (kill -9), or also a power cut (slower: it is "
            "synced to the disk)."),
        key("Outbox.MaxAgeHours", Number("hours", {1, 87'600}), MEMBER(delivery.outbox.max_age), in_place,
            "An undelivered result older than this, and tried Grpc.MaxRetries + 1 times, becomes a dead letter: kept "
            "and shown, not sent any more. Elapsed time: a clock that is set changes nothing."),
        key("Outbox.MaxBytes", Number("bytes", {kMiB, 1024 * 1024 * kMiB}), MEMBER(delivery.outbox.max_bytes), restart,
            "Size at which new commands are refused."),
        key("Outbox.DedupeWindowHours", Number("hours", {0, commands::kLongestDedupeWindow.count()}),
            MEMBER(delivery.outbox.dedupe_window), in_place,
            "How long a delivered command's id is remembered: a command that comes again within it is not run twice. "
            "Elapsed time."),

        key("Chat.Enabled", Flag(), MEMBER(chat.enabled), in_place,
            "false switches the assistant off although it has a Model."),
        key("Chat.Model", Text(), MEMBER(chat.model), in_place,
            "Name of the model that answers chat, as the endpoint has it. null: no assistant. See docs/chat.md."),
        key("Chat.Endpoint", UrlText(kWebSchemes), MEMBER(chat.endpoint), in_place,
            "Address of an OpenAI-compatible API, without chat/completions: OpenAI's, or that of llama.cpp, Ollama, "
            "vLLM "
            "and others, such as http://127.0.0.1:11434/v1."),
        key("Chat.ApiKey", SecretText(), MEMBER(chat_credentials.api_key), in_place,
            "The endpoint's key, sent to it as a bearer token and to nobody else. Better: ApiKeyFile."),
        key("Chat.ApiKeyFile", PathText(), MEMBER(chat_credentials.api_key_file), in_place,
            "File that holds the key; read at each request. With systemd: ${CREDENTIALS_DIRECTORY}/chat-key."),
        key("Chat.SystemPrompt", Text(), MEMBER(chat.system_prompt), in_place,
            "What the model is told ahead of each conversation. null: nothing."),
        key("Chat.SystemPromptFile", PathText(), MEMBER(chat.system_prompt_file), in_place,
            "File that holds it, up to 64 KiB; read at each request."),
        key("Chat.MaxTokens", Number("whole number", {1, 1'000'000}), MEMBER(chat.max_tokens), in_place,
            "Tokens of one answer, at most. null: the endpoint decides."),
        key("Chat.Temperature", Decimal({0, 2}), MEMBER(chat.temperature), in_place,
            "How freely the model chooses its words. null: the endpoint decides."),
        key("Chat.Stream", Flag(), MEMBER(chat.stream), in_place,
            "Ask for answers word by word, so that one that is cut off is kept as far as it came."),
        key("Chat.TimeoutMs", Number("milliseconds", {100, kDayMs}), MEMBER(chat.timeout), in_place,
            "Time limit of one question with everything that it needs. The production server waits for 300 s."),
        key("Chat.ConnectTimeoutMs", limit, MEMBER(chat.connect_timeout), in_place,
            "Time limit of each step to the endpoint: name, TCP, proxy, TLS."),
        key("Chat.IdleTimeoutMs", limit, MEMBER(chat.idle_timeout), in_place,
            "Longest silence in the middle of an answer. Until its beginning only TimeoutMs counts."),
        key("Chat.ContextTokens", Number("whole number", {512, 100'000'000}), MEMBER(chat.context_tokens), in_place,
            "Tokens that the model can take, answer included. Older exchanges are summarized when they do not fit."),
        key("Chat.Tools", TextList(), MEMBER(chat.tools), in_place,
            "Commands of this machine that the model may call. What it is told can make it call them: nothing that "
            "changes "
            "anything belongs here. See docs/chat.md."),
        key("Chat.MaxToolCalls", Number("whole number", {1, 100}), MEMBER(chat.max_tool_calls), in_place,
            "Calls of tools for one question, at most."),
        key("Chat.Proxy", proxy, MEMBER(chat.proxy), in_place,
            "HTTP proxy to the endpoint. null: HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide, as for the hub."),
        TLS_KEYS("Chat.Tls", chat.tls, in_place),
        key("Chat.Tls.Verify", Flag(), MEMBER(chat.tls.verify), in_place, kVerify),
        key("Chat.Path", PathText(), MEMBER(chat.path), restart,
            "File that holds the conversations. null: sessions.db beside the outbox."),
        key("Chat.MaxSessions", Number("whole number", {1, 1'000'000}), MEMBER(chat.max_sessions), in_place,
            "Conversations that are kept; beyond that the least recently used one is removed."),
        key("Chat.MaxAgeDays", Number("days", {0, 36'500}), MEMBER(chat.max_age), in_place,
            "A conversation that was not used for so long is removed. 0: none is."),
        key("Chat.MaxBytes", Number("bytes", {kMiB, 1024 * 1024 * kMiB}), MEMBER(chat.max_bytes), in_place,
            "Size of all conversations; beyond that the least recently used one is removed."),

        key("Monitoring.Listen",
            Special<monitor::Listen>({"address", "IP:PORT, unix:/PATH or off"}, read_listen, show_listen),
            MEMBER(monitoring.listen), restart,
            "Where /status, /metrics, /healthz and /readyz answer. There is no password: keep it on the loopback "
            "interface or on a Unix socket."),
        key("Monitoring.Hosts", TextList(), MEMBER(monitoring.hosts), restart,
            "Names besides the machine's own by which the endpoint may be asked over TCP, as monitor.example.com: a "
            "request for any other is refused, so that no page of a browser reads it."),

        key("Logging.Level", Choice(kLevels), MEMBER(logging.level), in_place,
            "The least important lines that are written."),
        key("Logging.Target", Choice(kTargets), MEMBER(logging.target), in_place,
            "auto: the journal when systemd started the daemon, else console. console and json write to standard "
            "error."),
        key("Logging.Audit", AuditText(), MEMBER(audit), in_place,
            "Where one event for each command is written: journal (an event of the log's, always, whatever Level "
            "says), "
            "off, or a file, such as ${STATE_DIRECTORY}/audit.log, a line of JSON each."),
        key("Logging.CommandText", Flag(), MEMBER(commands.command_text), in_place,
            "Whether texts of commands may be logged; they may be private."),
    };
}

#undef TLS_KEYS
#undef MEMBER

}  // namespace

std::span<const Key<Config>> schema() {
    static const std::vector<Key<Config>> keys = make_schema();
    return keys;
}

}  // namespace jiro::config
