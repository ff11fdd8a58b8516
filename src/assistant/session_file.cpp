// SPDX-License-Identifier: MIT
#include "assistant/session_file.hpp"

#include <algorithm>
#include <optional>

#include "assistant/stored_time.hpp"
#include "jiro/base/text.hpp"
#include "jiro/base/utf8.hpp"

namespace jiro::assistant {

namespace {

constexpr std::size_t kNameBytes = 60;
constexpr std::string_view kCutMark = "\n\n*(The answer was cut off here.)*";

// The first words, on one line.
std::string name_for(std::string_view question) {
    std::string name;
    for (const char c : trimmed(question.substr(0, 4 * kNameBytes))) {
        const bool is_blank = is_space(c) || static_cast<unsigned char>(c) < 0x20;
        if (!is_blank) {
            name += c;
        } else if (!name.ends_with(' ')) {
            name += ' ';
        }
    }
    if (name.size() <= kNameBytes) return to_utf8(std::move(name));
    auto head = utf8_head(name, kNameBytes);
    const auto blank = head.rfind(' ');
    if (blank != std::string_view::npos && blank > kNameBytes / 2) head = head.substr(0, blank);
    return to_utf8(head) + "...";
}

#define JIRO_SUMMARY                                    \
    "Id, Name, Description, CreatedAt, LastUpdatedAt, " \
    "(SELECT count(*) FROM Messages WHERE SessionId = ChatSessions.Id)"

SessionSummary summary_of(const Statement& row) {
    return {row.text(0),
            row.text(1),
            row.text(2),
            from_stored(row.text(3)),
            from_stored(row.text(4)),
            static_cast<std::uint64_t>(row.integer(5))};
}

// Goes backwards from the newest message, and puts together what belongs together: a question, and an answer that is
// not empty. A question without one is told to the model no more.
class ExchangeReader {
  public:
    explicit ExchangeReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    // Sequence, Content, IsUser of a row; false: there is no more room.
    bool take(const Statement& row) {
        if (row.integer(2) == 0) {
            answer_ = {row.integer(0), {}, row.text(1)};
            return true;
        }
        if (!answer_) return true;
        answer_->question = row.text(1);
        if (bytes_ + answer_->bytes() > max_bytes_) return false;
        bytes_ += answer_->bytes();
        exchanges_.push_back(std::move(*answer_));
        answer_.reset();
        return true;
    }

    std::vector<StoredExchange> take_all() {
        std::ranges::reverse(exchanges_);
        return std::move(exchanges_);
    }

  private:
    std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::optional<StoredExchange> answer_;  // whose question comes next
    std::vector<StoredExchange> exchanges_;
};

}  // namespace

History SessionFile::history_of(const std::string& session_id, std::size_t max_bytes) {
    History history;
    Statement& session = database_.use("SELECT ContextFrom, Summary, SummarizedUntil FROM ChatSessions WHERE Id = ?");
    const Cursor its_row(session);
    session.bind(session_id).step();
    history.summary = session.text(1);

    Statement& rows = database_.use(
        "SELECT Sequence, Content, IsUser FROM Messages WHERE SessionId = ?1 AND Sequence > ?2 AND Content <> '' ORDER "
        "BY Sequence DESC");
    const Cursor cursor(rows);
    rows.bind(session_id, std::max(session.integer(0), session.integer(2)));
    ExchangeReader reader(max_bytes);
    while (!history.has_unsummarized && rows.step()) history.has_unsummarized = !reader.take(rows);
    history.exchanges = reader.take_all();
    return history;
}

History SessionFile::begin(const NewExchange& exchange) {
    Transaction transaction(database_);
    const auto now = to_stored(exchange.now.wall);
    database_
        .use(
            "INSERT INTO ChatSessions (Id, Name, Description, CreatedAt, LastUpdatedAt, UsedInBoot, UsedAtMs) VALUES"
            " (?1, ?2, '', ?3, ?3, ?4, ?5) ON CONFLICT (Id) DO UPDATE SET LastUpdatedAt = excluded.LastUpdatedAt,"
            " UsedInBoot = excluded.UsedInBoot, UsedAtMs = excluded.UsedAtMs")
        .bind(exchange.session_id, name_for(exchange.question), now, exchange.now.boot_id,
              exchange.now.since_boot.count())
        .run();

    // One question at a time is asked: what is being written here could not be written to its end.
    database_.use("DELETE FROM Messages WHERE State = 2 AND Content = '' AND SessionId = ?")
        .bind(exchange.session_id)
        .run();
    database_.use("UPDATE Messages SET State = 1 WHERE State = 2 AND SessionId = ?").bind(exchange.session_id).run();
    auto history = history_of(exchange.session_id, exchange.history_bytes);

    Statement& message = database_.use(
        "INSERT INTO Messages (Id, Content, InstanceId, SessionId, IsUser, CreatedAt, Type, State) VALUES (?, ?, ?, ?,"
        " ?, ?, 0, ?)");
    message.bind(exchange.question_id, exchange.question, exchange.instance_id, exchange.session_id, 1, now, 0).run();
    message.bind(exchange.answer_id, "", exchange.instance_id, exchange.session_id, 0, now,
                 static_cast<int>(AnswerState::being_written));
    message.run();
    transaction.commit();
    return history;
}

bool SessionFile::write_answer(const std::string& answer_id, std::string_view text, AnswerState state,
                               std::int64_t tokens, const Instant& now) {
    if (text.empty() && state != AnswerState::being_written) {
        database_.use("DELETE FROM Messages WHERE Id = ?").bind(answer_id).run();
        return database_.changes() > 0;
    }
    const auto time = to_stored(now.wall);
    Transaction transaction(database_);
    database_.use("UPDATE Messages SET Content = ?2, State = ?3, Tokens = ?4, CreatedAt = ?5 WHERE Id = ?1")
        .bind(answer_id, text, static_cast<int>(state), tokens, time)
        .run();
    const bool has_place = database_.changes() > 0;
    database_
        .use(
            "UPDATE ChatSessions SET LastUpdatedAt = ?2, UsedInBoot = ?3, UsedAtMs = ?4 WHERE Id = (SELECT SessionId "
            "FROM Messages WHERE Id = ?1)")
        .bind(answer_id, time, now.boot_id, now.since_boot.count())
        .run();
    transaction.commit();
    return has_place;
}

std::vector<StoredExchange> SessionFile::unsummarized(const std::string& session_id, std::int64_t before,
                                                      std::size_t max_bytes) {
    Statement& rows = database_.use(
        "SELECT m.Sequence, m.Content, m.IsUser FROM Messages m JOIN ChatSessions s ON s.Id = m.SessionId WHERE s.Id ="
        " ?1 AND m.Sequence > max(s.ContextFrom, s.SummarizedUntil) AND m.Sequence < ?2 AND m.Content <> '' ORDER BY "
        "m.Sequence DESC");
    const Cursor cursor(rows);
    rows.bind(session_id, before);
    ExchangeReader reader(max_bytes);
    bool has_room = true;
    while (has_room && rows.step()) has_room = reader.take(rows);
    return reader.take_all();
}

void SessionFile::set_summary(const std::string& session_id, std::string_view summary, std::int64_t until) {
    database_.use("UPDATE ChatSessions SET Summary = ?2, SummarizedUntil = ?3 WHERE Id = ?1 AND ContextFrom < ?3")
        .bind(session_id, summary, until)
        .run();
}

bool SessionFile::reset(const std::string& session_id) {
    database_
        .use(
            "UPDATE ChatSessions SET Summary = '', ContextFrom = (SELECT coalesce(max(Sequence), 0) FROM Messages "
            "WHERE SessionId = ?1) WHERE Id = ?1")
        .bind(session_id)
        .run();
    return database_.changes() > 0;
}

SessionList SessionFile::list(std::size_t limit) {
    SessionList list;
    list.total = sessions();
    Statement& rows =
        database_.use("SELECT " JIRO_SUMMARY " FROM ChatSessions ORDER BY LastUpdatedAt DESC, Id LIMIT ?");
    const Cursor cursor(rows);
    rows.bind(static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000'000)));
    while (rows.step()) list.sessions.push_back(summary_of(rows));
    return list;
}

SessionPage SessionFile::page(std::int64_t after, std::size_t limit) {
    SessionPage page;
    Statement& rows =
        database_.use("SELECT " JIRO_SUMMARY ", rowid FROM ChatSessions WHERE rowid > ? ORDER BY rowid LIMIT ?");
    const Cursor cursor(rows);
    rows.bind(after, static_cast<std::int64_t>(limit));
    std::int64_t last = after;
    while (rows.step()) {
        page.sessions.push_back(summary_of(rows));
        last = rows.integer(6);
    }
    if (page.sessions.size() == limit) page.next = last;
    return page;
}

std::optional<SessionSummary> SessionFile::find(const std::string& id) {
    Statement& row = database_.use("SELECT " JIRO_SUMMARY " FROM ChatSessions WHERE Id = ?");
    const Cursor cursor(row);
    return row.bind(id).step() ? std::optional(summary_of(row)) : std::nullopt;
}

#undef JIRO_SUMMARY

std::vector<SessionMessage> SessionFile::messages(const std::string& id, const MessagePage& page) {
    Statement& rows = page.order == MessageOrder::oldest_first
                          ? database_.use(
                                "SELECT Sequence, Id, IsUser, Type, Content, CreatedAt, State FROM Messages "
                                "WHERE SessionId = ? AND Sequence > ? ORDER BY Sequence LIMIT ?")
                          : database_.use(
                                "SELECT Sequence, Id, IsUser, Type, Content, CreatedAt, State FROM Messages "
                                "WHERE SessionId = ? AND Sequence < ? ORDER BY Sequence DESC LIMIT ?");
    const Cursor cursor(rows);
    const auto everything = page.order == MessageOrder::oldest_first ? std::int64_t{0} : INT64_MAX;
    rows.bind(id, page.after.value_or(everything),
              static_cast<std::int64_t>(std::min<std::size_t>(page.limit, 1'000'000)));
    std::vector<SessionMessage> found;
    std::size_t bytes = 0;
    while (rows.step()) {
        bytes += rows.bytes(4).size();
        if (!found.empty() && bytes > page.max_bytes) break;
        auto& message = found.emplace_back();
        message.sequence = rows.integer(0);
        message.id = rows.text(1);
        message.is_user = rows.integer(2) != 0;
        message.kind = static_cast<MessageKind>(std::clamp<std::int64_t>(rows.integer(3), 0, 2));
        message.content = to_utf8(rows.text(4));
        message.created_at = from_stored(rows.text(5));
        if (rows.integer(6) == static_cast<int>(AnswerState::cut)) message.content += kCutMark;
    }
    return found;
}

bool SessionFile::remove(const std::string& id) {
    database_.use("DELETE FROM ChatSessions WHERE Id = ?").bind(id).run();
    if (database_.changes() == 0) return false;
    forget_deleted();
    return true;
}

// secure_delete has overwritten the pages; what was in them is in the log until that is emptied.
void SessionFile::forget_deleted() {
    database_.execute("PRAGMA incremental_vacuum");
    checkpoint();
}

bool SessionFile::update(const std::string& id, const SessionChange& change) {
    Transaction transaction(database_);
    const auto found = find(id);
    if (found) {
        database_.use("UPDATE ChatSessions SET Name = ?2, Description = ?3 WHERE Id = ?1")
            .bind(id, change.name.value_or(found->name), change.description.value_or(found->description))
            .run();
    }
    transaction.commit();
    return found.has_value();
}

// What was written before the clock was set would seem older or younger than it is in the next boot, which has only
// wall time to go by.
void SessionFile::follow_wall_clock(const Instant& now) {
    if (now.boot_id.empty()) return;
    const auto wall = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch());
    database_
        .use(
            "UPDATE ChatSessions SET LastUpdatedAt = strftime('%Y-%m-%d %H:%M:%S', ?2 - (?3 - UsedAtMs) / 1000, "
            "'unixepoch') || '.0000000' WHERE UsedInBoot = ?1 AND abs(CAST(strftime('%s', LastUpdatedAt) AS INTEGER) - "
            "(?2 - (?3 - UsedAtMs) / 1000)) > 60")
        .bind(now.boot_id, wall.count(), now.since_boot.count())
        .run();
}

std::uint64_t SessionFile::sweep(const SessionLimits& limits, const Instant& now) {
#define JIRO_AT_REST "Id NOT IN (SELECT SessionId FROM Messages WHERE State = 2)"
    // Within this boot by its clock, before that by the last message: both only grow, whatever the wall clock does.
#define JIRO_LEAST_RECENTLY_USED                                                                              \
    "SELECT Id FROM ChatSessions WHERE " JIRO_AT_REST                                                         \
    " ORDER BY CASE WHEN UsedInBoot = ?1 AND ?1 <> '' THEN UsedAtMs ELSE -1 END, (SELECT max(Sequence) FROM " \
    "Messages WHERE SessionId = ChatSessions.Id) LIMIT ?2"
    const auto at_rest = [&] { return database_.integer("SELECT count(*) FROM ChatSessions WHERE " JIRO_AT_REST); };
    std::uint64_t removed = 0;
    const auto count_removed = [&] {
        removed += static_cast<std::uint64_t>(database_.changes());
        return database_.changes() > 0;
    };
    follow_wall_clock(now);
    if (limits.max_age.count() > 0) {
        const std::chrono::milliseconds age = limits.max_age;
        database_
            .use(
                "DELETE FROM ChatSessions WHERE CASE WHEN UsedInBoot = ?1 AND ?1 <> '' THEN UsedAtMs < ?2 ELSE "
                "LastUpdatedAt < ?3 END AND " JIRO_AT_REST)
            .bind(now.boot_id, (now.since_boot - age).count(), to_stored(now.wall - age))
            .run();
        count_removed();
    }
    const auto remove_least_recently_used = [&](std::int64_t count) {
        database_.use("DELETE FROM ChatSessions WHERE Id IN (" JIRO_LEAST_RECENTLY_USED ")")
            .bind(now.boot_id, count)
            .run();
        return count_removed();
    };
    if (const auto count = at_rest(); count > limits.max_sessions) {
        remove_least_recently_used(count - limits.max_sessions);
    }
    while (bytes() > limits.max_bytes && at_rest() > 1) {
        if (!remove_least_recently_used(1)) break;
    }
#undef JIRO_LEAST_RECENTLY_USED
#undef JIRO_AT_REST
    if (removed > 0) forget_deleted();
    return removed;
}

std::uint64_t SessionFile::bytes() {
    const auto pages = database_.integer("PRAGMA page_count") - database_.integer("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(database_.integer("PRAGMA page_size"));
}

std::uint64_t SessionFile::sessions() {
    return static_cast<std::uint64_t>(database_.integer("SELECT count(*) FROM ChatSessions"));
}

}  // namespace jiro::assistant
