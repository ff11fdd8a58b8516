#include "signalr/protocol/json_tree.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <utility>
#include <vector>

namespace jiro::signalr {

using nlohmann::json;

namespace {

using boost::system::error_code;
using Text = boost::json::string_view;

// What the parser calls, in the order of the text. Returning false, with an error set, ends the parse.
struct TreeBuilder {
    // NOLINTBEGIN(readability-identifier-naming): the names that Boost.JSON asks for
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;
    // NOLINTEND(readability-identifier-naming)

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return open(json::object()); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code&) { return open(json::array()); }
    bool on_array_end(std::size_t, error_code&) { return close(); }

    bool on_key_part(Text part, std::size_t, error_code&) { return take(key, part); }
    bool on_key(Text part, std::size_t, error_code&) { return take(key, part); }
    bool on_string_part(Text part, std::size_t, error_code&) { return take(text, part); }
    bool on_string(Text part, std::size_t, error_code&) {
        take(text, part);
        return add(std::exchange(text, {}));
    }

    bool on_int64(std::int64_t number, Text digits, error_code&) {
        const bool is_negative = number < 0 || digits.starts_with('-');
        return is_negative ? add(number) : add(static_cast<std::uint64_t>(number));
    }
    bool on_uint64(std::uint64_t number, Text, error_code&) { return add(number); }
    bool on_number_part(Text, error_code&) { return true; }
    bool on_double(double, Text, error_code& error) {
        error = boost::json::error::not_number;  // rounding is the thorough parser's
        return false;
    }
    bool on_bool(bool value, error_code&) { return add(value); }
    bool on_null(error_code&) { return add(nullptr); }
    bool on_comment_part(Text, error_code&) { return true; }
    bool on_comment(Text, error_code&) { return true; }

    static bool take(std::string& target, Text part) {
        target.append(part.data(), part.size());
        return true;
    }

    // The last of repeated keys wins.
    json& place() {
        if (open_ones.empty()) return root;
        json& parent = *open_ones.back();
        if (parent.is_array()) return parent.get_ref<json::array_t&>().emplace_back();
        return parent.get_ref<json::object_t&>()[std::exchange(key, {})];
    }

    bool add(json value) {
        place() = std::move(value);
        return true;
    }

    bool open(json value) {
        json& opened = place();
        opened = std::move(value);
        open_ones.push_back(&opened);  // stays where it is: nothing is added to its parent before it is closed
        return true;
    }

    bool close() {
        open_ones.pop_back();
        return true;
    }

    json root;
    std::vector<json*> open_ones;
    std::string key;
    std::string text;
};

}  // namespace

std::optional<json> read_json_tree(std::string_view text, int max_depth) {
    boost::json::parse_options options;
    options.max_depth = static_cast<std::size_t>(max_depth);
    boost::json::basic_parser<TreeBuilder> parser(options);
    error_code error;
    const auto taken = parser.write_some(false, text.data(), text.size(), error);
    if (error || !parser.done() || taken != text.size()) return std::nullopt;
    return std::move(parser.handler().root);
}

}  // namespace jiro::signalr
