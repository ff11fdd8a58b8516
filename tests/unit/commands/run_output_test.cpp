// SPDX-License-Identifier: MIT
#include "commands/exec/run_output.hpp"

#include <gtest/gtest.h>
#include <algorithm>

#include "commands/ended_runs.hpp"

namespace jiro::commands {
namespace {

// 100 bytes are kept: 25 of the beginning, 75 of the end. The byte at i is i % 10.
OutputCapture printed(std::size_t total) {
    OutputCapture capture(100);
    for (std::size_t i = 0; i < total; ++i) capture.append(std::string(1, static_cast<char>('0' + i % 10)));
    return capture;
}

// From any byte that is kept on, and never what was not kept.
TEST(OutputCaptureRead, gives_the_bytes_at_their_places) {
    const struct {
        const char* name;
        std::size_t total;
        std::uint64_t from;
        std::size_t limit;
        std::uint64_t begins;
        std::string bytes;
    } rows[] = {
        {"nothing yet", 0, 0, 10, 0, ""},
        {"from the beginning", 20, 0, 5, 0, "01234"},
        {"to the end", 20, 15, 100, 15, "56789"},
        {"at the end", 20, 20, 100, 20, ""},
        {"ends with the first quarter", 50, 20, 100, 20, "01234"},
        {"behind the first quarter", 50, 25, 10, 25, "5678901234"},
        {"into the gap", 200, 30, 10, 125, "5678901234"},
        {"behind the gap", 200, 190, 100, 190, "0123456789"},
        {"the beginning is always there", 200, 3, 4, 3, "3456"},
    };
    for (const auto& row : rows) {
        const auto capture = printed(row.total);
        const auto part = capture.read(row.from, row.limit);
        EXPECT_EQ(part.from, row.begins) << row.name;
        EXPECT_EQ(part.bytes, row.bytes) << row.name;
    }
}

// What nobody has is counted, never shown: what was kept ends ahead of it, and begins anew behind it.
TEST(OutputCaptureSkip, leaves_a_gap) {
    auto capture = printed(10);
    capture.skip(0);
    EXPECT_FALSE(capture.is_cut());
    capture.skip(5);
    EXPECT_TRUE(capture.is_cut());
    EXPECT_EQ(capture.read(8, 100).bytes, "89");
    EXPECT_EQ(capture.read(10, 100).bytes, "");
    capture.append("behind");
    EXPECT_EQ(capture.read(10, 100).from, 15U);
    EXPECT_EQ(capture.read(10, 100).bytes, "behind");
    EXPECT_EQ(capture.text(), "0123456789\n[... 5 bytes left out ...]\nbehind");
    EXPECT_EQ(capture.tail(4), "hind");

    capture.skip(std::uint64_t{1} << 60);
    capture.append("end");
    EXPECT_EQ(capture.total_bytes(), (std::uint64_t{1} << 60) + 24);
    EXPECT_EQ(capture.kept_bytes(), 13U);
    capture.append(std::string(200, 'x'));
    EXPECT_EQ(capture.read(20, 1000).bytes, std::string(90, 'x')) << "what the beginning does not need is the end's";
}

// To follow it: as soon as a byte is printed it can be read, once.
TEST(OutputCaptureRead, can_be_followed_while_it_grows) {
    OutputCapture capture(100);
    std::string seen;
    std::uint64_t next = 0;
    for (int i = 0; i < 200; ++i) {
        capture.append(std::to_string(i) + ',');
        for (auto part = capture.read(next, 3); !part.bytes.empty(); part = capture.read(next, 3)) {
            EXPECT_EQ(part.from, next);
            seen += part.bytes;
            next += part.bytes.size();
        }
    }
    std::string all;
    for (int i = 0; i < 200; ++i) all += std::to_string(i) + ',';
    EXPECT_EQ(seen, all);
}

EndedRun ended(int number, std::size_t bytes) {
    auto output = std::make_shared<RunOutput>(8 * 1024 * 1024);
    output->output.append(std::string(bytes, 'x'));
    return {.id = "id" + std::to_string(number), .name = "name", .output = std::move(output)};
}

// So many, and so many bytes of what they printed; the newest stay.
TEST(EndedRuns, are_few_and_small) {
    EndedRuns runs;
    for (int i = 0; i < 100; ++i) runs.add(ended(i, 10));
    EXPECT_EQ(runs.find("id35"), nullptr);
    ASSERT_NE(runs.find("id36"), nullptr);
    EXPECT_NE(runs.find("id36")->output, nullptr);

    runs.add(ended(100, EndedRuns::kMostBytes - 15));
    EXPECT_EQ(runs.find("id98")->output, nullptr);
    EXPECT_NE(runs.find("id99")->output, nullptr);
    EXPECT_NE(runs.find("id100")->output, nullptr);
    runs.add(ended(101, EndedRuns::kMostBytes + 1));
    EXPECT_EQ(runs.find("id101")->output, nullptr) << "too big to be kept";
    EXPECT_EQ(runs.find("id100")->output, nullptr);
    runs.add({.id = "id100", .name = "again"});
    EXPECT_EQ(runs.find("id100")->name, "again") << "the last one of that id";

    runs.set_delivery("id100", DeliveryState::delivered);
    runs.set_delivery("id0", DeliveryState::dead);  // it is not here any more
    EXPECT_EQ(runs.oldest_first().back().delivery, DeliveryState::delivered);
    EXPECT_EQ(runs.oldest_first().size(), EndedRuns::kMost);
    EXPECT_EQ(std::ranges::count(runs.oldest_first(), DeliveryState::waiting, &EndedRun::delivery),
              static_cast<std::ptrdiff_t>(EndedRuns::kMost) - 1);
}

}  // namespace
}  // namespace jiro::commands
