// SPDX-License-Identifier: MIT
#include "jiro/config/credentials.hpp"

#include <gmock/gmock.h>

#include "config/values.hpp"
#include "support/log_capture.hpp"
#include "support/temp_dir.hpp"

namespace jiro::config {
namespace {

using jiro::test::LogCapture;
using jiro::test::TempDir;
using testing::HasSubstr;

std::filesystem::path private_file(const TempDir& directory, std::string_view name, std::string_view content) {
    auto file = directory.write(name, content);
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    return file;
}

// Without credentials there is nothing to send, and that is no error.
TEST(Credentials, may_be_absent) {
    const auto credentials = read_credentials({}, {});
    ASSERT_TRUE(credentials);
    EXPECT_TRUE(credentials->access_token.empty());
    EXPECT_TRUE(credentials->api_key.empty());
}

// A rotated file is used by the next attempt.
TEST(Credentials, files_are_read_at_each_call) {
    const TempDir directory;
    CredentialSources sources;
    sources.access_token_file = private_file(directory, "token", "first-token\n");
    sources.api_key = Secret("the-key");
    EXPECT_EQ(read_credentials(sources, {})->access_token.reveal(), "first-token");
    directory.write("token", "second-token\r\n");
    EXPECT_EQ(read_credentials(sources, {})->access_token.reveal(), "second-token");
    EXPECT_EQ(read_credentials(sources, {})->api_key.reveal(), "the-key");
}

// The three entrances of a token, each with `content`.
std::vector<Result<Credentials>> by_each_entrance(const TempDir& directory, const std::string& content) {
    CredentialSources sources;
    sources.access_token_file = private_file(directory, "token", content);
    std::vector<Result<Credentials>> all{read_credentials(sources, {})};
    const std::string variable = "JIRO_WEBSOCKET__ACCESSTOKEN";
    const auto key = load_text("WebSocket: { AccessToken: " + yaml_text(content) + " }", "c.yaml", {});
    for (const auto& loaded : {key, load_text("", "c.yaml", {{variable, content}})}) {
        if (loaded) {
            all.push_back(read_credentials(loaded.config->credentials, {}));
        } else {
            all.emplace_back(Error({}, loaded.errors.front().message));
        }
    }
    return all;
}

// What editors leave around a token is not part of it.
TEST(Credentials, are_taken_without_what_surrounds_them) {
    const TempDir directory;
    for (const char* content : {"a-token", "a-token\n", "a-token\n\n", "a-token \t\r\n", " a-token",
                                "\xEF\xBB\xBF"
                                "a-token\r\n",
                                "\xEF\xBB\xBF \na-token"}) {
        for (const auto& credentials : by_each_entrance(directory, content)) {
            ASSERT_TRUE(credentials) << content << credentials.error().message;
            EXPECT_EQ(credentials->access_token.reveal(), "a-token") << content;
        }
    }
}

// systemd's directory is looked up when the file is read.
TEST(Credentials, expand_the_credentials_directory) {
    const TempDir directory;
    private_file(directory, "api-key", "abcdefgh");
    CredentialSources sources;
    sources.api_key_file = "${CREDENTIALS_DIRECTORY}/api-key";
    EXPECT_EQ(read_credentials(sources, {{"CREDENTIALS_DIRECTORY", directory.path().string()}})->api_key.reveal(),
              "abcdefgh");
    EXPECT_THAT(read_credentials(sources, {}).error().message,
                HasSubstr("CREDENTIALS_DIRECTORY is not set; is LoadCredential="));
}

// What no header carries is refused before it is sent, wherever it stands.
TEST(Credentials, are_refused_by_each_entrance) {
    const TempDir directory;
    for (const char* content :
         {" \t", "canary\nsecond", "canary\xC3\xA4", "canary\xEF\xBB\xBF", "canary\x01", "\xC2\xA0x"}) {
        for (const auto& credentials : by_each_entrance(directory, content)) {
            ASSERT_FALSE(credentials) << content;
            EXPECT_EQ(credentials.error().message.find("canary"), std::string::npos);
        }
    }
}

// Whoever pastes the whole header is told.
TEST(Credentials, bearer_is_warned_about) {
    const TempDir directory;
    LogCapture logs;
    for (const auto& credentials : by_each_entrance(directory, "Bearer abcdef")) ASSERT_TRUE(credentials);
    EXPECT_TRUE(logs.contains("begins with \"Bearer \"")) << logs.text();
    const auto loaded = load_text("WebSocket: { AccessToken: bearer abcdef }\nApiKey: Bearer abcdef", "c.yaml", {});
    ASSERT_EQ(loaded.config->warnings.size(), 1U);
    EXPECT_THAT(loaded.config->warnings.front().text, HasSubstr("AccessToken: begins with \"Bearer \""));
}

// A file that is no credential is refused with its name, never with its content.
TEST(Credentials, refuse_what_cannot_be_one) {
    struct Row {
        std::string_view name;
        std::string content;
        std::string_view error;
    };
    const Row rows[] = {
        {"empty", "", "is empty"},
        {"newline only", "\n", "is empty"},
        {"blanks only", " \t\r\n", "is empty"},
        {"byte order mark only", "\xEF\xBB\xBF\n", "is empty"},
        {"two lines", "canary\nsecond\n", "contains more than one line"},
        {"letters beyond ASCII", "canary\xC3\xA4", "letters beyond ASCII"},
        {"a mark within", "canary\xEF\xBB\xBF", "letters beyond ASCII"},
        {"NUL", std::string("canary\0x", 8), "contains control characters"},
        {"too large", std::string(64 * 1024 + 1, 'x'), "is larger than the limit of 65536 bytes"},
    };
    const TempDir directory;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        CredentialSources sources;
        sources.access_token_file = private_file(directory, "t", row.content);
        const auto result = read_credentials(sources, {});
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().message, HasSubstr(std::string(row.error)));
        EXPECT_THAT(result.error().message, HasSubstr(sources.access_token_file));
        EXPECT_EQ(result.error().message.find("canary"), std::string::npos);
    }
    CredentialSources sources;
    sources.access_token_file = directory.path() / "none";
    EXPECT_THAT(read_credentials(sources, {}).error().message, HasSubstr("none: cannot be opened: No such file"));
}

// A credential that everybody can read is used, and the operator is told; its value is known to the scrubber.
TEST(Credentials, world_readable_file_is_warned_about) {
    const TempDir directory;
    const auto file = directory.write("t", "canary-token-1\n");
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    CredentialSources sources;
    sources.access_token_file = file;
    LogCapture logs;
    ASSERT_TRUE(read_credentials(sources, {}));
    EXPECT_EQ(logs.field("can be read by every user", "file"), file.string());

    const log::Logger logger{"test"};
    logger.info("it is canary-token-1 in a sentence");
    EXPECT_TRUE(logs.contains("it is *** in a sentence")) << logs.text();
}

}  // namespace
}  // namespace jiro::config
