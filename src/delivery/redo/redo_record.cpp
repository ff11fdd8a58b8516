// SPDX-License-Identifier: MIT
// A record: its kind (1 and up, in the order of RedoRecord), its fields and its rest. Integers are in the machine's own
// form (a log is read on the machine that wrote it), texts behind their length, enumerations and flags one byte.
#include "delivery/redo/redo_record.hpp"

#include <algorithm>
#include <cstring>

#include "delivery/outbox_clock.hpp"

namespace jiro::delivery {

namespace {

std::int64_t written(WallTime time) { return to_stored(time); }
const Fingerprint& written(const Fingerprint& fingerprint) { return fingerprint; }
std::uint32_t written(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }
template <typename Enum>
std::uint8_t written(Enum value) {
    return static_cast<std::uint8_t>(value);
}

template <typename Field>
std::size_t size_of(const Field& field) {
    if constexpr (std::is_same_v<Field, std::string_view>) return sizeof(written(field)) + field.size();
    return sizeof(written(field));
}

void put_text(char*& at, std::string_view text) { at = std::copy(text.begin(), text.end(), at); }

template <typename Field>
void put(char*& at, const Field& field) {
    const auto value = written(field);
    std::memcpy(at, &value, sizeof value);
    at += sizeof value;
    if constexpr (std::is_same_v<Field, std::string_view>) put_text(at, field);
}

// Once something was missing, everything is empty and is_good() false.
class RecordReader {
  public:
    explicit RecordReader(std::string_view bytes) : left_(bytes) {}

    void get(std::string_view& text) { text = take(number<std::uint32_t>()); }
    void get(Fingerprint& fingerprint) { fingerprint = number<Fingerprint>(); }
    void get(WallTime& time) { time = from_stored(number<std::int64_t>()); }
    void get(bool& flag) { flag = one_of<bool>(2); }
    void get(FirstState& state) { state = one_of<FirstState>(2); }
    void get(Lease& lease) { lease = one_of<Lease>(2); }
    void get(Outcome& kind) { kind = one_of<Outcome>(kOutcomeNames.size()); }

    template <typename Number>
    Number number() {
        Number value{};
        const auto bytes = take(sizeof value);
        if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
        return value;
    }
    std::string_view rest() { return take(left_.size()); }
    [[nodiscard]] bool is_good() const { return is_good_; }

  private:
    template <typename Enum>
    Enum one_of(std::size_t count) {
        const auto value = number<std::uint8_t>();
        if (value >= count) is_good_ = false;
        return is_good_ ? static_cast<Enum>(value) : Enum{};
    }
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

template <typename Change>
std::optional<RedoRecord> read(RecordReader in) {
    Change change;
    std::apply([&](auto&... field) { (in.get(field), ...); }, Change::fields(change));
    Change::rest(change) = in.rest();
    if (!in.is_good()) return std::nullopt;
    return change;
}

}  // namespace

std::size_t encoded_size(const RedoRecord& record) noexcept {
    const auto size = [](const auto& change) {
        const auto fields = std::apply([](const auto&... field) { return (std::size_t{0} + ... + size_of(field)); },
                                       change.fields(change));
        return sizeof(std::uint8_t) + fields + change.rest(change).size();
    };
    return std::visit(size, record);
}

void encode(const RedoRecord& record, char* target) noexcept {
    *target++ = static_cast<char>(record.index() + 1);
    const auto write = [&](const auto& change) {
        std::apply([&](const auto&... field) { (put(target, field), ...); }, change.fields(change));
        put_text(target, change.rest(change));
    };
    std::visit(write, record);
}

std::optional<RedoRecord> decode(std::string_view bytes) noexcept {
    RecordReader in(bytes);
    switch (in.number<std::uint8_t>()) {
        case 1:
            return read<ReceivedChange>(in);
        case 2:
            return read<StartedChange>(in);
        case 3:
            return read<FinishedChange>(in);
        case 4:
            return read<DeliveredChange>(in);
        default:
            return std::nullopt;
    }
}

}  // namespace jiro::delivery
