# SPDX-License-Identifier: MIT
"""The unit's side of a command, with definitions of root's: a daemon that was taken over can only ask for what root defined."""

import os
import pathlib
import subprocess
import sys
import unittest

from harness.case import DaemonTest
from harness.units import Units

TAKEN_OVER = pathlib.Path(__file__).resolve().parents[1] / "system" / "taken_over.py"
SHOW = """show:
  Program: [/bin/sh, -c, 'cat; echo "root: $1 $JIRO_COMMAND_ID"', sh, "{word}"]
  Parameters: { word: { Pattern: "[a-z]+" } }
"""


@unittest.skipUnless(os.geteuid() == 0, "definitions count when they are root's")
class DefinitionsTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.definitions = self.directory / "commands.d"
        self.definitions.mkdir()
        self.file = self.definitions / "show.yaml"
        self.file.write_text(SHOW)

    def serve(self, *arguments):
        units = Units(self.directory / f"units{len(arguments)}", arguments=("--definitions", self.definitions, *arguments))
        self.addCleanup(units.stop)
        return units.path

    def ask(self, socket, *words):
        """As a daemon that was taken over."""
        done = subprocess.run([sys.executable, TAKEN_OVER, *words], env={**os.environ, "UNITS": socket}, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr

    def test_what_root_defined_runs(self):
        """A command of commands.d runs in its unit, by root's definition as it is now; one of the configuration file is refused."""
        socket = self.serve()
        elsewhere = {"elsewhere": {"Program": ["/bin/echo", "elsewhere"]}}
        link = self.start_all(config={"Commands": {"UnitSocket": socket, "Exec": elsewhere}})
        link.command("show abc", "a")
        self.assertEqual(self.result("a").response, "root: abc a\n")
        link.command("elsewhere", "b")
        refused = self.result("b")
        self.assertFalse(refused.is_success)
        self.assertIn(f"the command elsewhere is not defined in {self.definitions}", refused.response)
        self.file.write_text(SHOW.replace("root:", "root, anew:"))
        link.command("show abc", "c")
        self.assertEqual(self.result("c").response, "root, anew: abc c\n")

    def test_a_daemon_that_was_taken_over(self):
        """Whatever it asks for: root's program with values that root allows, or nothing."""
        socket = self.serve()
        self.assertEqual(self.ask(socket, "show", "abc"), "root: abc taken-over\n")
        for words, why in (
            (("show", "a;id"), 'word "a;id" does not match'),
            (("show",), "the argument word is missing"),
            (("show", "a", "b"), "too many arguments"),
            (("other",), "the command other is not defined in"),
            (("../show",), "is not defined in"),
            (("",), "is not defined in"),
        ):
            said = self.ask(socket, *words)
            self.assertIn(why, said)
            self.assertNotIn("taken over\n", said)
        known = self.serve("--known-as", "/etc/jiro/commands.d")
        self.assertIn("the command other is not defined in /etc/jiro/commands.d, and", self.ask(known, "other"))
        self.file.chmod(0o666)
        self.assertIn("show.yaml: others may write it", self.ask(socket, "show", "abc"))

    def test_run_undefined(self):
        """Where root says so, what is not defined runs as the daemon has it, and what is defined still by its definition."""
        socket = self.serve("--run-undefined")
        said = self.ask(socket, "other")  # with all that it asked for, the library that ld.so looks for among it
        self.assertTrue(said.endswith("taken over\n") and "/tmp/x.so" in said, said)
        self.assertEqual(self.ask(socket, "show", "abc"), "root: abc taken-over\n")
        self.assertIn("does not match", self.ask(socket, "show", "A"))
