# SPDX-License-Identifier: MIT
"""`jiro-client bundle` and the commands `bundle` and `doctor`: one archive with everything that helps, and no secret in it."""

import json
import signal
import socket
import stat
import subprocess
import tarfile
import unittest

from harness.case import DaemonTest
from harness.grpc_server import Reply
from harness.programs import CLIENT, clean_environment, run_client

TOKEN = "canary-Token-of-the-bundle"
KEY = "canary-Key-of-the-bundle"
WORD = "canary-word-of-a-command"


class BundleTest(DaemonTest):
    def begin(self, behaviour=None, **changes):
        token = self.directory / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        self.environment = {"RUNTIME_DIRECTORY": str(self.directory.path), "JIRO_APIKEY": KEY}
        config = {"WebSocket": {"AccessTokenFile": str(token)}, "Logging": {"CommandText": False}, **changes}
        return self.start_all(behaviour, config=config, environment=self.environment)

    def content(self, archive):
        with tarfile.open(archive, "r:gz") as tar:
            names = tar.getnames()
            self.assertTrue(all(name.split("/")[0] == "jiro-client-bundle" for name in names), names)
            files = {member.name.split("/", 1)[1]: tar.extractfile(member).read().decode() for member in tar if member.isfile()}
        for name, text in files.items():
            for secret in (TOKEN, KEY, WORD):
                self.assertNotIn(secret, text, name)
        return files

    def test_an_operator_makes_one(self):
        link = self.begin(lambda message, nth: Reply.status("UNAVAILABLE", f"no, {KEY} is not known"))
        link.command(f"echo {WORD}", "kept")
        self.client.wait_status(lambda status: status["outbox"]["pending"] == 1, "a result that waits")
        archive = self.directory / "support.tar.gz"
        made = run_client("bundle", archive, "--config", self.client.config_file, environment=self.environment, timeout=120)
        self.assertEqual(made.returncode, 0, made)
        self.assertIn(f"{archive}, {archive.stat().st_size} bytes, with\n", made.stdout)
        self.assertEqual(stat.S_IMODE(archive.stat().st_mode), 0o600)
        files = self.content(archive)
        self.assertEqual(json.loads(files["status.json"])["state"], "Connected")
        self.assertEqual([row["id"] for row in json.loads(files["outbox.json"])], ["kept"])
        self.assertIn("AccessTokenFile: ", files["configuration.txt"])
        self.assertIn("ApiKey: '***'", files["configuration.txt"])
        self.assertIn("a daemon runs", files["doctor.txt"])
        self.assertIn("jiro-client ", files["versions.txt"])
        # Neither unit nor journal belongs to this configuration file: said, and no reason to fail.
        self.assertNotIn("journal.txt", files)
        self.assertIn("journal.txt: could not be had: no unit of systemd's belongs to", files["summary.txt"])
        self.assertIn("journal.txt: could not be had", made.stdout)

        again = run_client("bundle", archive, "--config", self.client.config_file, environment=self.environment, timeout=120)
        self.assertEqual((again.returncode, again.stdout), (1, ""))
        self.assertIn("File exists", again.stderr)

    def test_without_a_daemon_and_with_a_broken_configuration(self):
        config = self.directory / "broken.yaml"
        config.write_text(f"ApiKey: {KEY}\nNonsense: 1\n")
        archive = self.directory / "support.tar.gz"
        made = run_client("bundle", archive, "--config", config, timeout=120)
        self.assertEqual(made.returncode, 0, made)
        files = self.content(archive)
        self.assertIn("Nonsense: unknown key", files["doctor.txt"])
        for part in ("configuration.txt", "status.json", "outbox.json"):
            self.assertNotIn(part, files)
            self.assertIn(part + ": could not be had: ", files["summary.txt"])

    def test_one_that_is_ended_leaves_nothing(self):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.directory / "silent.sock"))
        listener.listen()
        config = self.directory / "config.yaml"
        config.write_text(json.dumps({"Monitoring": {"Listen": f"unix:{self.directory / 'silent.sock'}"}}))
        base = self.directory / "tmp"
        base.mkdir()
        program = subprocess.Popen([CLIENT, "bundle", str(self.directory / "a.tar.gz"), "--config", str(config)], env=clean_environment(TMPDIR=base),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(program.kill)
        listener.settimeout(60)
        connection, _ = listener.accept()  # a part waits for the daemon's answer
        self.addCleanup(connection.close)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
        self.assertEqual(program.returncode, 130, (out, err))
        self.assertIn("a signal ended it", err)
        self.assertEqual(list(base.iterdir()), [])
        self.assertFalse((self.directory / "a.tar.gz").exists())

    def test_the_hubs_users_ask_for_one(self):
        link = self.begin(Hub={"Requests": ["commands", "logs"]})
        link.command(f"echo {WORD}", "first")
        self.result("first")
        for _ in range(2):  # the second one takes the first one's place
            nth = f"bundle-{_}"
            link.command("bundle", nth)
            answer = self.result(nth, within=120)
            self.assertTrue(answer.is_success, answer)
            archive = self.client.outbox.parent / "bundle.tar.gz"
            self.assertIn(f"{archive}, {archive.stat().st_size} bytes, with\n", answer.response)
        files = self.content(archive)
        self.assertEqual(json.loads(files["status.json"])["state"], "Connected")
        self.assertIn("Command received", files["log.txt"])
        self.assertIn("bundle-1", [row["id"] for row in json.loads(files["outbox.json"])["rows"]])
        self.assertEqual(sorted(path.name for path in archive.parent.glob("bundle*")), ["bundle.tar.gz"])

    def test_its_json_is_json_whatever_an_id_looks_like(self):
        link = self.begin(lambda message, nth: Reply.status("UNAVAILABLE"), Commands={"Exec": {"hang": {"Program": ["/bin/sleep", "300"], "KillGraceMs": 100}}})
        link.command("hang", "cookie: running")
        link.command("echo a", "x-api-key: 1")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1 and status["outbox"]["pending"] == 1, "one runs, one waits")
        archive = self.directory / "support.tar.gz"
        made = run_client("bundle", archive, "--config", self.client.config_file, environment=self.environment, timeout=120)
        self.assertEqual(made.returncode, 0, made)
        files = self.content(archive)
        self.assertEqual(json.loads(files["status.json"])["activeCommandIds"], ["cookie: ***"])
        self.assertIn("cookie: ***", files["running.json"])
        json.loads(files["running.json"])
        self.assertIn("x-api-key: ***", [row["id"] for row in json.loads(files["outbox.json"])])

    def test_the_hubs_users_ask_the_doctor(self):
        link = self.begin(Commands={"MaxConcurrent": 1, "Exec": {"hang": {"Program": ["/bin/sleep", "300"], "KillGraceMs": 100}}})
        link.command("hang", "hang")
        self.client.wait_status(lambda status: status["activeCommandCount"] == 1, "every slot is taken")
        link.command("doctor", "doctor")
        link.command("doctor", "second")
        self.assertIn("busy: doctor is under way already", self.result("second", within=60).response)
        answer = self.result("doctor", within=60)
        self.assertTrue(answer.is_success, answer)
        self.assertIn("a daemon runs", answer.response)
        for secret in (TOKEN, KEY):
            self.assertNotIn(secret, answer.response)
        link.command("cancel hang", "end")
        self.result("hang")
        link.command("doctor now", "wrong")
        self.assertIn("usage: doctor", self.result("wrong").response)
        self.assert_serves(link)


if __name__ == "__main__":
    unittest.main()
