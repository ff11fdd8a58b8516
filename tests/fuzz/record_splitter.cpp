// SPDX-License-Identifier: MIT
// However the stream is cut into chunks, the records are those between the separators, up to the first that is too
// long.
#include "signalr/protocol/record_splitter.hpp"

#include <algorithm>
#include <vector>

#include "check.hpp"

using namespace jiro::signalr;
using jiro::fuzz::check;

namespace {

constexpr std::size_t kLimit = 64;

struct Outcome {
    std::vector<std::string> records;
    bool overflowed = false;
};

Outcome split_in_chunks(std::string_view text, std::size_t chunk_bytes) {
    RecordSplitter splitter(kLimit);
    Outcome outcome;
    while (!text.empty() && !splitter.overflowed()) {
        const std::string chunk(text.substr(0, chunk_bytes));  // a copy: nothing may refer to an earlier chunk
        text.remove_prefix(chunk.size());
        splitter.feed(chunk);
        while (const auto record = splitter.next()) outcome.records.emplace_back(*record);
    }
    outcome.overflowed = splitter.overflowed();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto text = jiro::fuzz::text_of(data, size).substr(1);
    const auto in_pieces = split_in_chunks(text, std::max<std::size_t>(data[0], 1));
    const auto at_once = split_in_chunks(text, text.size());
    check(in_pieces.records == at_once.records, "the records do not depend on the chunks");
    check(in_pieces.overflowed == at_once.overflowed, "the overflow does not depend on the chunks");
    std::size_t at = 0;
    for (const auto& record : at_once.records) {
        check(record.size() <= kLimit, "no record is over the limit");
        check(text.substr(at, record.size()) == record, "a record is what was sent");
        at += record.size() + 1;
        check(at <= text.size() && text[at - 1] == kRecordSeparator, "a record ends at a separator");
    }
    return 0;
}
