# SPDX-License-Identifier: MIT
"""Certificates made on the spot by the openssl program."""

import datetime
import shutil
import subprocess

AVAILABLE = shutil.which("openssl") is not None
_DATE = "%Y%m%d%H%M%SZ"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments, cwd):
    return subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, check=True, capture_output=True, text=True)


def _validity(days, cwd):
    """OpenSSL 3.4 brought dates, and no longer takes a negative number of days."""
    if days >= 0 or "-not_after" not in _openssl("x509", "-help", cwd=cwd).stderr:
        return "-days", days
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return "-not_before", (end - datetime.timedelta(days=1)).strftime(_DATE), "-not_after", end.strftime(_DATE)


class Authority:
    """An authority of the test's own, its files in `folder`."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.file = folder / f"{name}.pem"
        _openssl("req", "-x509", *_KEY, "-days", 300, "-subj", f"/CN=test {name}", "-keyout", f"{name}.key", "-out",
                 self.file.name, cwd=folder)

    def issue(self, name, days=300, names="IP:127.0.0.1,DNS:localhost"):
        """Certificate and key for a server; `days` below 0: it has expired."""
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        _openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=self.folder)
        _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", self.file.name, "-CAkey", f"{self.name}.key", "-CAcreateserial",
                 *_validity(days, self.folder), "-extfile", f"{name}.ext", "-out", f"{name}.pem", cwd=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"
