// SPDX-License-Identifier: MIT
#include "config/yaml_reader.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "config/json_text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::config {

namespace {

struct Refused {
    Place place;
    std::string message;
};

// Builds nodes from yaml-cpp's events. yaml-cpp's own node tree is not used: it loses duplicate keys and the places of
// keys.
class TreeBuilder final : public YAML::EventHandler {
  public:
    explicit TreeBuilder(std::string name) : name_(std::move(name)) {}

    [[nodiscard]] std::vector<Node> take() && { return std::move(documents_); }
    [[nodiscard]] const std::vector<Refused>& faults() const noexcept { return faults_; }
    [[nodiscard]] const std::optional<Place>& last_quote() const noexcept { return last_quote_; }
    [[nodiscard]] const std::vector<std::size_t>& quotes() const noexcept { return quotes_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        // yaml-cpp reports the same place again and again when it meets what cannot begin a document.
        if (last_document_ == mark.pos) refuse(mark, "unexpected text");
        last_document_ = mark.pos;
        if (documents_.size() >= kMaxDocuments) refuse(mark, "too many documents in one file");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(make(Node::Kind::null, mark)); }

    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        refuse(mark, "anchors (&name) are not supported");
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*name) are not supported"); }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
        refuse_tag(mark, tag);
        if (const auto fault = find_fault_of_text(value)) faults_.push_back({place(mark), fault->message});
        Node node = make(Node::Kind::scalar, mark);
        node.text = value;
        node.quoted = tag == "!";
        if (node.quoted) quotes_.push_back(static_cast<std::size_t>(mark.pos));
        last_quote_ = node.quoted ? std::optional(node.place) : std::nullopt;
        add(std::move(node));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        refuse_tag(mark, tag);
        open(Node::Kind::sequence, mark);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        refuse_tag(mark, tag);
        open(Node::Kind::map, mark);
    }
    void OnMapEnd() override { close(); }

  private:
    static constexpr std::size_t kMaxDocuments = 64;

    // A map or list that is not closed yet; in a map, the key whose value comes next.
    struct Open {
        Node node;
        std::optional<Node> key;
    };

    [[nodiscard]] Place place(const YAML::Mark& mark) const { return {name_, mark.line + 1, mark.column + 1}; }

    [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) const {
        throw Refused{place(mark), std::move(message)};
    }

    // "?" and "!" are yaml-cpp's words for a plain and a quoted value without a tag.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (!name) are not supported");
    }

    Node make(Node::Kind kind, const YAML::Mark& mark) {
        if (++nodes_ > kMaxNodes) refuse(mark, "too many values (limit " + std::to_string(kMaxNodes) + ")");
        Node node;
        node.kind = kind;
        node.place = place(mark);
        return node;
    }

    void open(Node::Kind kind, const YAML::Mark& mark) {
        if (open_.size() >= kMaxDepth) refuse(mark, "nested too deeply (limit " + std::to_string(kMaxDepth) + ")");
        open_.push_back({make(kind, mark), std::nullopt});
    }

    void close() {
        Node node = std::move(open_.back().node);
        open_.pop_back();
        add(std::move(node));
    }

    void add(Node node) {
        if (open_.empty()) return documents_.push_back(std::move(node));
        Open& parent = open_.back();
        if (parent.node.kind == Node::Kind::sequence) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.key) {
            parent.key = std::move(node);
        } else {
            add_member(parent, std::move(node));
        }
    }

    void add_member(Open& parent, Node value) {
        Node key = std::move(*parent.key);
        parent.key.reset();
        // A JSON object pasted below block YAML is, to YAML, a map that is a key without a value.
        if (key.kind == Node::Kind::map && value.kind == Node::Kind::null && open_.size() == 1) {
            std::ranges::move(key.members, std::back_inserter(parent.node.members));
            return;
        }
        if (key.kind != Node::Kind::scalar) throw Refused{key.place, "a key must be a word"};
        parent.node.members.push_back({std::move(key.text), key.place, std::move(value)});
    }

    std::string name_;
    std::vector<Node> documents_;
    std::vector<Refused> faults_;  // of texts
    std::vector<Open> open_;
    std::size_t nodes_ = 0;
    std::optional<int> last_document_;
    std::vector<std::size_t> quotes_;  // where quoted texts begin, in bytes behind a byte order mark
    std::optional<Place> last_quote_;  // where the last text of all begins, when it is quoted
};

void parse(const std::string& text, TreeBuilder& builder) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
}

// yaml-cpp takes the end of a text for the closing quote, but only behind white space.
bool is_last_quote_closed(const std::string& text) {
    TreeBuilder unused("");
    try {
        parse(text.substr(0, text.find_last_not_of(" \t\r\n") + 1), unused);
    } catch (const YAML::Exception&) {
        return false;
    }
    return true;
}

// JSON's surrogate pairs, also in JSON that was pasted into YAML, as YAML has them. Throws Refused.
std::string pairs_joined(const std::string& text, const std::string& name) {
    const std::string hidden = with_pairs_hidden(text);
    if (hidden == text) return hidden;
    TreeBuilder found(name);
    try {
        parse(hidden, found);
    } catch (const YAML::Exception&) {  // so far only: whoever reads it says why
    }
    auto quotes = found.quotes();
    const std::size_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    for (std::size_t& quote : quotes) quote += mark;
    return with_pairs_joined(text, quotes);
}

Place place_of(std::size_t at, std::string_view text, const std::string& name) {
    const auto before = text.substr(0, at);
    const auto line = before.substr(before.rfind('\n') + 1);  // all of it on the first line
    const auto characters = std::ranges::count_if(line, [](char c) { return !is_utf8_continuation(c); });
    return {name, static_cast<int>(std::ranges::count(before, '\n')) + 1, static_cast<int>(characters) + 1};
}

// The first line whose indentation holds `blank`, which is no space although it looks like one.
std::optional<Place> indented_with(std::string_view blank, std::string_view text, const std::string& name) {
    Place place{name, 0, 1};
    for (std::size_t at = 0; at < text.size();) {
        ++place.line;
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = text.substr(at, end - at);
        const auto first = std::min(line.find_first_not_of(' '), line.size());
        if (line.substr(first).starts_with(blank)) {
            place.column = static_cast<int>(first) + 1;
            return place;
        }
        at = end + 1;
    }
    return std::nullopt;
}

// Throws Refused.
std::vector<Node> parse_documents(std::string_view text, const std::string& name, Problems& problems) {
    if (text.size() > kMaxFileBytes)
        throw Refused{{name}, "larger than the limit of " + std::to_string(kMaxFileBytes) + " bytes"};
    if (auto fault = find_fault_of_text(text))
        throw Refused{place_of(fault->at, text, name), std::move(fault->message)};
    JsonReading reading = read_as_json(text);
    if (auto& fault = reading.fault) throw Refused{place_of(fault->at, text, name), std::move(fault->message)};
    const std::string yaml = reading.json ? *reading.json : std::string(text);
    if (auto place = reading.json ? std::nullopt : indented_with("\xC2\xA0", text, name))
        throw Refused{std::move(*place), "a no-break space (U+00A0) is used to indent: use plain spaces"};
    TreeBuilder builder(name);
    try {
        parse(yaml, builder);
        if (builder.last_quote() && !is_last_quote_closed(yaml))
            throw Refused{*builder.last_quote(), "the quote that begins here does not end"};
    } catch (const YAML::Exception& error) {
        if (const auto joined = pairs_joined(yaml, name); joined != yaml)
            return parse_documents(joined, name, problems);
        if (auto place = indented_with("\t", text, name))
            throw Refused{std::move(*place), "a tab is used to indent: YAML takes spaces only"};
        throw Refused{{name, error.mark.line + 1, error.mark.column + 1}, "not valid YAML: " + error.msg};
    }
    for (const Refused& fault : builder.faults()) problems.add(fault.place, "", fault.message);
    return std::move(builder).take();
}

std::vector<Node> read_documents(std::string_view text, const std::string& name, Problems& problems) {
    try {
        return parse_documents(text, name, problems);
    } catch (const Refused& refused) {
        problems.add(refused.place, "", refused.message);
        return {};
    }
}

void move_to(Node& node, const Place& place) {
    node.place = place;
    for (Node& item : node.items) move_to(item, place);
    for (Member& member : node.members) {
        member.place = place;
        move_to(member.value, place);
    }
}

}  // namespace

std::optional<TextFault> find_fault_of_text(std::string_view text) {
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    };
    const auto valid = valid_utf8(text);
    const auto at = static_cast<std::size_t>(std::ranges::find_if(text.substr(0, valid), is_control) - text.begin());
    if (at == text.size()) return std::nullopt;
    if (at == valid) return TextFault{at, "not UTF-8 text"};
    return TextFault{at, "a control character (code " + std::to_string(text[at]) + "), which no text has"};
}

Node read_yaml(std::string_view text, const std::string& name, Problems& problems) {
    Node root;
    root.kind = Node::Kind::map;
    root.place = {name};
    for (Node& document : read_documents(text, name, problems)) {
        if (document.kind == Node::Kind::null) continue;
        if (document.kind != Node::Kind::map) {
            problems.add(document.place, "",
                         "expected keys with values, such as 'WebSocket:', not " + std::string(kind_name(document)));
            continue;
        }
        std::ranges::move(document.members, std::back_inserter(root.members));
    }
    return root;
}

Node read_yaml_value(std::string_view text, const std::string& name, Problems& problems) {
    Problems own;
    auto documents = read_documents(text, name, own);
    for (const ConfigError& error : std::move(own).sorted(name)) problems.add({name}, error.key_path, error.message);
    if (documents.size() > 1) problems.add({name}, "", "expected one value");
    Node value = documents.empty() ? Node() : std::move(documents.front());
    move_to(value, {name});
    return value;
}

}  // namespace jiro::config
