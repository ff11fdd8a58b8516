// SPDX-License-Identifier: MIT
#include "jiro/base/scrubbed_json.hpp"

#include <utility>

#include "jiro/base/json.hpp"
#include "jiro/base/log.hpp"

namespace jiro {

namespace {

// Writes what it is given with its texts scrubbed.
class ScrubbingWriter final : public JsonHandler {
  public:
    explicit ScrubbingWriter(JsonWriter::Layout layout) : writer_(layout) {}

    void begin_object() override { writer_.begin_object(); }
    void key(std::string_view name) override { writer_.key(log::scrubbed(name_ = name)); }
    void end_object() override { writer_.end_object(); }
    void begin_array() override { writer_.begin_array(); }
    void end_array() override { writer_.end_array(); }
    void string(std::string_view text) override { writer_.string(log::scrubbed(name_, text)); }
    void number(std::string_view text) override { writer_.number(text); }
    void boolean(bool value) override { writer_.boolean(value); }
    void null() override { writer_.null(); }

    [[nodiscard]] std::string take() && { return std::move(writer_).take(); }

  private:
    JsonWriter writer_;
    std::string name_;  // of the last member, which the texts of a list belong to, too
};

}  // namespace

std::string scrubbed_json(std::string_view text, JsonWriter::Layout layout) {
    ScrubbingWriter writer(layout);
    if (read_json(text, kPatientJsonLimits, writer)) return log::scrubbed(text);
    return std::move(writer).take();
}

}  // namespace jiro
