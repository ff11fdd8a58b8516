# SPDX-License-Identifier: MIT
"""The files that the daemon keeps: a path that was mistaken costs nobody a file, and what is removed under a running daemon is made again."""

import sqlite3

from harness.case import DaemonTest
from harness.grpc_server import Reply
from harness.programs import Client, run_client
from harness.waiting import holds_for, wait_until

NOTES = b"my own notes\n" * 20


def make_database(path):
    database = sqlite3.connect(path)
    database.execute("create table customers(id integer, name text)")
    database.commit()
    database.close()


class ForeignFileTest(DaemonTest):
    """Each of it is named alike by check-config, doctor, the start and the command line, and stays as it is."""

    def ask(self, *arguments):
        answer = run_client(arguments[0], "--config", self.client.config_file, *arguments[1:])
        return answer.returncode, " ".join((answer.stdout + answer.stderr).split())

    def assert_named(self, sentence):
        code, told = self.ask("check-config")
        self.assertEqual(code, 78, told)
        self.assertIn(sentence, told)
        self.assertIn(sentence, self.ask("doctor", "--offline")[1])

    def test_a_redo_log_that_is_none(self):
        self.start_hub()
        self.start_grpc()
        self.start_client(start=False, redo_log=False)
        for durability in ("process", "power"):
            notes = self.directory / f"{durability}.txt"
            notes.write_bytes(NOTES)
            self.client.write_config(Outbox={"RedoLog": str(notes), "Durability": durability})
            self.assert_named(f"Outbox.RedoLog names a file that is no redo log: {notes}")
            self.client.start()
            self.client.wait_connected()
            self.client.wait_log("No redo log.*names a file that is no redo log")
            self.assertEqual(self.client.stop(), 0)
            self.assertEqual(notes.read_bytes(), NOTES)

    def test_an_outbox_that_is_none(self):
        self.client = Client(self.directory, start=False)
        for make in (make_database, lambda path: path.write_bytes(NOTES)):
            make(self.client.outbox)
            self.client.outbox.chmod(0o640)
            before = self.client.outbox.read_bytes()
            sentence = f"Outbox.Path names a file that is no outbox: {self.client.outbox}"
            self.assert_named(sentence)
            self.assertIn(sentence, self.ask("outbox", "list")[1])
            code, answer = self.ask("run")
            self.assertIn(sentence, answer)
            self.assertEqual(code, 78)
            self.assertEqual(self.client.outbox.read_bytes(), before)
            self.assertEqual(self.client.outbox.stat().st_mode & 0o777, 0o640)
            self.assertEqual([file.name for file in self.client.outbox.parent.iterdir()], ["outbox.db"])
            self.client.outbox.unlink()

    def test_conversations_that_are_none(self):
        chat = self.directory / "chat" / "mine"
        chat.parent.mkdir()
        self.start_client(start=False, config={"Chat": {"Model": "m", "Endpoint": "http://127.0.0.1:9/", "Path": str(chat)}})
        for make in (make_database, lambda path: path.write_bytes(NOTES)):
            make(chat)
            before = chat.read_bytes()
            sentence = f"Chat.Path names a file that holds no conversations: {chat}"
            self.assert_named(sentence)
            self.assertIn(sentence, self.ask("sessions", "list")[1])
            self.client.start()
            self.client.wait_log("Chat.Path names a file that holds no conversations")
            self.assertEqual(self.client.stop(), 0)
            self.assertEqual(chat.read_bytes(), before)
            self.assertEqual([file.name for file in chat.parent.iterdir()], ["mine"])
            chat.unlink()


class RemovedFileTest(DaemonTest):
    """A file of the running daemon's is gone: `rm`, a clean-up job, a container that is begun anew on the same volume."""

    def refuse(self, _message, _attempt):
        return Reply.ok() if self.opened else Reply.status("UNAUTHENTICATED")

    def start_with_results(self, count, **options):
        self.opened = False
        connection = self.start_all(self.refuse, **options)
        for number in range(count):
            connection.command(f"echo {number}", f"id-{number}")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == count, "all are kept")
        return connection

    def assert_delivered(self, count):
        self.opened = True
        self.client.start()
        wait_until(lambda: len(self.grpc.accepted) == count, "all results", 15, context=self.client.tail)

    def test_a_stop_behind_the_removal_loses_nothing(self):
        self.start_with_results(10)
        self.assertEqual(self.client.stop(), 0)
        self.client.start()  # all of it is in the file itself
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 10, "all are there")
        self.client.outbox.unlink()
        self.assertEqual(self.client.stop(), 0)
        self.assert_delivered(10)

    def test_it_is_noticed_within_a_second_or_so(self):
        self.start_with_results(10)
        self.client.outbox.unlink()
        self.client.wait_log("all of it is in a new one", 2)
        self.client.outbox.parent.rename(self.directory / "moved")
        wait_until(self.client.outbox.exists, "it is there again", 2, context=self.client.tail)
        self.client.wait_status(lambda status: status["outbox"]["writable"], "it is open again")
        self.client.kill()
        self.assert_delivered(10)

    def lose_the_log(self, **options):
        connection = self.start_with_results(1, **options)
        log = self.client.outbox.with_name("outbox.db-wal")
        log.unlink()
        wait_until(log.exists, "it is there again", 2, context=self.client.tail)
        self.client.wait_log("its log was removed or replaced while it was open: all of it is in the file itself")
        for number in range(20):
            connection.command("echo x", f"later-{number}")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 21, "all are kept")
        self.client.kill()
        self.assert_delivered(21)

    def test_a_log_that_is_gone_loses_nothing(self):
        self.lose_the_log()

    def test_a_log_that_is_gone_loses_nothing_with_power(self):
        self.lose_the_log(redo_log=False, config={"Outbox": {"Durability": "power"}})

    def test_a_copy_that_is_removed_as_it_appears_is_made_again(self):
        self.start_with_results(50)
        state = self.client.outbox.parent
        for _ in range(2):
            for file in state.iterdir():
                file.unlink(missing_ok=True)
            wait_until(self.client.outbox.exists, "it appears", 5, poll=0)
        self.client.wait_log("all of it is in a new one", 5)
        wait_until(self.client.outbox.exists, "it is there again", 5)
        self.client.wait_status(lambda status: status["outbox"]["writable"], "it is open again")
        self.client.kill()
        self.assert_delivered(50)

    def test_nothing_is_kept_in_an_emptied_file(self):
        self.start_with_results(5)
        self.assertEqual(self.client.stop(), 0)
        self.client.start()  # all of it is in the file itself
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 5, "all are there")
        self.client.outbox.write_bytes(b"")
        self.client.wait_status(lambda status: status["delivery"]["lost"] == 5, "it is told", 5)
        self.assertEqual(self.client.stop(), 0)
        self.assertNotIn("Results are left undelivered", self.client.log.text())

    def test_a_folder_above_that_moves_is_noticed(self):
        state = self.directory / "above" / "state"
        state.mkdir(parents=True)
        self.start_with_results(3, config={"Outbox": {"Path": str(state / "outbox.db")}})
        (self.directory / "above").rename(self.directory / "moved")
        wait_until((state / "outbox.db").exists, "it is there again", 2, context=self.client.tail)
        self.client.wait_status(lambda status: status["outbox"]["writable"], "it is open again")
        self.client.kill()
        self.assert_delivered(3)

    def test_what_cannot_be_made_again_is_told(self):
        connection = self.start_with_results(3)
        state = self.client.outbox.parent
        state.rename(self.directory / "moved")
        state.write_text("")
        self.client.wait_log("was removed or replaced, and cannot be made again")
        connection.command("echo new", "new", invocation_id="1", target="CommandReceived")
        told = connection.completion("1", context=self.client.tail)["result"]
        self.assertFalse(told["IsSuccess"])
        self.assertIn("removed or replaced", told["Message"])
        self.assertEqual(self.client.stop(), 0)
        log = self.client.log.text()
        self.assertRegex(log, r"Results are lost: the outbox's file was removed.*count=4")  # the refusal, too
        self.assertNotIn('kept="in the outbox"', log)

    def test_a_stop_right_behind_the_removal_tells_it_as_well(self):
        connection = self.start_with_results(1)
        connection.command("echo b", "b")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 2, "both are kept")
        state = self.client.outbox.parent
        state.rename(self.directory / "moved")
        state.write_text("")
        self.assertEqual(self.client.stop(), 0)
        log = self.client.log.text()
        self.assertRegex(log, r"Results are lost: the outbox's file was removed.*count=2")
        self.assertRegex(log, r'Results are left undelivered.*count=2.*kept="?no"?')

    def test_no_copy_replaces_a_file_that_is_put_back(self):
        connection = self.start_with_results(1)
        outbox = self.client.outbox
        away = outbox.with_name("away")
        outbox.rename(away)
        other = sqlite3.connect(outbox, isolation_level=None)
        other.execute("create table t(x)")
        other.execute("begin")
        other.execute("select * from t").fetchone()
        self.client.wait_log("cannot be made again", 5)
        away.rename(outbox)
        other.close()
        self.client.wait_status(lambda status: status["outbox"]["writable"], "it is well again")
        self.assertFalse([file.name for file in outbox.parent.iterdir() if ".rebuil" in file.name])
        connection.command("echo later", "later")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 2, "both are kept")
        self.assertEqual(self.client.stop(), 0)
        self.assert_delivered(2)

    def test_two_daemons_leave_each_other_alone(self):
        self.start_with_results(3)
        state = self.client.outbox.parent
        state.rename(self.directory / "moved")
        second = Client(self.directory, self.hub.url, self.grpc.url, name="second")
        self.addCleanup(self._end, second)
        wait_until(lambda: second.logged("in use by another") or self.client.logged("cannot be made again"), "one of them has it", 15,
                   context=self.client.tail)
        holds_for(lambda: not list(state.glob("*.corrupt-*")), "nobody's database is moved aside", 4)

    def test_a_redo_log_that_is_gone_runs_nothing_twice(self):
        self.opened = True
        marks = self.directory / "runs"
        marks.touch()
        mark = {"Program": ["/bin/sh", "-c", f"echo $1 >> {marks}", "x", "{id}"], "Parameters": {"id": {}}}
        connection = self.start_all(self.refuse, config={"AllowInsecure": True, "Commands": {"RunAs": "daemon", "Exec": {"mark": mark}}})
        if not self.client.redo_log:
            self.skipTest("no tmpfs")
        self.client.redo_log.unlink()
        self.client.wait_log("a new one is made", 2)
        for number in range(30):
            connection.command("mark", f"id-{number}", parameters={"id": str(number)})
        wait_until(lambda: len(marks.read_text().split()) > 5, "some have run", 10, context=self.client.tail)
        self.client.kill()
        self.client.start()
        connection = self.connection(2)
        for number in range(30):
            connection.command("mark", f"id-{number}", parameters={"id": str(number)})
        wait_until(lambda: len(self.grpc.accepted) == 30, "all results", 15, context=self.client.tail)
        runs = marks.read_text().split()
        self.assertEqual(len(runs), len(set(runs)), runs)


class AcknowledgedAtTheEndTest(DaemonTest):
    """Under `Acknowledge: delivered` a hub that waits is told when nothing will be delivered here."""

    def test_a_stop_says_that_the_result_is_kept(self):
        connection = self.start_all(lambda message, attempt: Reply.status("UNAVAILABLE"), config={"Commands": {"Acknowledge": "delivered"}})
        connection.command("echo a", "a", invocation_id="1", target="CommandReceived")
        connection.command("echo b", "b", invocation_id="2")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 2, "both are kept")
        self.assertEqual(self.client.stop(), 0)
        contract = connection.completion("1", context=self.client.tail)["result"]
        self.assertTrue(contract["IsSuccess"], contract)
        seeds = connection.completion("2", context=self.client.tail)["result"]
        self.assertTrue(seeds["isSuccess"], seeds)
        for told in (contract["Message"], seeds["message"]):
            self.assertIn("its result is kept", told)

    def test_a_stop_says_it_to_all_who_wait(self):
        connection = self.start_all(lambda message, attempt: Reply.status("UNAVAILABLE"), config={"Commands": {"Acknowledge": "delivered"}})
        ids = [f"c{number}" for number in range(2000)]
        for number in ids:
            connection.command("echo x", number, invocation_id=number, target="CommandReceived")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == len(ids), "all are kept", 30)
        self.assertEqual(self.client.stop(), 0)
        told = {number: connection.completion(number, context=self.client.tail) for number in ids}
        self.assertEqual([number for number in ids if not told[number].get("result", {}).get("IsSuccess")], [])

    def test_a_drop_ends_the_wait(self):
        connection = self.start_all(lambda message, attempt: Reply.status("UNAUTHENTICATED"), config={"Commands": {"Acknowledge": "delivered"}})
        connection.command("echo a", "a", invocation_id="1", target="CommandReceived")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 1, "it is kept")
        wait_until(lambda: run_client("outbox", "--config", self.client.config_file, "drop", "a").returncode == 0, "it is dropped", 10)
        told = connection.completion("1", context=self.client.tail)["result"]
        self.assertFalse(told["IsSuccess"], told)
        self.assertIn("dropped by the operator", told["Message"])
