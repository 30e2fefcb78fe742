"""An issuer for tests: its document over HTTP, and tokens that it really signed."""

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.impl.issuing import signer
from tests.services.owning import now_s

from communicator_impl.entropy import SystemEntropy
from communicator_impl.issuer_keys import IssuerKey, epoch_of, write_issuer_document
from communicator_impl.tokens import Purpose, Token, TokenKey, authorization, challenge_digest, finish, request


class Issuer:
    """One key for each purpose, in the epoch of today and the next."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.uri = f"http://{self.host}"
        self.drawn: Counter[str] = Counter()

    def keys(self) -> tuple[IssuerKey, ...]:
        epoch = epoch_of(now_s())
        return tuple(IssuerKey(purpose, epoch, TokenKey(signer(purpose).public)) for purpose in Purpose)

    def token(self, purpose: Purpose, origin: str) -> Token:
        entropy, key = SystemEntropy(), TokenKey(signer(purpose).public)
        pending = request(key, challenge_digest(self.host, origin), entropy)
        return finish(pending, signer(purpose).sign_blinded(pending.blinded, entropy))

    def header(self, purpose: Purpose, origin: str) -> dict[str, str]:
        return {"authorization": authorization(self.token(purpose, origin))}


def plain(token: Token) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode()


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Serve the document of an issuer on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = write_issuer_document(issuer.keys())
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
