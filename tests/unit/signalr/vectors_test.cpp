// SPDX-License-Identifier: MIT
#include "unit/signalr/vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace jiro::test {

using nlohmann::json;

std::string bytes_of(const std::string& text) {
    if (!text.starts_with("<hex>")) return text;
    std::string bytes;
    for (std::size_t i = 5; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

namespace {

std::vector<Vector> read_vectors() {
    std::vector<Vector> vectors;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(JIRO_VECTORS_DIR)) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        std::ifstream stream(file);
        for (auto& entry : json::parse(stream)) {
            vectors.push_back({entry.at("name"), entry.at("direction"), entry.at("input"), entry.at("expect")});
        }
    }
    return vectors;
}

class Vectors : public testing::TestWithParam<Vector> {};

std::string test_name(const testing::TestParamInfo<Vector>& info) {
    std::string name = info.param.direction + "_" + info.param.name;
    std::ranges::replace_if(
        name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

// The client does what the vector expects.
TEST_P(Vectors, holds) {
    const Vector& vector = GetParam();
    Findings findings;
    if (vector.direction == "handshake") {
        findings = run_handshake_vector(vector);
    } else if (vector.direction == "server_to_client") {
        findings = run_server_vector(vector);
    } else if (vector.direction == "client_to_server") {
        findings = run_client_vector(vector);
    } else if (vector.direction == "negotiate") {
        findings = run_negotiate_vector(vector);
    } else {
        findings.expect(false, "unknown direction " + vector.direction);
    }
    for (const auto& line : findings.lines()) ADD_FAILURE() << line;
    if (HasFailure()) std::cout << vector.input.dump(2) << '\n' << vector.expect.dump(2) << '\n';
}

INSTANTIATE_TEST_SUITE_P(Protocol, Vectors, testing::ValuesIn(read_vectors()), test_name);

}  // namespace

// A failing row prints its name, not its bytes.
void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.name; }

}  // namespace jiro::test
