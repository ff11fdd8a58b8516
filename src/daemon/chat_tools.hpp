// SPDX-License-Identifier: MIT
#pragma once
// The commands of this machine as tools of the model: each call is a command of its own, with all checks, limits and
// lines of the log, in no slot of the hub's commands. Event loop only.

#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "jiro/assistant/tool_box.hpp"
#include "jiro/base/clock.hpp"
#include "jiro/base/random.hpp"
#include "jiro/commands/command_registry.hpp"

namespace jiro::daemon {

class ChatTools final : public assistant::ToolBox {
  public:
    ChatTools(Clock& clock, RandomSource& random, boost::asio::thread_pool& workers)
        : clock_(clock), random_(random), workers_(workers) {}

    // What calls go to from now on.
    void use(commands::Settings settings, std::shared_ptr<const commands::CommandRegistry> registry);

    [[nodiscard]] std::vector<assistant::Tool> tools(const std::vector<std::string>& names) const override;
    [[nodiscard]] Task<std::string> call(std::string name, std::string arguments, std::string session_id) override;

  private:
    [[nodiscard]] const commands::CommandHandler* find(const std::string& name) const;

    Clock& clock_;
    RandomSource& random_;
    boost::asio::thread_pool& workers_;
    commands::Settings settings_;
    std::shared_ptr<const commands::CommandRegistry> registry_;
};

}  // namespace jiro::daemon
