# SPDX-License-Identifier: MIT
"""The two programs under test as processes: JIRO_CLIENT and JIRO_DEV_HUB name the binaries."""

import copy
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from .waiting import seconds, wait_until

CLIENT = os.environ.get("JIRO_CLIENT", "jiro-client")
DEV_HUB = os.environ.get("JIRO_DEV_HUB", "jiro-dev-hub")


def tmpfs():
    """Where this machine has a tmpfs that anybody may write to; None: nowhere."""
    for place in ("/dev/shm", "/run", "/tmp"):
        kind = subprocess.run(["stat", "--file-system", "--format=%T", place], capture_output=True, text=True, check=False)
        if kind.stdout.strip() == "tmpfs" and os.access(place, os.W_OK):
            return place
    return None


class TempDir:
    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="jiro-e2e-"))
        # As the folder in /run that the unit gives to the daemon.
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="jiro-e2e-", dir=tmpfs())) if tmpfs() else None

    def __truediv__(self, name):
        return self.path / name

    def remove(self):
        for path in (self.path, self.runtime):
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)


def clean_environment(**extra):
    """What the tests' own environment holds must not configure the daemon."""
    kept = ("PATH", "LANG", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.update({name: str(value) for name, value in extra.items() if value is not None})
    return environment


def sanitizers():
    """The runtimes that the client under test is linked with. It takes several times as much memory then, and descriptors for
    its checks."""
    linked = subprocess.run(["ldd", CLIENT], capture_output=True, text=True, check=False).stdout
    return re.findall(r"=> (\S*/lib[at]san\S*)", linked)


def preloaded(library):
    """LD_PRELOAD for the client under test: a sanitizer's runtime wants to be the first library."""
    return ":".join([*sanitizers(), str(library)])


def merged(base, changes):
    out = dict(base)
    for key, value in changes.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def run_client(*arguments, environment=None, timeout=20, stdin=None, stdout=subprocess.PIPE, cwd=None, wrapper=()):
    """Runs a subcommand to its end."""
    return subprocess.run(
        [*map(str, (*wrapper, CLIENT, *arguments))],
        env=clean_environment(**(environment or {})),
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        text=True,
        errors="replace",
        timeout=seconds(timeout),
        input=stdin,
        check=False,
    )


class Output:
    """Lines of a stream as they come, kept to be searched."""

    def __init__(self, stream, copy_to):
        self.lines = []
        self._copy = open(copy_to, "ab")
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            self._copy.write(line)
            self._copy.flush()
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
        self._copy.close()

    def text(self):
        return "\n".join(self.lines)

    def join(self):
        self._thread.join(seconds(5))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """`jiro-client run` with a configuration, its state in `directory`."""

    # Short enough for a test, long enough for a busy machine. A test overrides what it is about.
    DEFAULTS = {
        "WebSocket": {
            "ReconnectionDelayMs": 100,
            "MaxReconnectionDelayMs": 300,
            "MaxReconnectionAttempts": -1,
            "FailedRetryDelayMs": 1000,
            "HandshakeTimeoutMs": 15000,
            "KeepAliveIntervalMs": 15000,
            "ServerTimeoutMs": 600000,  # the tests' hub sends no pings of its own
        },
        "Grpc": {"TimeoutMs": 10000, "MaxRetries": 3, "RetryDelayMs": 100, "MaxRetryDelayMs": 300},
        "Logging": {"Level": "debug"},
    }

    def __init__(self, directory, hub_url=None, grpc_url=None, config=None, environment=None, start=True, name="client", redo_log=True, wrapper=()):
        self.directory = directory
        self.config_file = directory / f"{name}.yaml"
        self.socket = str(directory / f"{name}.sock")
        self.outbox = directory / "state" / "outbox.db"
        self.outbox.parent.mkdir(mode=0o700, exist_ok=True)
        self.log_file = directory / f"{name}.log"
        self.out_file = directory / f"{name}.out"
        self.environment = environment or {}
        self.wrapper = [str(word) for word in wrapper]  # a program that becomes the daemon in the end
        base = merged(copy.deepcopy(self.DEFAULTS), {"Monitoring": {"Listen": f"unix:{self.socket}"}, "Outbox": {"Path": str(self.outbox)}})
        self.redo_log = directory.runtime / f"{name}.redo" if redo_log and directory.runtime else None
        if self.redo_log:
            base["Outbox"]["RedoLog"] = str(self.redo_log)
        if hub_url:
            base["WebSocket"]["HubUrl"] = hub_url
        if grpc_url:
            base["Grpc"]["ServerUrl"] = grpc_url
        self.config = merged(base, config or {})
        self.write_config()
        self.process = None
        if start:
            self.start()

    def write_config(self, **changes):
        self.config = merged(self.config, changes)
        # JSON is YAML.
        new = self.config_file.with_suffix(".new")
        new.write_text(json.dumps(self.config, indent=2))
        new.rename(self.config_file)  # whole or not at all, also for a reload that reads it now

    def start(self, program=CLIENT):
        """`program`: another jiro-client than the one under test."""
        self.process = subprocess.Popen(
            [*self.wrapper, program, "run", "--config", str(self.config_file)],
            env=clean_environment(**self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.log = Output(self.process.stderr, self.log_file)
        self.out = Output(self.process.stdout, self.out_file)
        return self

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def tail(self, lines=60):
        return f"--- the daemon's log ({self.log_file}):\n" + "\n".join(self.log.lines[-lines:])

    # Its log

    def logged(self, pattern, since=0):
        return [line for line in self.log.lines[since:] if re.search(pattern, line)]

    def wait_log(self, pattern, within=10.0, since=0):
        return wait_until(lambda: self.logged(pattern, since), f"a log line /{pattern}/", within, context=self.tail)[0]

    def wait_reason(self, pattern, within=10.0, since=0):
        """Named in the log, or (the log shows only so many reasons of one failure at once) as the status' last error."""

        def named():
            return self.logged(pattern, since) or re.search(pattern, str((self.try_status() or {}).get("lastError")))

        wait_until(named, f"a reason /{pattern}/", within, context=self.tail)

    # Its status

    def get(self, path, timeout=5):
        return self._request("GET", path, timeout)

    def post(self, path, timeout=5):
        return self._request("POST", path, timeout)

    def _request(self, method, path, timeout):
        connection = UnixConnection(self.socket, seconds(timeout))
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def status(self):
        status, body = self.get("/status")
        if status != 200:
            raise AssertionError(f"/status answered {status}: {body}")
        return json.loads(body)

    def try_status(self):
        try:
            return self.status()
        except (OSError, AssertionError):  # not yet there, or it serves as many as it does at once
            return None

    def wait_status(self, predicate, what, within=10.0):
        last = [None]

        def holds():
            if not self.is_running():
                raise AssertionError(f"the daemon ended with {self.process.returncode} while waiting: {what}\n{self.tail()}")
            last[0] = self.try_status()
            return last[0] is not None and predicate(last[0])

        wait_until(holds, what, within, poll=0.03, context=lambda: f"status: {last[0]}\n{self.tail()}")
        return last[0]

    def wait_state(self, state, within=10.0):
        return self.wait_status(lambda status: status["state"] == state, f"state {state}", within)

    def wait_connected(self, within=10.0):
        return self.wait_state("Connected", within)

    # Its end

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait_exit(self, within=15.0):
        try:
            code = self.process.wait(seconds(within))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon did not end within {seconds(within):g} s\n{self.tail()}") from None
        self.log.join()
        self.out.join()
        return code

    def stop(self, within=15.0):
        self.signal(signal.SIGTERM)
        return self.wait_exit(within)

    def kill(self):
        """kill -9, as the kernel does it when memory is short."""
        if self.is_running():
            self.process.kill()
        self.process.wait()
        self.log.join()
        self.out.join()


class DevHub:
    """`jiro-dev-hub serve` on free loopback ports, driven through its control socket."""

    def __init__(self, directory, *arguments, name="hub", hub_port=0, grpc_port=0):
        self.directory, self.name, self.arguments = directory, name, arguments
        self.control = str(directory / f"{name}.control")
        self.port_file = directory / f"{name}.json"
        self.hub_port, self.grpc_port = hub_port, grpc_port
        self.start()

    def start(self):
        self.port_file.unlink(missing_ok=True)
        command = [DEV_HUB, "serve", "--hub", f"127.0.0.1:{self.hub_port}", "--grpc", f"127.0.0.1:{self.grpc_port}"]
        command += ["--control", self.control, "--port-file", str(self.port_file), *map(str, self.arguments)]
        self.process = subprocess.Popen(
            command, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.log = Output(self.process.stdout, self.directory / f"{self.name}.log")

        def ports():
            if self.process.poll() is not None:
                raise AssertionError(f"the development hub ended with {self.process.returncode}:\n{self.log.text()}")
            try:
                return json.loads(self.port_file.read_text())
            except (OSError, ValueError):
                return None

        found = wait_until(ports, "the development hub's port file", context=self.log.text)
        self.hub_url, self.grpc_url = found["hubUrl"], found["grpcUrl"]
        # A restart comes back on the same ports.
        self.hub_port = int(re.search(r":(\d+)", self.hub_url.split("//", 1)[1]).group(1))
        self.grpc_port = int(re.search(r":(\d+)", self.grpc_url.split("//", 1)[1]).group(1))
        return self

    def run(self, *arguments, timeout=60):
        """A subcommand as a person types it: `send 'echo hi'`."""
        verb, *rest = map(str, arguments)
        return subprocess.run(
            [DEV_HUB, verb, "--control", self.control, *rest],
            env=clean_environment(), capture_output=True, text=True, timeout=seconds(timeout), check=False,
        )

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(seconds(10))
        self.log.join()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.join()
