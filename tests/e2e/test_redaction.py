# SPDX-License-Identifier: MIT
"""`Redact`: values that a program may know and nobody is to see are masked in what it prints, wherever that is shown."""

import json
import os
import sys
import unittest

from harness.case import DaemonTest, wait_until
from harness.programs import run_client
from harness.units import Units

PASSWORD = "canary-Password-1"
TOKEN = "canary/Token+2"
KEY = "-----BEGIN KEY-----\ncanaryline3abcdef\ncanaryline4ghijkl\n=x==\n-----END KEY-----\n"


class RedactionTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.token = self.file("token", TOKEN + "\n")
        self.key = self.file("key", KEY)

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def command(self, script, redact=None, **members):
        return {"Program": script, "Shell": True, "Environment": {"DB_PASSWORD": PASSWORD},
                "Redact": ["DB_PASSWORD", self.token, self.key] if redact is None else redact, "KillGraceMs": 100, **members}

    def begin(self, **commands):
        self.link = self.start_all(config={"Commands": {"Exec": commands, **self.section()}})

    def section(self):
        return {}

    def run_one(self, text, sync_id):
        self.link.command(text, sync_id)
        return self.result(sync_id)

    def assert_clean(self, text):
        for secret in (PASSWORD, TOKEN, "canaryline3abcdef", "canaryline4ghijkl"):
            self.assertNotIn(secret, text)

    def test_in_results_whatever_they_are(self):
        cat = f"cat {self.token} {self.key}"
        self.begin(
            good=self.command(f'echo "pw=$DB_PASSWORD."; {cat}'),
            bad=self.command('echo "cannot log in as $DB_PASSWORD" >&2; exit 3'),
            as_json=self.command('printf \'{"password":"%s","ok":true}\' "$DB_PASSWORD"', Result="json"),
            encoded=self.command('printf %s "$DB_PASSWORD" | base64'),
            slowly=self.command('printf canary-Pass; sleep 0.3; printf word-; sleep 0.3; echo 1'),
        )
        good = self.run_one("good", "good")
        self.assertTrue(good.is_success, good)
        self.assertTrue(good.response.startswith("pw=***.\n***\n***\n***\n***\n=x==\n"), good.response)
        self.assertEqual(self.run_one("bad", "bad").response, "exit code 3: cannot log in as ***")
        self.assertEqual(json.loads(self.run_one("as_json", "as_json").response), {"password": "***", "ok": True})
        self.assertNotIn("Y2FuYXJ5LVBhc3N3b3", self.run_one("encoded", "encoded").response)
        self.assertEqual(self.run_one("slowly", "slowly").response, "***\n")
        for message in self.grpc.accepted.values():
            self.assert_clean(message.raw.decode("utf-8", "replace"))
        self.assert_clean("\n".join(self.client.log.lines))

    def test_while_it_runs(self):
        """Across the pieces in which the output comes, and with `output ID` in the middle of one."""
        self.begin(long=self.command('printf "a canary-Pass"; sleep 1; printf word-1; echo; printf %70000s x; echo "$DB_PASSWORD"; sleep 60'))
        self.link.command("long", "long")
        number = [0]

        def shown(text):
            number[0] += 1
            answer = self.run_one("output long", f"ask-{number[0]}").response
            self.assert_clean(answer)
            return text in answer

        wait_until(lambda: shown("a "), "the first words", 10, poll=0.1)
        wait_until(lambda: shown("a ***\n"), "the masked word", 10, poll=0.1)
        self.assertRegex(self.run_one("running", "running").response, "long, since")
        self.run_one("cancel long", "cancel")
        ended = self.result("long")
        self.assert_clean(ended.response)
        self.assertTrue(ended.response.endswith("***"), ended.response[-100:])

    def test_without_its_values_nothing_runs(self):
        gone = str(self.directory / "gone")
        short = self.file("short", "abc\n")
        self.begin(gone=self.command("echo ran", [gone]), short=self.command("echo ran", [short]), folder=self.command("echo ran", [str(self.directory.path)]))
        for name, why in (("gone", f"not run: {gone} (Redact) cannot be opened: No such file"), ("short", "has fewer than 6 characters: to mask it"),
                          ("folder", "is a directory")):
            answer = self.run_one(name, name)
            self.assertFalse(answer.is_success)
            self.assertIn(why, answer.response)
        self.file("gone", "found-again")
        self.assertEqual(self.run_one("gone", "again").response, "ran\n")  # read anew for each run

    def test_check_config_refuses_what_cannot_be_masked(self):
        config = self.directory / "config.yaml"
        config.write_text(json.dumps({"Commands": {"Exec": {
            "a": {"Program": ["/bin/true"], "Environment": {"PIN": "1234"}, "Redact": ["PIN", "canary-value", "relative/path"]},
            "b": {"Program": ["/bin/true"], "Redact": "TEXT"}}}}))
        checked = run_client("check-config", "--config", config)
        self.assertEqual(checked.returncode, 78)
        self.assertIn("Commands.Exec.a.Redact: the value of 'PIN' has fewer than 6 characters", checked.stderr)
        for entry in (2, 3):
            self.assertIn(f"Commands.Exec.a.Redact: entry {entry} is neither the name of a variable of Environment nor an absolute path", checked.stderr)
        self.assertNotIn("canary", checked.stderr)
        self.assertIn("Commands.Exec.b.Redact: must be a list", checked.stderr)
        self.assertNotIn("1234", checked.stderr)


class RedactionInUnitsTest(RedactionTest):
    """The same for programs in units of their own: the daemon masks."""

    def section(self):
        units = Units(self.directory / "units.sock")
        self.addCleanup(units.stop)
        return {"UnitSocket": units.path}


if __name__ == "__main__":
    unittest.main()
