"""An HTTP/3 client for tests, on aioquic: a QUIC stack that shares no code with HAProxy.

    client.py PORT SERVER_NAME CERTIFICATE_FILE

Connects to 127.0.0.1 and trusts CERTIFICATE_FILE alone, so that a connection proves which certificate was shown. Then each
line of standard input is a request, and is answered by one line, both as JSON:

    {"path": "/", "method": "GET", "headers": {}, "body": ""}        "authority" is SERVER_NAME unless given
    {"status": 200, "headers": {}, "body": ""}

The first line of output is {"connected": true} or {"error": "..."}.
"""

import asyncio
import json
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated


class Http3Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._answers = {}

    async def request(self, authority, method="GET", path="/", headers=None, body=""):
        stream = self._quic.get_next_available_stream_id()
        answer = {"status": 0, "headers": {}, "body": b"", "ended": asyncio.get_running_loop().create_future()}
        self._answers[stream] = answer
        fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        fields += list((headers or {}).items())
        self._http.send_headers(stream, [(name.encode(), value.encode()) for name, value in fields], end_stream=body == "")
        if body != "":
            self._http.send_data(stream, body.encode(), end_stream=True)
        self.transmit()
        await answer["ended"]
        del self._answers[stream]
        return {"status": answer["status"], "headers": answer["headers"], "body": answer["body"].decode()}

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for answer in self._answers.values():
                if not answer["ended"].done():
                    answer["ended"].set_exception(ConnectionError(event.reason_phrase or "connection closed"))
        for item in self._http.handle_event(event):
            self._answer(item)

    def _answer(self, item):
        answer = self._answers[item.stream_id]
        if isinstance(item, HeadersReceived):
            fields = {name.decode(): value.decode() for name, value in item.headers}
            answer["status"] = int(fields.pop(":status", answer["status"]))
            answer["headers"].update(fields)
        elif isinstance(item, DataReceived):
            answer["body"] += item.data
        if item.stream_ended and not answer["ended"].done():
            answer["ended"].set_result(None)


def say(value):
    print(json.dumps(value), flush=True)


async def main(port, server_name, certificate_file):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=server_name)
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.load_verify_locations(cafile=certificate_file)
    try:
        async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Http3Client) as client:
            say({"connected": True})
            while line := await asyncio.to_thread(sys.stdin.readline):
                try:
                    say(await client.request(**{"authority": server_name, **json.loads(line)}))
                except ConnectionError as error:
                    say({"error": str(error)})
    except ConnectionError as error:
        say({"error": str(error) or type(error).__name__})


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
