# SPDX-License-Identifier: MIT
"""TLS on both ways: our own authority is enough, and every certificate that is not right is refused by name."""

import itertools
import os
import shutil
import signal
import ssl
import subprocess
import unittest

from harness.case import DaemonTest, wait_until
from harness.grpc_server import Reply
from harness.outside import Promptness
from harness.programs import run_client


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, check=True, capture_output=True)


@unittest.skipUnless(shutil.which("openssl"), "needs the openssl program")
class TlsTest(DaemonTest):
    def setUp(self):
        super().setUp()
        folder = self.directory.path
        for name in ("ca", "other-ca"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30, "-subj",
                    f"/CN=test {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder)

    def certificate(self, name, names="IP:127.0.0.1,DNS:localhost", days=30, ca="ca", usage="serverAuth"):
        folder = self.directory.path
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", cwd=folder)
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n" if names else f"extendedKeyUsage={usage}\n")
        validity = ["-days", days]
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", *validity,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem", cwd=folder)
        return folder / f"{name}.pem", folder / f"{name}.key"

    def server_context(self, certificate, client_ca=None, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        if newest:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def start_over_tls(self, hub_context, grpc_context=None, **tls):
        self.start_hub(tls=hub_context)
        self.start_grpc(tls=grpc_context)
        ca = {"CaFile": str(self.directory / "ca.pem")}
        self.start_client(config={"WebSocket": {"Tls": ca | tls}, "Grpc": {"Tls": ca | {k: v for k, v in tls.items() if k != "Verify"}}})

    def test_both_ways_with_our_own_authority(self):
        pair = self.certificate("server")
        self.start_over_tls(self.server_context(pair), self.server_context(pair))
        self.assert_serves(self.connection())

    def test_both_ways_trust_what_the_environment_names(self):
        pair = self.certificate("server")
        folder = self.directory.path / "authorities"
        folder.mkdir()
        shutil.copy(self.directory / "ca.pem", folder)
        openssl("rehash", folder, cwd=folder)
        file, others, nothing = self.directory / "ca.pem", self.directory / "other-ca.pem", self.directory / "nothing"
        for number, named in enumerate((
                {"SSL_CERT_FILE": file}, {"SSL_CERT_DIR": folder}, {"SSL_CERT_FILE": others, "SSL_CERT_DIR": f"{nothing}:{folder}"},
                {"SSL_CERT_FILE": nothing, "SSL_CERT_DIR": folder}, {"SSL_CERT_FILE": file, "SSL_CERT_DIR": nothing})):
            with self.subTest(named):
                self.start_hub(tls=self.server_context(pair))
                self.start_grpc(tls=self.server_context(pair))
                self.start_client(name=f"client{number}", environment={name: str(value) for name, value in named.items()})
                self.assert_serves(self.connection())
                if str(nothing) in str(named):
                    self.client.wait_log("Authorities to trust were passed over.*nothing")
                self.client.kill()

    def test_variables_of_grpc_alone_are_not_followed(self):
        pair = self.certificate("server")
        self.start_hub()
        self.start_grpc(tls=self.server_context(pair))
        self.start_client(environment={"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.directory / "ca.pem")})
        self.client.wait_log("Ignored a gRPC variable of authorities to trust.*GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
        self.connection().command("echo a", "a")
        self.client.wait_status(lambda s: s["outbox"]["pending"] == 1 and s["delivery"]["lastError"], "it waits")
        self.assertEqual(self.grpc.results(), [])

    def test_client_certificates(self):
        pair, client = self.certificate("server"), self.certificate("client", usage="clientAuth")
        ca = self.directory / "ca.pem"
        self.start_over_tls(self.server_context(pair, ca), self.server_context(pair, ca), CertificateFile=str(client[0]),
                            PrivateKeyFile=str(client[1]))
        self.assert_serves(self.connection())

    def test_a_server_that_wants_a_client_certificate_is_named_as_the_reason(self):
        pair, ca = self.certificate("server"), self.directory / "ca.pem"
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for more in ({}, {"SkipNegotiation": True}):
                with self.subTest(newest, **more):
                    contexts = [self.server_context(pair, ca) for _ in range(2)]
                    for context in contexts:
                        context.maximum_version = newest
                    self.start_hub(tls=contexts[0])
                    self.start_grpc(tls=contexts[1])
                    tls = {"Tls": {"CaFile": str(ca)}}
                    self.start_client(config={"WebSocket": tls | more, "Grpc": tls})
                    self.client.wait_reason("the server asks for a client certificate: name one in CertificateFile and PrivateKeyFile")
                    found = run_client("doctor", "--config", self.client.config_file).stdout
                    self.assertRegex(found, "problem .*(?s:.*)asks for a client certificate(?s:.*)Result server (?s:.*)asks for a client certificate")
                    self.client.kill()

    def test_a_result_server_that_wants_a_client_certificate(self):
        pair, ca = self.certificate("server"), self.directory / "ca.pem"
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(newest):
                context = self.server_context(pair, ca)
                context.maximum_version = newest
                self.start_hub()
                self.start_grpc(tls=context)
                self.start_client(config={"Grpc": {"Tls": {"CaFile": str(ca)}}})
                self.connection().command("echo a", f"a {newest}")
                self.client.wait_log("not delivered.*perhaps the server asks for a client certificate: Grpc.Tls.CertificateFile names none")
                self.client.kill()

    def test_certificates_with_settings_of_trust_are_taken_by_all(self):
        pair, client = self.certificate("server"), self.certificate("client", usage="clientAuth")
        for name in ("ca", "client"):
            openssl("x509", "-in", f"{name}.pem", "-trustout", "-out", f"trusted-{name}.pem", cwd=self.directory.path)
        files = {"CaFile": str(self.directory / "trusted-ca.pem"), "CertificateFile": str(self.directory / "trusted-client.pem"),
                 "PrivateKeyFile": str(client[1])}
        self.assertIn("BEGIN TRUSTED CERTIFICATE", (self.directory / "trusted-ca.pem").read_text())
        context = self.server_context(pair, self.directory / "ca.pem")
        self.start_over_tls(context, self.server_context(pair, self.directory / "ca.pem"), **files)
        self.assert_serves(self.connection())
        self.assertEqual(run_client("check-config", "--config", self.client.config_file).returncode, 0)
        self.assertNotIn("problem  WebSocket.Tls", run_client("doctor", "--offline", "--config", self.client.config_file).stdout)

    def test_the_daemon_names_bad_files_at_the_start_and_at_a_reload_as_check_config_does(self):
        """Also where nothing needs them now; it goes on, and so does its reload."""
        pair = self.certificate("server")
        (self.directory / "damaged.pem").write_text(pair[0].read_text() + pair[0].read_text().replace("MII", "NII"))
        openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", "weak.key", "-out", "weak.pem", cwd=self.directory.path)
        bad = {"WebSocket": {"Tls": {"CaFile": str(self.directory / "absent.pem"), "CertificateFile": str(self.directory / "weak.pem"),
                                     "PrivateKeyFile": str(self.directory / "weak.key")}},
               "Grpc": {"Tls": {"CaFile": str(self.directory / "damaged.pem")}}}
        link = self.start_all(config=bad)
        reasons = ["WebSocket.Tls.CaFile .*absent.pem cannot be used: .*No such file", "WebSocket.Tls.CertificateFile .*weak.pem cannot be used: is not accepted",
                   "Grpc.Tls.CaFile .*damaged.pem cannot be used: holds a damaged certificate, number 2"]
        answer = run_client("check-config", "--config", self.client.config_file)
        self.assertEqual(answer.returncode, 78, answer)
        found = run_client("doctor", "--offline", "--config", self.client.config_file).stdout
        for reason in reasons:
            self.client.wait_reason(reason)
            self.assertRegex(answer.stderr, reason)
            self.assertRegex(found, f"problem +{reason}")
        self.assert_serves(link)
        self.client.write_config(Grpc={"Tls": {"CaFile": str(self.directory / "other.pem")}}, WebSocket={})
        self.client.signal(signal.SIGHUP)
        self.client.wait_reason("Grpc.Tls.CaFile .*other.pem cannot be used: .*No such file")
        self.assert_serves(link)

    def test_a_wrong_certificate_is_refused_by_name_and_nothing_is_sent(self):
        cases = {
            "of another authority": (dict(ca="other-ca"), "(?i)tls|certificate"),
            "for another host": (dict(names="DNS:elsewhere.example"), "(?i)tls|certificate|host"),
            "without a name": (dict(names=None), "(?i)tls|certificate|host"),
            "for clients": (dict(usage="clientAuth"), "(?i)tls|certificate|purpose"),
        }
        for number, (name, (options, pattern)) in enumerate(cases.items()):
            with self.subTest(name):
                pair = self.certificate(f"bad{number}", **options)
                self.start_hub(tls=self.server_context(pair))
                self.start_client(name=f"client{number}", grpc_url="http://127.0.0.1:1",
                                  config={"WebSocket": {"AccessToken": "our-token", "Tls": {"CaFile": str(self.directory / "ca.pem")}},
                                          "Outbox": {"Path": str(self.directory / f"{number}.db")}})
                self.client.wait_log(pattern)
                self.client.wait_status(lambda s: s["lastError"], "an error is shown")
                self.assertEqual(self.hub.requests, [])
                self.client.kill()

    def test_verification_can_be_switched_off_with_a_warning(self):
        pair = self.certificate("server", ca="other-ca", names="DNS:elsewhere.example")
        self.start_over_tls(self.server_context(pair), Verify=False)
        self.client.wait_log("(?i)verif")
        self.assert_serves(self.connection())

    def test_old_tls_versions_are_refused(self):
        pair = self.certificate("server")
        self.start_over_tls(self.server_context(pair, newest=ssl.TLSVersion.TLSv1_1))
        self.client.wait_log("(?i)tls")
        self.assertEqual(self.hub.requests, [])

    def test_a_ca_file_that_is_missing_or_no_certificate_is_named(self):
        self.start_hub(tls=self.server_context(self.certificate("server")))
        self.start_grpc()
        (self.directory / "no.pem").write_text("hello")
        for number, name in enumerate(["absent.pem", "no.pem"]):
            with self.subTest(name):
                self.start_client(name=f"client{number}",
                                  config={"WebSocket": {"Tls": {"CaFile": str(self.directory / name)}},
                                          "Outbox": {"Path": str(self.directory / f"{number}.db")}})
                self.client.wait_log(name)
                self.client.kill()

    def test_a_key_with_a_passphrase_is_named_and_nobody_is_asked_for_it(self):
        pair, (certificate, key) = self.certificate("server"), self.certificate("client", usage="clientAuth")
        openssl("pkey", "-aes256", "-passout", "pass:secret", "-in", key, "-out", "locked.key", cwd=self.directory.path)
        self.start_over_tls(self.server_context(pair), self.server_context(pair), CertificateFile=str(certificate),
                            PrivateKeyFile=str(self.directory / "locked.key"))
        self.client.wait_reason("PrivateKeyFile .*locked.key cannot be used: is encrypted with a passphrase")
        Promptness(self.client).check(self)
        answer = run_client("check-config", "--config", self.client.config_file)
        self.assertEqual(answer.returncode, 78, answer)
        self.client.write_config(Chat={"Tls": {"CertificateFile": str(certificate), "PrivateKeyFile": str(self.directory / "locked.key")}})
        answer = run_client("check-config", "--config", self.client.config_file)
        for section in ("WebSocket", "Grpc", "Chat"):
            self.assertRegex(answer.stderr, f"{section}.Tls.PrivateKeyFile .*locked.key cannot be used: is encrypted with a passphrase")
        self.assertEqual(self.client.stop(), 0, self.client.tail())

    def start_with_rotation(self):
        """A result server that wants a client certificate, which lies in `own.pem` and `own.key`."""
        self.certificate("first", usage="clientAuth")
        self.certificate("second", usage="clientAuth")
        self.put("first", "pem", "key")
        shutil.copy(self.directory / "ca.pem", self.directory / "trust.pem")
        self.start_hub()
        self.start_grpc(tls=self.server_context(self.certificate("server"), self.directory / "ca.pem"))
        self.shown = []
        serve = self.grpc.listener._serve

        def note_and_serve(sock):
            self.shown.append(dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"])
            serve(sock)

        self.grpc.listener._serve = note_and_serve
        files = {"CaFile": "trust.pem", "CertificateFile": "own.pem", "PrivateKeyFile": "own.key"}
        self.start_client(config={"Grpc": {"Tls": {key: str(self.directory / name) for key, name in files.items()}}})
        return self.connection()

    def put(self, name, *kinds):
        for kind in kinds:
            shutil.copy(self.directory / f"{name}.{kind}", self.directory / "own.new")
            os.rename(self.directory / "own.new", self.directory / f"own.{kind}")

    def send_on_a_new_connection(self, link):
        """The id, once it was delivered or could not be."""
        self.grpc.listener.drop_connections()
        command = f"id-{next(self.numbers)}"
        link.command("echo a", command)
        wait_until(lambda: command in self.grpc.accepted or self.client.logged("(?i)certificate.verify.failed"), "an end", context=self.client.tail)
        return command

    def test_each_connection_for_results_reads_the_files_anew(self):
        """As the hub's does, without a reload: what was rotated is shown, and an authority that was taken out is trusted no more."""
        link = self.start_with_rotation()
        self.numbers = itertools.count()
        self.send_on_a_new_connection(link)
        self.assertEqual(self.shown, ["first"])
        self.put("second", "pem", "key")
        wait_until(lambda: self.send_on_a_new_connection(link) and self.shown[-1] == "second", "the new one is shown", context=self.client.tail)
        shutil.copy(self.directory / "other-ca.pem", self.directory / "trust.pem")
        wait_until(lambda: self.send_on_a_new_connection(link) not in self.grpc.accepted, "no trust any more", context=self.client.tail)

    def test_the_end_of_a_connection_under_calls_is_no_failure(self):
        """As without TLS: what was cut off goes out on the next connection at once, all of it."""
        pair = self.certificate("server")
        calls = itertools.count(1)
        self.start_hub()
        self.start_grpc(lambda message, nth: Reply.goaway() if next(calls) % 100 == 0 else Reply.ok(), tls=self.server_context(pair))
        self.start_client(config={"Grpc": {"Tls": {"CaFile": str(self.directory / "ca.pem")}}})
        link = self.connection()
        ids = [f"id-{number}" for number in range(1000)]
        for command in ids:
            link.command(f"echo {command}", command)
        for command in ids:
            self.result(command, 30)
        self.assertEqual(self.client.logged("takes no results|Result not delivered"), [])

    def test_a_certificate_whose_key_comes_a_moment_later(self):
        link = self.start_with_rotation()
        self.put("second", "pem")
        link.command("echo a", "a")
        self.client.wait_log("does not belong to the certificate")
        self.put("second", "key")
        self.result("a")
        self.assertEqual(self.client.logged("parked"), [])

    def test_a_failed_handshake_is_not_blamed_on_a_certificate_that_nobody_checks(self):
        folder = self.directory.path
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30, "-subj", "/CN=self",
                "-keyout", "self.key", "-out", "self.pem", cwd=folder)
        context = self.server_context((folder / "self.pem", folder / "self.key"), folder / "ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.start_over_tls(context, Verify=False)
        self.client.wait_log("the server asks for a client certificate")

    def test_a_client_certificate_that_the_server_does_not_accept(self):
        certificate, key = self.certificate("strange", ca="other-ca", usage="clientAuth")
        context = self.server_context(self.certificate("server"), self.directory / "ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.start_over_tls(context, CertificateFile=str(certificate), PrivateKeyFile=str(key))
        self.client.wait_log("the server does not accept the certificate in CertificateFile")

    def test_a_bad_certificate_on_the_grpc_side_keeps_the_results(self):
        good, bad = self.certificate("server"), self.certificate("bad", ca="other-ca")
        self.start_over_tls(self.server_context(good), self.server_context(bad))
        self.connection().command("echo a", "a")
        status = self.client.wait_status(lambda s: s["outbox"]["pending"] == 1 and s["delivery"]["lastError"], "it waits")
        self.assertEqual(self.grpc.results(), [])
        self.assertEqual(status["outbox"]["deadLetters"], 0)


if __name__ == "__main__":
    unittest.main()
