"""A chat server on this computer that answers what a test tells it to, also byte for byte."""

import json
import socketserver
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAIN = "<think>View 1: [sofa, lamp, left]\nMapping: a b c\nReasoning: a b c</think><answer>A</answer>"


def answer(text=CHAIN, finish="stop", usage=(100, 20), **message):
    found = {"choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}]}
    if usage:
        found["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), usage, strict=True))
    return json.dumps(found)


class Server(ThreadingHTTPServer):
    """Calls ``script(prompt, number of the try)`` for what to send: (status, body, headers), or a function."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.requests = []
        self.tries = {}
        self.lock = threading.Lock()
        self.most = self.under_way = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        pass  # the client hung up, as it should


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        prompt = content if isinstance(content, str) else content[-1]["text"]
        with self.server.lock:
            number = self.server.tries[prompt] = self.server.tries.get(prompt, 0) + 1
            self.server.requests.append((self.path, dict(self.headers), body, time.monotonic()))
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
        try:
            found = self.server.script(prompt, number)
            if callable(found):
                found(self)
                return
            status, text, headers = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())
        finally:
            with self.server.lock:
                self.server.under_way -= 1

    def log_message(self, *_):
        pass


@contextmanager
def _running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serving(script):
    return _running(Server(script))


def fine(_prompt, _number):
    return 200, answer(), {}


class RawServer(socketserver.ThreadingTCPServer):
    """Calls ``script(connection, request body)`` to send whatever bytes it likes."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, script):
        super().__init__(("127.0.0.1", 0), RawHandler)
        self.script = script

    url = Server.url

    def handle_error(self, request, client_address):
        pass  # the client hung up, as it should


class RawHandler(socketserver.StreamRequestHandler):
    def handle(self):
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        self.server.script(self.connection, json.loads(self.rfile.read(length)))


def serving_bytes(script):
    return _running(RawServer(script))
