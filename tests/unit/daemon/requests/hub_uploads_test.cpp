// SPDX-License-Identifier: MIT
#include "daemon/requests/hub_uploads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "unit/signalr/bench.hpp"

namespace jiro::daemon {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Item = Result<std::optional<json>>;

class HubUploadsTest : public ::testing::Test {
  protected:
    HubUploadsTest() {
        bench_.start();
        uploads_.emplace(bench_.context.get_executor(), bench_.clock);
        uploads_->attach(*bench_.hub);
        uploads_->update(config::RequestKinds::all(), 32'768);
        boost::asio::co_spawn(
            bench_.context, uploads_->run(),
            boost::asio::bind_cancellation_slot(stop_.slot(), [this](std::exception_ptr) { has_ended_ = true; }));
        test::settle(bench_.context);
    }
    ~HubUploadsTest() override {
        stop_.emit(boost::asio::cancellation_type::terminal);
        test::settle(bench_.context);
        EXPECT_TRUE(has_ended_);
        bench_.shut_down();
    }

    Result<> start(const std::string& id, int items) {
        auto left = std::make_shared<int>(items);
        return uploads_->start(config::RequestKind::logs, "ReceiveLogsStream", id, [this, left] { return next(left); });
    }

    // Numbers, one after the other; then the end, or with a negative count: never an end, one a second.
    Task<Item> next(std::shared_ptr<int> left) {
        if (*left == 0) co_return std::optional<json>();
        if (*left < 0) co_await bench_.clock.sleep_for(1s);
        co_return std::optional<json>((*left)--);
    }

    static Task<Item> item(std::string text) { co_return std::optional<json>(std::move(text)); }

    static Task<Item> next_after(Clock& clock, Duration delay) {
        co_await clock.sleep_for(delay);
        co_return std::optional<json>(1);
    }

    std::vector<std::string> records(char type) { return bench_.socket().records(type); }

    test::Bench bench_;
    std::optional<HubUploads> uploads_;
    boost::asio::cancellation_signal stop_;
    bool has_ended_ = false;
};

// The hub's method is called with the id; its stream is in streamIds; items, then a Completion of the stream.
TEST_F(HubUploadsTest, calls_the_method_and_sends_the_items) {
    ASSERT_TRUE(start("r2", 2));
    test::settle(bench_.context);
    ASSERT_THAT(records('1'), SizeIs(1));
    const auto call = json::parse(records('1')[0]);
    EXPECT_EQ(call["target"], "ReceiveLogsStream");
    EXPECT_EQ(call["arguments"], json::array({"r2"}));
    ASSERT_THAT(call["streamIds"], SizeIs(1));
    ASSERT_THAT(records('2'), SizeIs(2));
    EXPECT_EQ(json::parse(records('2')[0])["invocationId"], call["streamIds"][0]);
    ASSERT_THAT(records('3'), SizeIs(1));
    EXPECT_EQ(json::parse(records('3')[0]), json({{"type", 3}, {"invocationId", call["streamIds"][0]}}));
    EXPECT_EQ(uploads_->size(), 1U);  // until the hub's method ends
    bench_.deliver(R"({"type":3,"invocationId":)" + call["invocationId"].dump() + "}\x1e");
    EXPECT_EQ(uploads_->size(), 0U);
}

// The hub's method ends: nothing more is sent.
TEST_F(HubUploadsTest, ends_with_the_hubs_method) {
    ASSERT_TRUE(start("r", -1));
    bench_.pass(3s);
    const auto sent = records('2').size();
    EXPECT_GE(sent, 2U);
    bench_.deliver(R"({"type":3,"invocationId":)" + json::parse(records('1')[0])["invocationId"].dump() + "}\x1e");
    EXPECT_EQ(uploads_->size(), 0U);
    bench_.pass(3s);
    EXPECT_EQ(records('2').size(), sent);
}

TEST_F(HubUploadsTest, ends_with_the_connection) {
    ASSERT_TRUE(start("r", -1));
    bench_.pass(1s);
    bench_.socket().cut();
    test::settle(bench_.context);
    EXPECT_EQ(uploads_->size(), 0U);
}

// The stream is ended after its time; a method that does not end then is left a minute later.
TEST_F(HubUploadsTest, ends_after_its_time) {
    bench_.hub->update([this] {
        auto settings = bench_.settings;
        settings.server_timeout = std::chrono::hours(10);
        return settings;
    }());
    bench_.pass(10s);
    ASSERT_TRUE(start("r", -1));
    bench_.pass(std::chrono::duration_cast<std::chrono::seconds>(HubUploads::kLongest) + 2s);
    ASSERT_THAT(records('3'), SizeIs(1));
    EXPECT_EQ(uploads_->size(), 1U);
    bench_.pass(60s);
    EXPECT_EQ(uploads_->size(), 0U);
}

// So is one that is quiet then.
TEST_F(HubUploadsTest, ends_after_its_time_also_when_it_is_quiet) {
    bench_.settings.server_timeout = std::chrono::hours(10);
    bench_.hub->update(bench_.settings);
    bench_.pass(10s);
    const auto quiet = [this]() -> Task<Item> { return next_after(bench_.clock, std::chrono::hours(10)); };
    ASSERT_TRUE(uploads_->start(config::RequestKind::logs, "ReceiveLogsStream", "r", quiet));
    bench_.pass(std::chrono::duration_cast<std::chrono::seconds>(HubUploads::kLongest) + 2s);
    ASSERT_THAT(records('3'), SizeIs(1));
    EXPECT_FALSE(json::parse(records('3')[0]).contains("error"));
    EXPECT_THAT(records('5'), IsEmpty());
}

TEST_F(HubUploadsTest, one_id_is_one_stream_and_there_are_not_many) {
    ASSERT_TRUE(start("twice", -1));
    EXPECT_FALSE(start("twice", -1));
    for (std::size_t i = 1; i < HubUploads::kMost; ++i) ASSERT_TRUE(start(std::to_string(i), -1));
    EXPECT_FALSE(start("one too many", -1));
    test::settle(bench_.context);
    EXPECT_THAT(records('1'), SizeIs(HubUploads::kMost));
}

// A reload may take away what a stream belongs to: it ends at once, also one that waits, and with an error; what was
// waited for does not go out.
TEST_F(HubUploadsTest, ends_when_its_kind_is_not_allowed_any_more) {
    ASSERT_TRUE(start("quick", -1));
    ASSERT_TRUE(uploads_->start(config::RequestKind::sessions, "StreamWordsToServer", "w",
                                [this] { return next_after(bench_.clock, 10s); }));
    bench_.pass(3s);
    auto allowed = config::RequestKinds::all();
    allowed.remove(config::RequestKind::sessions);
    uploads_->update(allowed, 32'768);
    test::settle(bench_.context);
    ASSERT_THAT(records('3'), SizeIs(1));
    EXPECT_EQ(json::parse(records('3')[0])["error"], "Stream failed: not allowed on this machine any more");
    bench_.pass(10s);
    EXPECT_THAT(records('3'), SizeIs(1));
    for (const auto& item : records('2'))
        EXPECT_NE(json::parse(item)["invocationId"], json::parse(records('3')[0])["invocationId"]);
}

// A hub that reads nothing any more: the connection's own limit ends it, and the streams with it.
TEST_F(HubUploadsTest, a_hub_that_does_not_read_ends_them) {
    bench_.socket().send_is_stuck = true;
    const auto long_item = [] { return item(std::string(4096, 'x')); };
    ASSERT_TRUE(uploads_->start(config::RequestKind::logs, "ReceiveLogsStream", "r", long_item));
    bench_.pass(40s);
    EXPECT_EQ(uploads_->size(), 0U);
}

}  // namespace
}  // namespace jiro::daemon
