// SPDX-License-Identifier: MIT
#include "dev_hub/hub_methods.hpp"

#include "dev_hub/log.hpp"
#include "jiro/base/json.hpp"

namespace jiro::dev_hub {
namespace {

constexpr std::int64_t kMaxItems = 100'000;
constexpr const char* kNoMethod = "HubException: Method does not exist.";

std::string failure(const HubMessage& call, const std::string& why) {
    return error_completion_record(call.invocation_id,
                                   "Failed to invoke '" + call.target + "' due to an error on the server. " + why);
}

}  // namespace

HubMethods::HubMethods(Executor executor, Clock& clock, Write write)
    : executor_(std::move(executor)),
      clock_(clock),
      write_(std::move(write)),
      tasks_([](const std::exception_ptr&) {}) {}

bool HubMethods::handle(HubMessage message) {
    switch (message.type) {
        case MessageType::invocation:
            call(message);
            return true;
        case MessageType::stream_invocation:
            start_stream(message);
            return true;
        case MessageType::cancel_invocation:
            streams_.erase(message.invocation_id);
            return true;
        case MessageType::stream_item: {
            const auto upload = uploads_.find(message.invocation_id);
            if (upload == uploads_.end()) return true;  // late items are normal
            ++upload->second.items;
            if (const auto& request_id = upload->second.request_id; !request_id.empty()) {
                const auto item = message.value.value_or(nlohmann::json());
                logger.info("Stream item", {{"request_id", request_id}, {"item", json_text(item)}});
            }
            return true;
        }
        case MessageType::completion: {
            const auto upload = uploads_.find(message.invocation_id);
            if (upload == uploads_.end()) return false;
            const auto [id, items, request_id] = upload->second;
            uploads_.erase(upload);
            if (id.empty()) return true;
            const auto count = request_id.empty() ? std::optional(std::to_string(items)) : std::nullopt;
            write_(message.error ? error_completion_record(id, *message.error) : completion_record(id, count));
            return true;
        }
        default:
            return true;
    }
}

Task<> HubMethods::finish() {
    streams_.clear();
    tasks_.abort();
    co_await tasks_.wait();
}

void HubMethods::call(const HubMessage& message) {
    const auto& id = message.invocation_id;
    const auto answer = [&](const std::string& record) {
        if (!id.empty()) write_(record);  // without an id nobody waits
    };
    const auto fail = [&](const std::string& why) { answer(failure(message, why)); };
    const auto& arguments = message.arguments;
    if (message.target == "Echo" && arguments.size() == 1) {
        answer(completion_record(id, json_text(arguments[0])));
    } else if (message.target == "Ping" && arguments.empty()) {
        answer(completion_record(id, std::nullopt));
    } else if (message.target == "Fail" && arguments.size() == 1 && arguments[0].is_string()) {
        fail("HubException: " + arguments[0].get<std::string>());
    } else if (message.target == "Upload" && message.stream_ids.size() == 1) {
        uploads_[message.stream_ids.front()] = {id, 0};
    } else if ((message.target == "ReceiveLogsStream" || message.target == "ReceiveSessionMessagesStream") &&
               message.stream_ids.size() == 1 && arguments.size() == 1 && arguments[0].is_string()) {
        uploads_[message.stream_ids.front()] = {id, 0, arguments[0].get<std::string>()};
    } else if (message.target == "Echo" || message.target == "Ping" || message.target == "Fail" ||
               message.target == "Upload") {
        fail("InvalidDataException: the arguments do not bind");
    } else {
        fail(kNoMethod);
    }
}

void HubMethods::start_stream(const HubMessage& message) {
    const auto& id = message.invocation_id;
    const auto& arguments = message.arguments;
    const auto is_count = [](const nlohmann::json& value) {
        return value.is_number_integer() && value.get<std::int64_t>() >= 0 && value.get<std::int64_t>() <= kMaxItems;
    };
    if (message.target != "Stream" || arguments.empty() || arguments.size() > 2 || !is_count(arguments[0]) ||
        !is_count(arguments.back())) {
        return write_(failure(message, kNoMethod));
    }
    if (!streams_.insert(id).second) return write_(error_completion_record(id, "The invocation id is in use."));
    const auto delay = std::chrono::milliseconds(arguments.size() == 2 ? arguments[1].get<std::int64_t>() : 0);
    tasks_.spawn(executor_, stream(*this, id, arguments[0].get<std::int64_t>(), delay));
}

Task<> HubMethods::stream(HubMethods& self, std::string id, std::int64_t count, Duration delay) {
    for (std::int64_t item = 0; item < count && self.streams_.contains(id); ++item) {
        self.write_(stream_item_record(id, std::to_string(item)));
        if (delay > Duration::zero()) co_await self.clock_.sleep_for(delay);
    }
    self.streams_.erase(id);
    self.write_(completion_record(id, std::nullopt));
}

}  // namespace jiro::dev_hub
