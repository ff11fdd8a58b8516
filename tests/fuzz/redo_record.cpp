// SPDX-License-Identifier: MIT
// Bytes that another process left behind are a change of the outbox, which can be written and read again, or nothing.
#include "delivery/redo/redo_record.hpp"

#include <string>

#include "check.hpp"

namespace {

std::string written(const jiro::delivery::RedoRecord& record) {
    std::string bytes(jiro::delivery::encoded_size(record), '\0');
    jiro::delivery::encode(record, bytes.data());
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = jiro::fuzz::text_of(data, size);
    const auto record = jiro::delivery::decode(bytes);
    if (!record) return 0;
    const auto first = written(*record);
    jiro::fuzz::check(first.size() == size,
                      "a record takes the room that it took");  // a time out of range is moved into it
    const auto again = jiro::delivery::decode(first);
    jiro::fuzz::check(again && written(*again) == first, "what was written is read");
    return 0;
}
