// SPDX-License-Identifier: MIT
// A write-ahead log of SQLite's in which stretches are overwritten: two bytes say where, one how long, as often as the
// input goes on. What is mended is a log that needs no mending; where that is said to be exact, its pages are what they
// were.
#include "base/wal.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "check.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace {

using jiro::fuzz::check;

constexpr std::size_t kPage = 512;
constexpr std::size_t kFrame = 24 + kPage;
constexpr int kFrames = 8;

void put(std::string& log, std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) log += static_cast<char>(word >> shift);
}

// Sums of big-endian words, two frames a transaction.
std::string sound_log() {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    const auto word = [](const std::string& bytes, std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
        return value;
    };
    const auto add = [&](const std::string& bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += 8) {
            first += word(bytes, at) + second;
            second += word(bytes, at + 4) + first;
        }
    };
    std::string log;
    for (const std::uint32_t value : {0x377f0683U, 3007000U, std::uint32_t{kPage}, 0U, 0x12345678U, 0x9ABCDEF0U}) {
        put(log, value);
    }
    add(log);
    put(log, first);
    put(log, second);
    for (int i = 0; i < kFrames; ++i) {
        std::string start;
        put(start, static_cast<std::uint32_t>(i % 3 + 1));
        put(start, i % 2 == 1 ? 3 : 0);
        const std::string page(kPage, static_cast<char>('a' + i));
        add(start);
        add(page);
        log += start + log.substr(16, 8);
        put(log, first);
        put(log, second);
        log += page;
    }
    return log;
}

jiro::FileDescriptor file_of(const std::string& content) {
    jiro::FileDescriptor file(memfd_create("wal", MFD_CLOEXEC));
    check(write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()), "there is room");
    return file;
}

std::string content_of(int file) {
    std::string content(32 + kFrames * kFrame, '\0');
    const auto size = pread(file, content.data(), content.size(), 0);
    content.resize(static_cast<std::size_t>(size));
    return content;
}

// Each of the three pages as it was written last.
std::string latest_pages(const std::string& log) {
    std::string pages;
    for (std::size_t end = log.size(); end > 32 && pages.size() < 3 * kPage; end -= kFrame) {
        pages += log.substr(end - kPage, kPage);
    }
    return pages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string sound = sound_log();
    auto log = sound;
    std::size_t changed = 0;
    for (std::size_t at = 0; at + 3 < size;) {
        const std::size_t place = (data[at] * std::size_t{256} + data[at + 1]) % log.size();
        const auto length = std::min({std::size_t{data[at + 2]}, size - at - 3, log.size() - place});
        log.replace(place, length, reinterpret_cast<const char*>(data) + at + 3, length);
        at += 3 + length;
    }
    for (std::size_t i = 0; i < log.size(); ++i) changed += log[i] != sound[i] ? 1 : 0;

    const auto file = file_of(log);
    const auto verdict = jiro::judge_wal(file.get(), kPage, jiro::Flushed::commits);
    check(verdict.frames <= kFrames && verdict.dropped <= verdict.frames, "no frame is made up");
    check(changed > 0 || (verdict.frames == kFrames && verdict.dropped == 0), "a sound log is sound");
    if (verdict.dropped == 0) return 0;
    const auto mended = file_of("");
    check(jiro::write_mended_wal(file.get(), kPage, verdict, mended.get()), "it can be written");
    const auto again = jiro::judge_wal(mended.get(), kPage, jiro::Flushed::commits);
    check(again.dropped == 0 && again.is_exact, "what was mended is sound");
    const auto content = content_of(mended.get());
    check(changed != 1 || !verdict.is_exact || latest_pages(content) == latest_pages(sound.substr(0, content.size())),
          "exact is what was there");
    return 0;
}
