// SPDX-License-Identifier: MIT
#include "delivery/alarm.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "support/temp_dir.hpp"

namespace jiro::delivery {
namespace {

namespace fs = std::filesystem;

TEST(Alarm, wakes_for_what_happens_to_its_files_and_their_folders) {
    for (const auto& harm : {
             std::function<void(const fs::path&)>([](const fs::path& root) { fs::remove(root / "a/b/file"); }),
             {[](const fs::path& root) { std::ofstream(root / "a/b/file"); }},  // empties it
             {[](const fs::path& root) { fs::rename(root / "a/b", root / "a/c"); }},
             {[](const fs::path& root) { fs::rename(root / "a", root / "c"); }},
         }) {
        const test::TempDir folder;
        fs::create_directories(folder.path() / "a/b");
        folder.write("a/b/file", "content");
        Alarm alarm({folder.path() / "a/b/file", folder.path() / "a/b/none"});
        alarm.watch();
        alarm.watch();
        EXPECT_FALSE(alarm.has_noticed());
        harm(folder.path());
        alarm.sleep(std::chrono::seconds(5));
        EXPECT_TRUE(alarm.has_noticed());
    }
}

}  // namespace
}  // namespace jiro::delivery
