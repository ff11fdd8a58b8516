// SPDX-License-Identifier: MIT
// What both channels get of tokens and keys while the daemon runs: what the files say at that moment.
#include "daemon/credential_store.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "support/spellings.hpp"
#include "support/temp_dir.hpp"

namespace jiro::daemon {

using ::testing::HasSubstr;

namespace {

config::CredentialSources token_in(const std::filesystem::path& file) {
    config::CredentialSources sources;
    sources.access_token_file = file;
    return sources;
}

// Empty: an error, which is `why`.
std::string token_for_hub(CredentialStore& credentials, std::string* why = nullptr) {
    const auto hub = credentials.for_hub()();
    if (!hub && why != nullptr) *why = hub.error().message;
    return hub ? hub->access_token.reveal() : "";
}

}  // namespace

TEST(CredentialStore, are_what_the_files_say_at_each_attempt) {
    const jiro::test::TempDir files;
    CredentialStore credentials(token_in(files.write("t", "first")), {});
    EXPECT_EQ(token_for_hub(credentials), "first");
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "first");
    files.write("t", "\xEF\xBB\xBFsecond \n");
    EXPECT_EQ(token_for_hub(credentials), "second");
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "second");
    EXPECT_EQ(credentials.redacted("it was second"), "it was ***");
    files.write("t", std::string(jiro::test::kSpelled));
    EXPECT_EQ(token_for_hub(credentials), jiro::test::kSpelled);
    for (const auto& spelling : jiro::test::spellings())
        jiro::test::expect_hidden(credentials.redacted("it was " + spelling), spelling);
}

// As `make-token > file` and `mv` leave it for a moment. A reload asks for what is there.
TEST(CredentialStore, stay_while_a_file_is_written_anew) {
    const jiro::test::TempDir files;
    const auto file = files.write("t", "first");
    CredentialStore credentials(token_in(file), {});
    EXPECT_EQ(token_for_hub(credentials), "first");
    files.write("t", "");
    EXPECT_EQ(token_for_hub(credentials), "first");
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "first");
    std::filesystem::remove(file);
    EXPECT_EQ(token_for_hub(credentials), "first");
    files.write("t", "second");
    EXPECT_EQ(token_for_hub(credentials), "second");
    files.write("t", "");
    credentials.replace(token_in(files.path() / "other"));
    EXPECT_EQ(token_for_hub(credentials), "");
}

TEST(CredentialStore, are_replaced_by_a_reload_for_the_next_attempt) {
    const jiro::test::TempDir files;
    config::CredentialSources sources;
    sources.access_token = Secret("a-value");
    CredentialStore credentials(sources, {});
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "a-value");
    credentials.replace(token_in(files.write("t", "of-a-file")));
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "of-a-file");
    credentials.replace(sources);
    EXPECT_EQ(credentials.for_grpc()(delivery::Reading::anew)->access_token.reveal(), "a-value");
}

TEST(CredentialStore, name_what_is_no_token_file) {
    const jiro::test::TempDir files;
    const auto path = files.path() / "pipe";
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    CredentialStore credentials(token_in(path), {});
    std::string why;
    EXPECT_EQ(token_for_hub(credentials, &why), "");
    EXPECT_THAT(why, HasSubstr("pipe: is a named pipe"));
    std::filesystem::rename(files.write("new", "a-token"), path);
    EXPECT_EQ(token_for_hub(credentials), "a-token");
}

}  // namespace jiro::daemon
