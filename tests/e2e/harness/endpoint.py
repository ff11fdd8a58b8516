# SPDX-License-Identifier: MIT
"""An OpenAI-compatible endpoint that answers as a test tells it: a function gets the request's JSON and yields pieces of text, and
may wait, break off or answer with a status instead."""

import http.server
import json
import threading


class Reply(Exception):
    """Instead of an answer: a status, with headers and a body."""

    def __init__(self, status, body="{}", **headers):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


class Endpoint:
    def __init__(self, answer=lambda request: ["Hello", " from", " the model"]):
        self.answer = answer
        self.requests = []  # (headers, JSON)
        self.hangs_up = False  # behind the finish_reason
        self.closed = threading.Event()  # a connection broke while an answer was written
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append((dict(self.headers), request))
                try:
                    pieces = iter(endpoint.answer(request))
                    if request.get("stream"):
                        self.stream(pieces)
                    else:
                        self.whole("".join(pieces))
                except Reply as reply:
                    self.send(reply.status, reply.body, **reply.headers)
                except (BrokenPipeError, ConnectionResetError):
                    endpoint.closed.set()

            def send(self, status, body, content_type="application/json", **headers):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body.encode())))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body.encode())

            def whole(self, text):
                message = {"role": "assistant", "content": text}
                self.send(200, json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                                           "usage": {"prompt_tokens": 11, "completion_tokens": 7}}))

            def stream(self, pieces):
                first = next(pieces, None)  # a Reply comes before the head
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if first is not None:
                    self.event({"choices": [{"index": 0, "delta": {"content": first}, "finish_reason": None}]})
                for piece in pieces:
                    if piece is None:  # breaks off
                        self.close_connection = True
                        return
                    self.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
                self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                if endpoint.hangs_up:
                    self.close_connection = True
                    return
                self.event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}})
                self.chunk("data: [DONE]\n\n")
                self.wfile.write(b"0\r\n\r\n")

            def event(self, data):
                self.chunk("data: " + json.dumps(data) + "\n\n")

            def chunk(self, text):
                data = text.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
