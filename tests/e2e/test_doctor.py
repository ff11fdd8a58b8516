# SPDX-License-Identifier: MIT
"""`jiro-client doctor`: what is well, what is wrong with each part, what to do, and never a secret."""

import base64
import json
import os
import time
import unittest

from harness import certificates
from harness.case import DaemonTest
from harness.disks import Disks
from harness.grpc_server import Reply
from harness.hub_server import RECORD_SEPARATOR, http_response
from harness.programs import merged, run_client

TOKEN = "canary-Token-4711-of-the-doctor"
KEY = "canary-Key-0815-of-the-doctor"


class DoctorCase(DaemonTest):
    def setUp(self):
        super().setUp()
        (self.directory / "state").mkdir(mode=0o700)
        self.token_file = self.write("token", TOKEN + "\n")

    def write(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def config(self, hub_url=None, grpc_url=None, changes=None):
        base = {
            "ApiKey": KEY,
            "WebSocket": {"HubUrl": hub_url, "AccessTokenFile": str(self.token_file)},
            "Grpc": {"ServerUrl": grpc_url, "TimeoutMs": 3000},
            "Outbox": {"Path": str(self.directory / "state" / "outbox.db")},
            "Monitoring": {"Listen": f"unix:{self.directory / 'client.sock'}"},
        }
        return self.write("doctor.yaml", json.dumps(merged(base, changes or {})))

    def doctor(self, config, *flags, code=None, **options):
        """Its findings by name, of each the worst."""
        answer = run_client("doctor", "--json", "--config", config, *flags, timeout=60, **options)
        for secret in (TOKEN, KEY):
            self.assertNotIn(secret, answer.stdout + answer.stderr)
        self.assertEqual(answer.stderr, "")
        report = json.loads(answer.stdout)
        order = ("ok", "warning", "problem")
        found = {}
        for finding in report["findings"]:
            self.assertTrue(finding["text"])
            self.assertEqual(finding["advice"] is None, finding["verdict"] == "ok", finding)
            if order.index(finding["verdict"]) >= order.index(found.get(finding["check"], finding)["verdict"]):
                found[finding["check"]] = finding
        worst = max((finding["verdict"] for finding in report["findings"]), key=order.index)
        self.assertEqual(report["result"], worst)
        if code is None:
            code = 1 if worst == "problem" else 0
        self.assertEqual(answer.returncode, code, answer)
        return found

    def assert_finding(self, found, check, verdict, pattern=".", advice="."):
        self.assertIn(check, found, json.dumps(found, indent=1))
        self.assertEqual(found[check]["verdict"], verdict, found[check])
        self.assertRegex(found[check]["text"], pattern)
        if verdict != "ok":
            self.assertRegex(found[check]["advice"], advice)

    def problems(self, found):
        return sorted(check for check, finding in found.items() if finding["verdict"] == "problem")


class DoctorNetworkTest(DoctorCase):
    def dev_hub(self, *arguments):
        return self.start_dev_hub("--token", TOKEN, "--api-key", KEY, *arguments)

    def test_all_is_well_with_the_development_hub_and_nothing_is_left_behind(self):
        hub = self.dev_hub()
        found = self.doctor(self.config(hub.hub_url, hub.grpc_url))
        self.assertEqual(self.problems(found), [], found)
        for check in ("hub.connect", "hub.negotiate", "hub.upgrade", "hub.handshake", "grpc.connect", "grpc.service"):
            self.assert_finding(found, check, "ok")
        # Nobody was connected for the hub to send commands to, and no result was stored.
        status = hub.run("results")
        self.assertNotIn("doctor", status.stdout)
        self.assertIn("jiro-client-doctor", hub.log.text())  # the protocol that it refused
        self.assertEqual(sorted(os.listdir(self.directory / "state")), [])

    def test_text_for_people_has_sections_and_advice(self):
        hub = self.dev_hub()
        config = self.config(hub.hub_url, "http://127.0.0.1:1")
        answer = run_client("doctor", "--config", config)
        self.assertEqual(answer.returncode, 1, answer)
        self.assertRegex(answer.stdout, r"(?m)^Hub http://127\.0\.0\.1:\d+/instanceHub$")
        self.assertRegex(answer.stdout, r"(?m)^  problem  connecting to 127\.0\.0\.1:1 failed.*\n           -> check")
        self.assertRegex(answer.stdout, r"1 problem, 1 warning\.\n$")
        self.assertNotIn("\x1b", answer.stdout)

    def test_wrong_credentials(self):
        hub = self.dev_hub()
        self.token_file.write_text("not-the-token")
        found = self.doctor(self.config(hub.hub_url, hub.grpc_url))
        self.assert_finding(found, "hub.credentials", "problem", "401", "AccessToken|ApiKey")
        self.assert_finding(found, "grpc.credentials", "problem", "UNAUTHENTICATED", "token")
        self.assertEqual(self.problems(found), ["grpc.credentials", "hub.credentials"])

    def test_credentials_that_are_valid_but_not_allowed(self):
        self.start_hub().on_negotiate = lambda request: http_response(403)
        self.start_grpc(lambda message, nth: Reply.status("PERMISSION_DENIED"))
        self.grpc.take = lambda data, metadata: Reply.status("PERMISSION_DENIED", "not you")
        found = self.doctor(self.config(self.hub.url, self.grpc.url))
        self.assert_finding(found, "hub.credentials", "problem", "403.*not allowed", "permission")
        self.assert_finding(found, "grpc.credentials", "problem", "PERMISSION_DENIED: not you", "permission")

    def test_a_refused_port_and_a_name_that_does_not_resolve(self):
        found = self.doctor(self.config("http://127.0.0.1:1/hub", "http://no-such-host.invalid"))
        self.assert_finding(found, "hub.connect", "problem", "refused", "server runs")
        self.assert_finding(found, "grpc.resolve", "problem", "no-such-host.invalid", "DNS")
        self.assertNotIn("hub.negotiate", found)

    def test_a_web_page_instead_of_the_hub_and_of_grpc(self):
        page = "<html><body>Please log in</body></html>"
        self.start_hub().on_negotiate = lambda request: http_response(200, page, "text/html")
        self.start_grpc()
        for status, pattern in ((200, "web server or proxy"), (404, "UNIMPLEMENTED"), (502, "UNAVAILABLE")):
            with self.subTest(status):
                self.grpc.take = lambda data, metadata, status=status: Reply.http(status, "text/html", page.encode())
                found = self.doctor(self.config(self.hub.url, self.grpc.url))
                self.assert_finding(found, "hub.negotiate", "problem", "HTML", "HubUrl")
                self.assert_finding(found, "grpc.service", "problem", pattern, "Grpc.ServerUrl")

    def test_a_hub_that_is_down_says_503(self):
        self.start_hub().on_negotiate = lambda request: http_response(503)
        found = self.doctor(self.config(self.hub.url))
        self.assert_finding(found, "hub.negotiate", "problem", "503")

    def test_a_proxy_that_passes_no_websockets(self):
        self.start_hub().on_upgrade = lambda request, default: http_response(400)
        found = self.doctor(self.config(self.hub.url))
        self.assert_finding(found, "hub.negotiate", "ok")
        self.assert_finding(found, "hub.upgrade", "problem", "400")

    def test_something_that_upgrades_and_is_no_hub(self):
        self.start_hub().on_handshake = lambda record: b"hello" + RECORD_SEPARATOR
        found = self.doctor(self.config(self.hub.url))
        self.assert_finding(found, "hub.upgrade", "ok")
        self.assert_finding(found, "hub.handshake", "problem", "handshake", "hub")

    def test_a_handshake_that_is_accepted_all_the_same_is_fine(self):
        self.start_hub()
        found = self.doctor(self.config(self.hub.url))
        self.assert_finding(found, "hub.handshake", "ok")

    def test_a_silent_server_has_a_time_limit(self):
        self.start_hub().on_upgrade = lambda request, default: None
        began = time.monotonic()
        found = self.doctor(self.config(self.hub.url))
        self.assertLess(time.monotonic() - began, 40)
        self.assert_finding(found, "hub.upgrade", "problem", "took longer than 10000 ms")

    def test_a_proxy_that_refuses(self):
        def refuse(sock):
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return False

        self.start_hub().on_accept = refuse
        proxy = self.hub.url.removesuffix("/instanceHub")
        found = self.doctor(self.config("http://hub.example/hub", changes={"WebSocket": {"Proxy": proxy}}))
        self.assert_finding(found, "hub.connect", "ok")
        self.assert_finding(found, "hub.proxy", "problem", "407", "WebSocket.Proxy")

    def test_servers_whose_clock_is_not_ours(self):
        def dated(seconds):
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds))
            return lambda request: http_response(200, self.hub.negotiate_body(), headers=[("Date", date)])

        self.start_hub()
        for seconds, verdict, pattern in ((0, "ok", "agrees"), (90, "warning", "behind"), (-4000, "problem", "66 min ahead")):
            with self.subTest(seconds):
                self.hub.on_negotiate = dated(seconds)
                self.assert_finding(self.doctor(self.config(self.hub.url)), "clock.offset", verdict, pattern, "timedatectl")


@unittest.skipUnless(certificates.AVAILABLE, "needs the openssl program")
class DoctorTlsTest(DoctorCase):
    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority(self.directory.path)

    def dev_hub(self, name, **options):
        certificate, key = self.authority.issue(name, **options)
        return self.start_dev_hub("--token", TOKEN, "--api-key", KEY, "--tls-certificate", certificate, "--tls-key", key, name=name)

    def tls(self, ca):
        files = {"Tls": {"CaFile": str(ca)}}
        return {"WebSocket": files, "Grpc": files}

    def test_a_good_certificate_and_one_that_expires_soon(self):
        for days, verdict, pattern in ((300, "ok", "299 days|300 days"), (9, "warning", "expires in (8|9) days")):
            with self.subTest(days):
                hub = self.dev_hub(f"server-{days}", days=days)
                found = self.doctor(self.config(hub.hub_url, hub.grpc_url, self.tls(self.authority.file)))
                self.assertEqual(self.problems(found), [], found)
                self.assert_finding(found, "hub.tls", "ok", r"TLSv1\.[23]")
                self.assert_finding(found, "hub.certificate", verdict, pattern)
                self.assert_finding(found, "grpc.certificate", verdict, pattern)
                self.assert_finding(found, "grpc.service", "ok")
                self.assert_finding(found, "config.file.WebSocket.Tls.CaFile", "ok", "ca.pem")

    def test_an_expired_authority_in_a_bundle_is_no_trouble_and_an_expired_client_certificate_is(self):
        old = certificates.Authority(self.directory.path, "old")
        certificate, key = old.issue("client", days=-1)
        bundle = self.write("bundle.pem", self.authority.file.read_text() + certificate.read_text())
        key.chmod(0o600)
        tls = {"CaFile": str(bundle), "CertificateFile": str(certificate), "PrivateKeyFile": str(key)}
        config = self.config("https://hub.example/hub", "https://hub.example", {"WebSocket": {"Tls": tls}})
        found = self.doctor(config, "--offline")
        self.assert_finding(found, "config.file.WebSocket.Tls.CaFile", "ok", "holds 2 certificates")
        self.assert_finding(found, "config.file.WebSocket.Tls.CertificateFile", "problem", "expired", "new certificate")
        self.assert_finding(found, "config.file.WebSocket.Tls.PrivateKeyFile", "ok")
        key.chmod(0o644)
        found = self.doctor(config, "--offline")
        self.assert_finding(found, "config.file.WebSocket.Tls.PrivateKeyFile", "warning", "every user", "chmod")

    def test_wrong_authority_wrong_name_and_expired(self):
        other = certificates.Authority(self.directory.path, "other")
        cases = {
            "authority": (dict(), other.file, "unable to get local issuer|self.signed"),
            "name": (dict(names="DNS:elsewhere.example"), self.authority.file, "(?i)mismatch"),
            "expired": (dict(days=-1), self.authority.file, "expired"),
        }
        for name, (options, ca, pattern) in cases.items():
            with self.subTest(name):
                hub = self.dev_hub(name, **options)
                found = self.doctor(self.config(hub.hub_url, hub.grpc_url, self.tls(ca)))
                self.assert_finding(found, "hub.tls", "problem", pattern, "CaFile|clock")
                self.assert_finding(found, "grpc.tls", "problem", pattern)
                self.assertNotIn("hub.negotiate", found)
                self.assertNotIn("grpc.service", found)

    def test_plain_text_on_a_tls_port(self):
        hub = self.start_dev_hub()
        found = self.doctor(self.config(hub.hub_url.replace("http:", "https:"), hub.grpc_url.replace("http:", "https:")))
        self.assert_finding(found, "hub.tls", "problem", "TLS handshake", "speaks TLS")
        self.assert_finding(found, "grpc.tls", "problem", "TLS handshake", "speaks TLS")

    def test_verification_that_is_switched_off(self):
        hub = self.dev_hub("expired-and-taken", days=-1)
        found = self.doctor(self.config(hub.hub_url, None, {"WebSocket": {"Tls": {"Verify": False}}}))
        self.assert_finding(found, "config.warning.WebSocket.Tls.Verify", "warning")
        self.assert_finding(found, "hub.tls", "ok", "not verified")
        self.assert_finding(found, "hub.certificate", "problem", "expired")


class DoctorHereTest(DoctorCase):
    def offline(self, config, **options):
        return self.doctor(config, "--offline", **options)

    def test_offline_asks_nobody(self):
        self.start_hub()
        found = self.offline(self.config(self.hub.url, "http://no-such-host.invalid"))
        self.assertEqual(self.hub.requests, [])
        self.assertFalse([check for check in found if check.startswith(("hub.", "grpc."))], found)

    def test_a_configuration_with_errors_is_exit_code_78(self):
        config = self.write("doctor.yaml", json.dumps({"WebSocket": {"HubUrl": "nonsense"}, "Loging": {}}))
        answer = run_client("doctor", "--config", config)
        self.assertEqual(answer.returncode, 78, answer)
        self.assertIn("WebSocket.HubUrl", answer.stdout)
        self.assertIn("Logging", answer.stdout)
        found = self.doctor(config, code=78)
        self.assert_finding(found, "config.invalid", "problem")
        self.assertEqual(run_client("doctor", "--config", self.directory / "absent.yaml").returncode, 78)

    def test_no_hub_is_configured(self):
        self.assert_finding(self.offline(self.config()), "config.hub", "problem", "no hub", "HubUrl")

    def test_dangerous_configuration(self):
        config = self.config("https://hub.example/hub", "https://hub.example", {
            "WebSocket": {"Tls": {"Verify": False}},
            "Commands": {"Exec": {"tidy": {"Program": ["rm $1"], "Shell": True, "Parameters": {"what": {}}}}},
        })
        config.chmod(0o644)
        self.token_file.chmod(0o644)
        found = self.offline(config, code=0)
        self.assert_finding(found, "config.warning.WebSocket.Tls.Verify", "warning", "any server", "CaFile")
        self.assert_finding(found, "config.shell", "warning", "tidy", "Program")
        self.assert_finding(found, "config.warning.ApiKey", "warning", "every user", "chmod o-r")
        self.assert_finding(found, "config.file.WebSocket.AccessTokenFile", "warning", "every user", "chmod o-rwx")

    def test_programs_that_cannot_run(self):
        for program, why in ((self.directory / "absent", "No such file"), (self.directory / "state", "no executable file"),
                             (self.token_file, "no executable file"), ("/bin/true", None)):
            config = self.config("https://hub.example/hub", "https://hub.example",
                                 {"Commands": {"Exec": {"backup": {"Program": [str(program)]}}}})
            with self.subTest(program):
                found = self.offline(config, code=0)
                if why:
                    self.assert_finding(found, "config.program", "warning", f"'backup'.*cannot run {program}: {why}")
                else:
                    self.assertNotIn("config.program", found)

    @unittest.skipUnless(Disks.are_possible(), "needs root, mount namespaces and FUSE")
    def test_files_that_do_not_answer(self):
        """A mount that hangs is told, and what is not on it is looked at all the same; also where the outbox is another user's."""
        disks = Disks(self.directory.path)
        self.addCleanup(disks.close)
        programs = {name: {"Program": [str(disks.hanging / name)]} for name in ("backup", "restore")}
        config = self.config("https://hub.example/hub", "https://hub.example", {"Commands": {"Exec": programs}})
        os.chown(self.directory / "state", 65534, 65534)
        found = self.offline(config, code=0, wrapper=disks.wrapper)
        self.assert_finding(found, "config.program", "warning", "it does not answer in time", "as its unit sees it")
        self.assert_finding(found, "config.file.WebSocket.AccessTokenFile", "ok")
        self.assert_finding(found, "state.owner", "warning", "not opened while another file does not answer")
        config = self.config("https://hub.example/hub", "https://hub.example", {"ApiKeyFile": str(disks.hanging / "key"), "ApiKey": None})
        found = self.offline(config, code=78, wrapper=disks.wrapper)
        self.assert_finding(found, "config.invalid", "problem", "it, or a file that it names, cannot be read in time")

    def test_secret_files(self):
        config = self.config("https://hub.example/hub", "https://hub.example")
        self.token_file.unlink()
        found = self.offline(config)
        self.assert_finding(found, "config.file.WebSocket.AccessTokenFile", "problem", "No such file", "create")
        self.write("token", "two\nlines\n")
        self.assert_finding(self.offline(config), "config.credentials", "problem", "more than one line")

    def test_a_credential_of_the_unit_does_not_hide_the_other_one(self):
        changes = {"ApiKey": None, "ApiKeyFile": "/nonexistent", "WebSocket": {"AccessTokenFile": "${CREDENTIALS_DIRECTORY}/token"}}
        found = self.offline(self.config("https://hub.example/hub", "https://hub.example", changes))
        self.assert_finding(found, "config.file.ApiKeyFile", "problem", "No such file", "create")

    def test_a_token_that_has_expired(self):
        def token(expiry):
            parts = [{"alg": "none"}, {"exp": expiry, "sub": "canary-of-the-token"}]
            encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
            return ".".join([*encoded, "c2lnbmF0dXJl"])

        config = self.config("https://hub.example/hub", "https://hub.example")
        for expiry, verdict, pattern in ((time.time() - 7300, "problem", "expired 2 h ago"), (time.time() + 7300, "ok", "2 h")):
            self.token_file.write_text(token(int(expiry)))
            self.assert_finding(self.offline(config), "config.token", verdict, pattern, "new one")

    def test_certificate_files_that_are_none(self):
        empty = self.write("empty.pem", "hello")
        config = self.config("https://hub.example/hub", "https://hub.example", {"WebSocket": {"Tls": {"CaFile": str(empty)}},
                                                                              "Grpc": {"Tls": {"CaFile": str(self.directory / "absent.pem")}}})
        found = self.offline(config)
        self.assert_finding(found, "config.file.WebSocket.Tls.CaFile", "problem", "no certificate", "PEM")
        self.assert_finding(found, "config.file.Grpc.Tls.CaFile", "problem", "absent.pem", "path")

    def test_state_folders(self):
        config = self.config("https://hub.example/hub", "https://hub.example")
        state = self.directory / "state"
        self.assert_finding(self.offline(config), "state.folder", "ok", "can be written")
        state.chmod(0o755)
        self.assert_finding(self.offline(config), "state.mode", "warning", "open to other users", "chmod 700")
        state.chmod(0o777)
        self.assert_finding(self.offline(config), "state.mode", "problem", "every user", "chmod 700")
        state.chmod(0o500)
        self.assert_finding(self.offline(config), "state.writable", "problem", "cannot be written", "owner")
        state.chmod(0o700)
        state.rmdir()
        self.assert_finding(self.offline(config), "state.folder", "warning", "does not exist")
        self.assertFalse(state.exists())
        state.write_text("")
        self.assert_finding(self.offline(config), "state.folder", "problem", "not a folder", "Outbox.Path")

    def test_an_outbox_that_is_none(self):
        config = self.config("https://hub.example/hub", "https://hub.example")
        (self.directory / "state" / "outbox.db").write_bytes(b"not a database, but long enough to look like one" * 100)
        self.assert_finding(self.offline(config), "state.files", "problem", "no outbox", "name another")
        (self.directory / "state" / "outbox.db.lock").touch()  # it was one
        self.assert_finding(self.offline(config), "state.outbox", "problem", "damaged", "start the daemon")


class DoctorAndDaemonTest(DoctorCase):
    def start(self, **options):
        self.start_hub()
        self.start_client(grpc_url="http://127.0.0.1:1", **options)
        return self.connection()

    def test_a_running_daemon_is_described_and_left_alone(self):
        link = self.start()
        self.client.wait_connected()
        found = self.doctor(self.client.config_file)
        self.assert_finding(found, "daemon.running", "ok", "hub connection is Connected")
        self.assert_finding(found, "state.lock", "ok", "running daemon")
        self.assert_finding(found, "hub.handshake", "ok")
        self.assertFalse(link.is_closed)
        self.assertEqual(self.client.status()["connectionId"], "public-1")

    def test_a_daemon_that_cannot_be_asked_and_one_with_another_hub(self):
        self.start()
        self.client.wait_connected()
        self.client.write_config(WebSocket={"HubUrl": "http://127.0.0.1:1/other"})
        found = self.doctor(self.client.config_file, "--offline")
        self.assert_finding(found, "daemon.configuration", "warning", "does not use the hub", "reload")
        self.client.write_config(Monitoring={"Listen": "off"})
        found = self.doctor(self.client.config_file, "--offline")
        self.assert_finding(found, "daemon.running", "ok", "off")
        self.assert_finding(found, "state.lock", "warning", "has the outbox open")

    def test_a_stopped_daemons_outbox_is_read_and_not_touched(self):
        link = self.start()
        link.command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        self.assertEqual(self.client.stop(), 0)
        folder = self.client.outbox.parent
        before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
        found = self.doctor(self.client.config_file, "--offline")
        self.assert_finding(found, "state.outbox", "ok", r"schema \d+\): 1 undelivered, 0 unfinished, 0 dead")
        self.assert_finding(found, "daemon.running", "warning", "no daemon", "systemctl start")
        self.assertEqual({name: (folder / name).read_bytes() for name in os.listdir(folder)}, before)

    def test_a_killed_daemons_outbox_is_read_and_not_touched(self):
        link = self.start()
        link.command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1, "it waits")
        self.client.kill()
        folder = self.client.outbox.parent
        before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
        self.assert_finding(self.doctor(self.client.config_file, "--offline"), "state.outbox", "ok", "log that the next start")
        self.assertEqual({name: (folder / name).read_bytes() for name in os.listdir(folder)}, before)

    def test_another_program_at_the_status_address(self):
        self.start_hub()
        self.hub.on_negotiate = lambda request: b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
        port = self.hub.listener.port
        found = self.doctor(self.config(None, None, {"Monitoring": {"Listen": f"127.0.0.1:{port}"}}), "--offline")
        self.assert_finding(found, "daemon.running", "problem", f"127.0.0.1:{port}", "another")


if __name__ == "__main__":
    unittest.main()
