# SPDX-License-Identifier: MIT
"""The files that the daemon keeps: a path that was mistaken costs nobody a file, and what is removed under a running daemon is made again."""

import sqlite3

from harness.case import DaemonTest
from harness.programs import run_client

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
        self.start_client(start=False)
        for make in (make_database, lambda path: path.write_bytes(NOTES)):
            make(self.client.outbox)
            self.client.outbox.chmod(0o640)
            before = self.client.outbox.read_bytes()
            sentence = f"Outbox.Path names a file that is no outbox: {self.client.outbox}"
            self.assert_named(sentence)
            self.assertIn(sentence, self.ask("outbox", "list")[1])
            self.assertIn(sentence, self.ask("run")[1])
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
