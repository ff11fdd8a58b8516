# SPDX-License-Identifier: MIT
"""What systemd does for jiro-command.socket, without it: a `jiro-client run-command` for each connection, as the same user."""

import socket
import subprocess
import threading

from .programs import CLIENT, clean_environment


class Units:
    def __init__(self, path, wrapper=(), arguments=(), environment=None):
        self.path, self.wrapper, self.arguments = str(path), list(wrapper), list(arguments)
        self.environment = environment or {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(256)
        self._processes = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._processes = [process for process in self._processes if process.poll() is None]
                self._processes.append(
                    subprocess.Popen([*self.wrapper, CLIENT, "run-command", *self.arguments], stdin=connection, env=clean_environment(**self.environment), start_new_session=True)
                )

    def alive(self):
        return [process for process in self._processes if process.poll() is None]

    def stop(self):
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for process in self.alive():
            process.kill()
            process.wait()
