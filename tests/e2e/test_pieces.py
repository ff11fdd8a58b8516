# SPDX-License-Identifier: MIT
"""The configuration in pieces: config.d and commands.d beside the file, at the start, at a reload and in check-config."""

import os
import signal
import socket

from harness.case import DaemonTest
from harness.programs import run_client

TRUE = "  Program: [/bin/echo, {word}]\n"


class PiecesTest(DaemonTest):
    def piece(self, name, text):
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def reload(self, expected):
        since = len(self.client.log.lines)
        self.client.signal(signal.SIGHUP)
        return self.client.wait_log(expected, since=since)

    def test_start_and_reload(self):
        """A command and a key of a piece are in force from the start; a reload takes a new piece, and what is gone away."""
        self.piece("config.d/10-id.yaml", "InstanceId: site-${hostname}\n")
        first = self.piece("commands.d/first.yaml", "first:\n" + TRUE.format(word="one"))
        link = self.start_all()
        link.command("first", "a", instanceId="site-" + socket.gethostname())
        self.assertEqual(self.result("a").response, "one\n")
        link.command("first", "b", instanceId="site-elsewhere")
        self.assertIn("not the instance", self.result("b").response)

        first.unlink()
        self.piece("commands.d/second.yaml", "second:\n" + TRUE.format(word="two"))
        self.reload("Configuration reloaded.*Commands.Exec")
        link.command("second", "c")
        self.assertEqual(self.result("c").response, "two\n")
        link.command("first", "d")
        self.assertIn("unknown command", self.result("d").response)

    def test_a_folder_that_links_put_in_the_place_of_another(self):
        """As Kubernetes brings the files of a ConfigMap up to date: one link changes, and all files with it."""
        self.piece("commands.d/..1/x.yaml", "first:\n" + TRUE.format(word="one"))
        self.piece("commands.d/..2/x.yaml", "second:\n" + TRUE.format(word="two"))
        data = self.directory / "commands.d" / "..data"
        data.symlink_to("..1")
        (data.parent / "x.yaml").symlink_to("..data/x.yaml")
        link = self.start_all()
        link.command("first", "a")
        self.assertEqual(self.result("a").response, "one\n")
        data.unlink()
        data.symlink_to("..2")
        self.reload("Configuration reloaded.*Commands.Exec")
        link.command("second", "b")
        self.assertEqual(self.result("b").response, "two\n")

    def test_a_bad_one_among_good_ones(self):
        """A reload names the bad piece, and nothing of the good ones is applied."""
        link = self.start_all()
        self.piece("commands.d/good.yaml", "good:\n" + TRUE.format(word="good"))
        bad = self.directory / "commands.d" / "bad.yaml"
        os.mkfifo(bad)
        refused = self.reload("Reload refused")
        self.assertIn(f"{bad}: is a named pipe, not a file", refused)
        link.command("good", "a")
        self.assertIn("unknown command", self.result("a").response)
        bad.unlink()
        self.reload("Configuration reloaded")
        link.command("good", "b")
        self.assertEqual(self.result("b").response, "good\n")

    def test_one_bad_one_among_a_thousand(self):
        """A thousand good pieces with a bad one in their middle: it is named, nothing of them is in force; without it all are."""
        link = self.start_all()
        for number in range(1000):
            self.piece(f"commands.d/{number:04}.yaml", f"c{number}:\n" + TRUE.format(word=number))
        bad = self.directory / "commands.d" / "0500-bad.yaml"
        elsewhere = self.piece("elsewhere.yaml", "elsewhere:\n" + TRUE.format(word="x"))
        for make, why in ((lambda: bad.symlink_to(elsewhere), "out of this folder"), (lambda: os.mkfifo(bad), "is a named pipe, not a file"),
                          (lambda: bad.symlink_to("/dev/zero"), "out of this folder"), (lambda: bad.write_text("c1:\n" + TRUE.format(word="x")), "the name is taken")):
            make()
            refused = self.reload("Reload refused")
            self.assertIn(str(bad), refused)
            self.assertIn(why, refused)
            bad.unlink()
        link.command("c0", "a")
        self.assertIn("unknown command", self.result("a").response)
        self.reload("Configuration reloaded")
        for number in (0, 500, 999):
            link.command(f"c{number}", f"c{number}")
            self.assertEqual(self.result(f"c{number}").response, f"{number}\n")

    def test_check_config(self):
        """Every mistake of every piece at once, a key that is given twice with both places; and what is good is named, too."""
        config = self.piece("config.yaml", "Grpc: { TimeoutMs: 1000 }\n")
        piece = self.piece("config.d/a.yaml", "Grpc:\n  TimeoutMs: 2000\n  Timeout: 1\n")
        self.piece("commands.d/a.yaml", "disk:\n" + TRUE.format(word="x"))
        checked = run_client("check-config", "--config", config)
        self.assertEqual(checked.returncode, 78, checked)
        self.assertIn(f"{piece}:2:3: Grpc.TimeoutMs: is given twice, first in {config}:1\n", checked.stderr)
        self.assertIn(f"{piece}:3:3: Grpc.Timeout: unknown key", checked.stderr)

        piece.write_text("Grpc: { MaxRetries: 7 }\n")
        checked = run_client("check-config", "--config", config)
        self.assertEqual((checked.returncode, checked.stdout.splitlines()[:2]), (0, [f"{config} is good", f"{piece} is good"]), checked)
        printed = run_client("check-config", "--print", "--config", config).stdout
        self.assertIn(f"MaxRetries: 7  # {piece}:1\n", printed)
        self.piece("commands.d/forgotten.yml", "forgotten:\n" + TRUE.format(word="x"))
        checked = run_client("check-config", "--config", config)
        self.assertIn("commands.d: forgotten.yml: not read, since only names that end in .yaml are", checked.stderr, checked)
        listed = run_client("commands", "--json", "--config", config).stdout
        self.assertIn(str(self.directory / "commands.d" / "a.yaml"), listed)
