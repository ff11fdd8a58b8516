// SPDX-License-Identifier: MIT
#include "monitor/descent.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <map>

namespace jiro::monitor {
namespace {

using Kind = ProcessLook::Kind;

// What each process shows, one look after the other; the last one stays.
class DescentTest : public ::testing::Test {
  protected:
    Descent descent(int process) {
        return descent_of(process, [this](int asked) {
            ++looks_;
            auto& shown = processes_[asked];
            if (shown.empty()) return ProcessLook{Kind::gone};
            const auto look = shown.front();
            if (shown.size() > 1) shown.pop_front();
            return look;
        });
    }

    static constexpr ProcessLook kOurs{Kind::ours};
    static constexpr ProcessLook kGone{Kind::gone};
    static constexpr ProcessLook kHidden{Kind::hidden};
    static constexpr ProcessLook kForeign{Kind::foreign};
    static ProcessLook child_of(int parent) { return {Kind::other, parent}; }

    std::map<int, std::deque<ProcessLook>> processes_;
    int looks_ = 0;
};

// A child of ours anywhere above makes it a descendant; another's child is none.
TEST_F(DescentTest, walks_up_to_a_child_of_ours) {
    processes_ = {{10, {kOurs}}, {11, {child_of(10)}}, {12, {child_of(11)}}, {20, {child_of(1)}}, {21, {child_of(20)}}};

    EXPECT_EQ(descent(10), Descent::ours);
    EXPECT_EQ(descent(12), Descent::ours);
    EXPECT_EQ(descent(21), Descent::others);
}

// A parent that ends between two looks proves nothing: its child is somebody else's then, and is asked again.
TEST_F(DescentTest, begins_again_when_a_parent_has_gone) {
    processes_ = {{11, {kGone}}, {12, {child_of(11), kOurs}}, {21, {kGone}}, {22, {child_of(21), child_of(1)}}};

    EXPECT_EQ(descent(12), Descent::ours);
    EXPECT_EQ(descent(22), Descent::others);
}

// One that has gone itself, and one whose parents end for ever, are taken for programs.
TEST_F(DescentTest, takes_what_cannot_be_known_for_a_descendant) {
    processes_ = {{12, {child_of(11)}}};

    EXPECT_EQ(descent(10), Descent::ours);
    EXPECT_EQ(descent(12), Descent::ours);
    EXPECT_LT(looks_, 100);
}

// With ProtectProc=invisible the sudo above an operator's client does not show itself.
TEST_F(DescentTest, believes_a_foreign_parent_to_be_none_of_ours) {
    processes_ = {{30, {kForeign}}, {31, {child_of(30)}}};

    EXPECT_EQ(descent(30), Descent::others);
    EXPECT_EQ(descent(31), Descent::others);
}

// A program can hide; so do the processes that systemd starts with PrivateUsers=.
TEST_F(DescentTest, says_that_a_process_hides_and_blames_its_children) {
    processes_ = {{30, {kHidden}}, {31, {child_of(30)}}};

    EXPECT_EQ(descent(30), Descent::hidden);
    EXPECT_EQ(descent(31), Descent::ours);
}

// The kernel's word: a child, one that was reaped, ourselves and whoever started us.
TEST_F(DescentTest, looks_at_real_processes) {
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    EXPECT_EQ(descent_of(child), Descent::ours);
    EXPECT_EQ(descent_of(getpid()), Descent::others);
    EXPECT_EQ(descent_of(getppid()), Descent::others);
    EXPECT_EQ(descent_of(0), Descent::others);  // of a peer that is not of this namespace

    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
    EXPECT_EQ(descent_of(child), Descent::ours);
}

}  // namespace
}  // namespace jiro::monitor
