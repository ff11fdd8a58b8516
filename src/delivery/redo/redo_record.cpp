// SPDX-License-Identifier: MIT
// A record: its kind, then its members in order, integers in the machine's own form (a log is read on the machine that
// wrote it), texts behind their length. The last text has none: it ends with the record.
#include "delivery/redo/redo_record.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "delivery/stored_time.hpp"

namespace jiro::delivery {

namespace {

enum class Kind : std::uint8_t { received = 1, started, finished, delivered };

// Counts what a Writer would write.
class Counter {
  public:
    template <typename Number>
    void number(Number) {
        size_ += sizeof(Number);
    }
    void text(std::string_view text) { size_ += sizeof(std::uint32_t) + text.size(); }
    void rest(std::string_view text) { size_ += text.size(); }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    std::size_t size_ = 0;
};

class Writer {
  public:
    explicit Writer(char* target) : at_(target) {}

    template <typename Number>
    void number(Number value) {
        std::memcpy(at_, &value, sizeof value);
        at_ += sizeof value;
    }
    void text(std::string_view text) {
        number(static_cast<std::uint32_t>(text.size()));
        rest(text);
    }
    void rest(std::string_view text) { at_ = std::copy(text.begin(), text.end(), at_); }

  private:
    char* at_;
};

// Once something was missing, everything is empty and is_good() false.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : left_(bytes) {}

    template <typename Number>
    Number number() {
        Number value{};
        const auto bytes = take(sizeof value);
        if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    // A number below `count`: an enumeration's or a flag's.
    template <typename Enum>
    Enum one_of(std::uint8_t count) {
        const auto value = number<std::uint8_t>();
        if (value >= count) is_good_ = false;
        return is_good_ ? static_cast<Enum>(value) : Enum{};
    }
    std::string_view text() { return take(number<std::uint32_t>()); }
    std::string_view rest() { return take(left_.size()); }
    WallTime time() { return from_stored(number<std::int64_t>()); }
    [[nodiscard]] bool is_good() const { return is_good_ && left_.empty(); }

  private:
    std::string_view take(std::size_t size) {
        if (!is_good_ || left_.size() < size) {
            is_good_ = false;
            return {};
        }
        const auto taken = left_.substr(0, size);
        left_.remove_prefix(size);
        return taken;
    }

    std::string_view left_;
    bool is_good_ = true;
};

template <typename Enum>
std::uint8_t byte(Enum value) {
    return static_cast<std::uint8_t>(value);
}

template <typename Out>
void write(Out& out, const ReceivedChange& change) {
    out.number(Kind::received);
    out.number(change.fingerprint);
    out.number(to_stored(change.received_at));
    out.number(to_stored(change.run_before));
    out.number(byte(change.idempotent));
    out.number(byte(change.state));
    out.text(change.id);
    out.rest(change.payload);
}

template <typename Out>
void write(Out& out, const StartedChange& change) {
    out.number(Kind::started);
    out.rest(change.id);
}

template <typename Out>
void write(Out& out, const FinishedChange& change) {
    out.number(Kind::finished);
    out.number(byte(change.kind));
    out.number(byte(change.lease));
    out.number(to_stored(change.at));
    out.text(change.id);
    out.rest(change.message);
}

template <typename Out>
void write(Out& out, const DeliveredChange& change) {
    out.number(Kind::delivered);
    out.number(to_stored(change.at));
    out.rest(change.id);
}

RedoRecord read_received(Reader& in) {
    ReceivedChange change;
    change.fingerprint = in.number<Fingerprint>();
    change.received_at = in.time();
    change.run_before = in.time();
    change.idempotent = in.one_of<bool>(2);
    change.state = in.one_of<FirstState>(2);
    change.id = in.text();
    change.payload = in.rest();
    return change;
}

RedoRecord read_finished(Reader& in) {
    FinishedChange change;
    change.kind = in.one_of<Outcome>(kOutcomeNames.size());
    change.lease = in.one_of<Lease>(2);
    change.at = in.time();
    change.id = in.text();
    change.message = in.rest();
    return change;
}

RedoRecord read_delivered(Reader& in) {
    DeliveredChange change;
    change.at = in.time();
    change.id = in.rest();
    return change;
}

std::optional<RedoRecord> read_kind(Reader& in) {
    switch (in.number<Kind>()) {
        case Kind::received:
            return read_received(in);
        case Kind::started:
            return StartedChange{in.rest()};
        case Kind::finished:
            return read_finished(in);
        case Kind::delivered:
            return read_delivered(in);
    }
    return std::nullopt;
}

}  // namespace

std::size_t encoded_size(const RedoRecord& record) noexcept {
    Counter counter;
    std::visit([&](const auto& change) { write(counter, change); }, record);
    return counter.size();
}

void encode(const RedoRecord& record, char* target) noexcept {
    Writer writer(target);
    std::visit([&](const auto& change) { write(writer, change); }, record);
}

std::optional<RedoRecord> decode(std::string_view bytes) noexcept {
    Reader reader(bytes);
    auto record = read_kind(reader);
    if (!reader.is_good()) return std::nullopt;
    return record;
}

}  // namespace jiro::delivery
