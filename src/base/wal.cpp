// SPDX-License-Identifier: MIT
// The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
#include "base/wal.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "jiro/base/file.hpp"

namespace jiro {

namespace {

constexpr std::uint32_t kMagic = 0x377f0682;  // and 1 where the sums are of big-endian words
constexpr std::uint32_t kVersion = 3007000;
constexpr std::size_t kWalHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::size_t kSummedHeaderBytes = 8;  // of a frame's header: the page's number, the pages at a commit
constexpr std::size_t kSummedBytes = 24;       // of the log's header
constexpr std::size_t kSaltBytes = 8;

using WalBytes = std::span<std::uint8_t>;
using Salts = std::array<std::uint8_t, kSaltBytes>;

std::uint32_t word_of(const std::uint8_t* bytes, std::endian order) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return order == std::endian::native ? word : __builtin_bswap32(word);
}

void put_word(std::uint8_t* bytes, std::endian order, std::uint32_t word) {
    if (order != std::endian::native) word = __builtin_bswap32(word);
    std::memcpy(bytes, &word, sizeof word);
}

struct WalSums {
    std::uint32_t first = 0;
    std::uint32_t second = 0;

    static WalSums at(const std::uint8_t* bytes) {
        return {word_of(bytes, std::endian::big), word_of(bytes + 4, std::endian::big)};
    }
    void put(std::uint8_t* bytes) const {
        put_word(bytes, std::endian::big, first);
        put_word(bytes + 4, std::endian::big, second);
    }
    bool operator==(const WalSums&) const = default;
    WalSums operator-(WalSums other) const { return {first - other.first, second - other.second}; }
};

WalSums sum_of(WalSums sums, std::span<const std::uint8_t> bytes, std::endian order) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        sums.first += word_of(&bytes[at], order) + sums.second;
        sums.second += word_of(&bytes[at + 4], order) + sums.first;
    }
    return sums;
}

bool is_in_one_byte(std::uint64_t bits) {
    int count = 0;
    for (; bits != 0; bits >>= 8U) count += (bits & 0xFFU) != 0 ? 1 : 0;
    return count == 1;
}

bool differ_in_one_byte(WalSums left, WalSums right) {
    const std::uint64_t first = left.first ^ right.first;
    return is_in_one_byte(first << 32U | (left.second ^ right.second));
}

std::uint32_t inverse_of(std::uint32_t odd) {
    std::uint32_t inverse = odd;  // right in the last three bits; each round doubles that
    for (int i = 0; i < 4; ++i) inverse *= 2 - odd * inverse;
    return inverse;
}

// Where the one byte may be whose change makes up for sums that are `off` by so much, and what its word was. The sums
// are linear: a word that is greater by n moves them by n times two Fibonacci numbers, of which one is odd. Of a word's
// highest bits they tell little: there may be several such places.
struct WalWord {
    std::size_t at = 0;
    std::uint32_t value = 0;
};

std::vector<WalWord> places_of_error(std::span<const std::uint8_t> bytes, WalSums off, std::endian order) {
    std::vector<WalWord> places;
    const auto look_at = [&](WalSums effect, std::size_t at) {
        const bool by_first = effect.first % 2 != 0;
        const auto more = by_first ? off.first * inverse_of(effect.first) : off.second * inverse_of(effect.second);
        const auto is = word_of(&bytes[at], order);
        if (more * effect.first != off.first || more * effect.second != off.second) return;
        if (is_in_one_byte(is ^ (is + more))) places.push_back({at, is + more});
    };
    const auto pass_on = [](WalSums& effect) {
        effect.first += effect.second;
        effect.second += effect.first;
    };
    WalSums even{1, 1};
    WalSums odd{0, 1};
    for (std::size_t at = bytes.size(); at >= 8; at -= 8) {
        look_at(odd, at - 4);
        look_at(even, at - 8);
        pass_on(even);
        pass_on(odd);
    }
    return places;
}

bool read_at(int file, std::uint64_t offset, std::uint8_t* to, std::size_t size) {
    while (size > 0) {
        const auto got = pread(file, to, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

enum class Fit {
    sound,     // as SQLite wants it
    mended,    // it was one byte off
    doubtful,  // it is one byte off, somewhere in its page
    unknown,   // it does not fit, but is of this log
    none,      // of an earlier round of the log, or nothing at all
};

class WalReader {
  public:
    WalReader(int wal, std::uint32_t page_size) : file_(wal) {
        set_page_size(page_size);
        if (!read_at(file_, 0, header_.data(), header_.size())) return;
        before_ = WalSums::at(&header_[kSummedBytes]);
        is_log_ = takes_header(std::endian::little) || takes_header(std::endian::big) || takes_frames_word();
        next_ = 0;
    }

    // Whether there is a frame more.
    bool next() {
        if (!is_log_ || !read_frame(next_++, frame_)) return false;
        const bool is_of_this_log = frame_.salts() == salts();
        fit_ = is_of_this_log ? Fit::unknown : Fit::none;
        const auto before = std::exchange(before_, std::nullopt);
        if (is_of_this_log) before_ = frame_.sums();
        if (before) judge(*before, is_of_this_log);
        if (frame_.page_number() == 0) fit_ = Fit::none;  // there is no such page
        return true;
    }

    // Right, whatever is in the file.
    [[nodiscard]] const std::array<std::uint8_t, kWalHeaderBytes>& header() const { return header_; }
    [[nodiscard]] bool has_sound_header() const { return has_sound_header_; }
    [[nodiscard]] std::endian order() const { return order_; }
    [[nodiscard]] Salts salts() const { return salts_at(&header_[16]); }

    [[nodiscard]] Fit fit() const { return fit_; }
    [[nodiscard]] bool ends_transaction() const { return word_of(&frame_.content[4], std::endian::big) != 0; }
    [[nodiscard]] std::uint32_t page_number() const { return frame_.page_number(); }
    [[nodiscard]] WalBytes content() { return frame_.content; }

  private:
    struct Frame {
        std::array<std::uint8_t, kFrameHeaderBytes> header{};
        std::vector<std::uint8_t> content;  // what is summed: the header's beginning, and the page

        [[nodiscard]] std::uint32_t page_number() const { return word_of(content.data(), std::endian::big); }
        [[nodiscard]] Salts salts() const { return salts_at(&header[kSummedHeaderBytes]); }
        [[nodiscard]] WalSums sums() const { return WalSums::at(&header[kSummedHeaderBytes + kSaltBytes]); }
    };

    static Salts salts_at(const std::uint8_t* bytes) {
        Salts salts{};
        std::copy_n(bytes, salts.size(), salts.begin());
        return salts;
    }

    void set_page_size(std::uint32_t size) {
        page_size_ = size;
        frame_.content.resize(kSummedHeaderBytes + size);
    }

    bool read_frame(std::uint64_t number, Frame& frame) const {
        const auto offset = kWalHeaderBytes + number * (kFrameHeaderBytes + page_size_);
        frame.content.resize(kSummedHeaderBytes + page_size_);
        if (!read_at(file_, offset, frame.header.data(), frame.header.size())) return false;
        std::copy_n(frame.header.begin(), kSummedHeaderBytes, frame.content.begin());
        return read_at(file_, offset + kFrameHeaderBytes, &frame.content[kSummedHeaderBytes], page_size_);
    }

    // If its sum fits, or does with another byte somewhere.
    bool takes_header(std::endian order) {
        const auto found = header_;
        const auto stored = WalSums::at(&header_[kSummedBytes]);
        const auto sums = sum_of({}, {header_.data(), kSummedBytes}, order);
        has_sound_header_ = sums == stored && adopt(order);
        if (has_sound_header_) return true;
        if (differ_in_one_byte(sums, stored) && adopt(order) && !goes_on_from(stored)) {
            sums.put(&header_[kSummedBytes]);
            before_ = sums;
            return true;
        }
        for (const auto& word : places_of_error({header_.data(), kSummedBytes}, stored - sums, order)) {
            put_word(&header_[word.at], order, word.value);
            if (adopt(order) && read_frame(0, frame_) && frame_.salts() == salts()) return true;
            header_ = found;
        }
        return false;
    }

    // What the header says, when it is one.
    bool adopt(std::endian order) {
        const auto number = [&](std::size_t at) { return word_of(&header_[at], std::endian::big); };
        const auto size = number(8);
        if (number(0) != kMagic + (order == std::endian::big ? 1 : 0) || number(4) != kVersion) return false;
        if (!std::has_single_bit(size) || size < 512 || size > 65536) return false;
        order_ = order;
        set_page_size(size);
        return true;
    }

    // Where the header says nothing: the first two frames that go together are of the log's last round, since each
    // begins where the log does.
    bool takes_frames_word() {
        Frame frame;
        std::optional<std::pair<Salts, WalSums>> previous;
        for (std::uint64_t number = 0; read_frame(number, frame); ++number) {
            const auto sums = frame.sums();
            if (previous && previous->first == frame.salts() &&
                sum_of(previous->second, frame.content, order_) == sums) {
                make_header(frame.salts());
                return true;
            }
            previous = {frame.salts(), sums};
        }
        return false;
    }

    void make_header(const Salts& salts) {
        header_ = {};
        put_word(header_.data(), std::endian::big, kMagic + (order_ == std::endian::big ? 1 : 0));
        put_word(&header_[4], std::endian::big, kVersion);
        put_word(&header_[8], std::endian::big, page_size_);
        std::ranges::copy(salts, &header_[16]);
        sum_of({}, {header_.data(), kSummedBytes}, order_).put(&header_[kSummedBytes]);
    }

    // Its salts are not summed. Sums that are one byte off may themselves be wrong, or some word of what they are of:
    // the next frame knows.
    void judge(WalSums before, bool is_of_this_log) {
        const auto stored = frame_.sums();
        const auto sums = sum_of(before, frame_.content, order_);
        if (sums == stored) {
            fit_ = is_of_this_log ? Fit::sound : Fit::mended;
            before_ = stored;
            return;
        }
        if (!is_of_this_log) return;
        const auto places = places_of_error(frame_.content, stored - sums, order_);
        if (differ_in_one_byte(sums, stored) && !goes_on_from(stored)) {
            fit_ = places.empty() || goes_on_from(sums) ? Fit::mended : Fit::doubtful;
            before_ = sums;
        } else {
            mend(places);
        }
    }

    void mend(const std::vector<WalWord>& places) {
        if (places.size() == 1) {
            put_word(&frame_.content[places[0].at], order_, places[0].value);
            fit_ = Fit::mended;
        } else if (!places.empty() && places.back().at >= kSummedHeaderBytes) {
            fit_ = Fit::doubtful;
        }
    }

    [[nodiscard]] bool goes_on_from(WalSums sums) const {
        Frame frame;
        return read_frame(next_, frame) && sum_of(sums, frame.content, order_) == frame.sums();
    }

    const int file_;
    std::uint32_t page_size_ = 0;
    std::endian order_ = std::endian::native;
    std::array<std::uint8_t, kWalHeaderBytes> header_{};
    bool is_log_ = false;
    bool has_sound_header_ = false;
    std::uint64_t next_ = 0;
    std::optional<WalSums> before_;  // of what is before the next frame; nullopt: not known
    Frame frame_;
    Fit fit_ = Fit::none;
};

bool write_bytes(int file, const void* bytes, std::size_t size) {
    return write_all(file, {static_cast<const char*>(bytes), size});
}

}  // namespace

WalVerdict judge_wal(int wal, std::uint32_t page_size, Flushed flushed) {
    WalReader reader(wal, page_size);
    WalVerdict verdict;
    bool is_read_by_sqlite = reader.has_sound_header();
    bool has_gap = false;
    std::set<std::uint32_t> doubtful_pages;  // as long as they are not written again
    int transactions_to_prove = 1;
    std::uint64_t read_by_sqlite = 0;
    for (std::uint64_t frame = 1; reader.next(); ++frame) {
        is_read_by_sqlite = is_read_by_sqlite && reader.fit() == Fit::sound;
        if (reader.fit() == Fit::unknown || reader.fit() == Fit::none) {
            if (flushed == Flushed::checkpoints) break;
            has_gap = true;
            transactions_to_prove = 2;
            continue;
        }
        doubtful_pages.erase(reader.page_number());
        if (reader.fit() == Fit::doubtful) doubtful_pages.insert(reader.page_number());
        if (!reader.ends_transaction()) continue;
        if (transactions_to_prove > 1) {
            --transactions_to_prove;
            continue;
        }
        verdict.frames = frame;
        verdict.is_exact = !has_gap && doubtful_pages.empty();
        if (is_read_by_sqlite) read_by_sqlite = frame;
    }
    verdict.dropped = verdict.frames - read_by_sqlite;
    return verdict;
}

bool write_mended_wal(int wal, std::uint32_t page_size, const WalVerdict& verdict, int mended) {
    WalReader reader(wal, page_size);
    const auto& header = reader.header();
    if (!write_bytes(mended, header.data(), header.size())) return false;
    auto sums = WalSums::at(&header[kSummedBytes]);
    for (std::uint64_t frame = 0; frame < verdict.frames && reader.next(); ++frame) {
        if (reader.fit() == Fit::none) continue;
        const auto content = reader.content();
        if (reader.fit() == Fit::unknown) put_word(&content[4], std::endian::big, 0);  // one behind it ends there, too
        sums = sum_of(sums, content, reader.order());
        std::array<std::uint8_t, kFrameHeaderBytes> frame_header{};
        std::copy_n(content.begin(), kSummedHeaderBytes, frame_header.begin());
        std::ranges::copy(reader.salts(), &frame_header[kSummedHeaderBytes]);
        sums.put(&frame_header[kSummedHeaderBytes + kSaltBytes]);
        const auto page = content.subspan(kSummedHeaderBytes);
        if (!write_bytes(mended, frame_header.data(), frame_header.size())) return false;
        if (!write_bytes(mended, page.data(), page.size())) return false;
    }
    return true;
}

}  // namespace jiro
