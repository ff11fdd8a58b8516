// SPDX-License-Identifier: MIT
#pragma once
// The outbox's store in its file, as far as that can be opened, and the one place where a failure of it is dealt with:
// a full disk, a damaged file, a disk that fails, a commit of which nobody knows whether it is there. Used on the
// storage thread.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "delivery/outbox_clock.hpp"
#include "delivery/outbox_files.hpp"
#include "delivery/outbox_store.hpp"
#include "jiro/base/file_descriptor.hpp"

namespace jiro::delivery {

class OpenOutbox {
  public:
    using SteadyTime = std::chrono::steady_clock::time_point;
    using Work = std::function<void(OutboxStore&)>;
    // Called with each store that was opened, before anything else; an error, or what it throws: it stays closed.
    using Joined = std::function<Result<>(OutboxStore&)>;

    OpenOutbox(const OutboxSettings& settings, const Clock& clock);

    [[nodiscard]] Result<> open(const Joined& joined);
    void close() noexcept { store_.reset(); }  // checkpoints and removes the WAL
    [[nodiscard]] SteadyTime next_look() const noexcept { return next_look_; }
    [[nodiscard]] bool must_look(SteadyTime now) const noexcept { return store_ && now >= next_look_; }
    // Between batches: opens what could not be opened; once a second, looks for its files and for room on the disk.
    // True: it looked.
    bool look_after(SteadyTime now);
    void look_at_once() noexcept { next_look_ = next_copy_ = {}; }  // the next time
    // For the last time. False: it is not where it should be, and what is in it ends with it.
    [[nodiscard]] bool look_before_the_end();

    // Does `work` in one transaction. An error: nothing of it is there, and the failure has been dealt with; the store
    // may be closed now.
    std::optional<Error> transact(const Work& work);
    // The same without a transaction, for what only reads.
    std::optional<Error> read(const Work& work);

    [[nodiscard]] bool is_open() const noexcept { return store_ != nullptr; }
    [[nodiscard]] bool is_well() const noexcept { return store_ && !is_full_ && !is_astray_; }
    [[nodiscard]] bool has_space(std::uint64_t bytes) const { return !files_.lacks_space(bytes); }  // on its disk
    // Why no new command is taken although it is open; nullopt: they are.
    [[nodiscard]] std::optional<Error> refusal() const;
    [[nodiscard]] const std::optional<Error>& closed_because() const noexcept { return closed_because_; }
    // The last known numbers while it is closed.
    [[nodiscard]] const OutboxFigures& figures(const Moment& now);

    [[nodiscard]] const OutboxSettings& settings() const noexcept { return settings_; }
    void set_dedupe_window(std::chrono::hours window) noexcept;
    [[nodiscard]] const OutboxClock& clock() const noexcept { return clock_; }
    [[nodiscard]] bool knows_wall_clock(const Moment& now) const { return !store_ || store_->knows_wall_clock(now); }
    void release(const std::vector<std::string>& ids);  // gives leased ids free
    [[nodiscard]] bool remembers_too_much() const { return store_ && store_->remembers_too_much(); }

  private:
    Result<> open_again() { return open(joined_); }
    [[nodiscard]] Result<> mend_log();
    [[nodiscard]] Result<> join();
    void open_store();
    void note_lost();
    Result<> refuse_to_open(const Error& error);
    void note_lasting(std::string problem);
    void look_for_files();
    void look_for_room();
    void come_back();
    void move_to_copy();
    void copy_to(const std::filesystem::path& file);
    void recover_from(storage_errc code, const std::string& what);
    [[nodiscard]] bool is_sound(const std::string& what);
    void rebuild(const std::string& what);
    std::filesystem::path make_anew(const std::function<void(const std::filesystem::path& file)>& fill);
    [[nodiscard]] std::uint64_t take_over_damaged(const std::filesystem::path& file);
    void note_full(const std::string& what);
    [[nodiscard]] bool is_committed(std::int64_t transaction);
    // What is in it ends with this process.
    [[nodiscard]] bool is_elsewhere() const noexcept;
    void note_counts() { static_cast<OutboxCounts&>(figures_) = store_->counts(); }

    OutboxSettings settings_;
    OutboxClock clock_;
    OutboxFiles files_;
    LeasedIds leased_;
    Joined joined_;
    std::unique_ptr<OutboxStore> store_;  // null while the file cannot be opened
    std::optional<Error> closed_because_;
    std::string lasting_problem_;   // what an operator should know until the next start
    std::int64_t committed_ = 0;    // the last transaction that the file is known to hold
    std::int64_t committing_ = 0;   // and the one that was tried last
    FileDescriptor copy_;           // made last: one that could not be opened is not kept as what took the place
    bool must_checkpoint_ = false;  // a flush may have failed: what is in the file may not be on the disk
    bool is_astray_ = false;        // the file is not where it was
    bool is_full_ = false;
    bool is_low_ = false;
    OutboxFigures figures_;
    SteadyTime next_open_{};
    SteadyTime next_look_{};
    SteadyTime next_rebuild_{};
    SteadyTime next_copy_{};
    std::chrono::seconds copy_pause_{1};
};

}  // namespace jiro::delivery
