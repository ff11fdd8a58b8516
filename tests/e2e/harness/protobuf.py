# SPDX-License-Identifier: MIT
"""Just enough protobuf to read a ClientMessage and write a CommandResultResponse, by the field numbers of the contract."""

TEXT_TYPES = ["PLAIN", "JSON", "BASE64", "MARKDOWN", "HTML"]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def encode_varint(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if value:
            out.append(byte | 0x80)
        else:
            out.append(byte)
            return bytes(out)


def fields(data):
    """Yields (number, value): an int for varints, bytes for what has a length."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                raise ValueError("truncated field")
            value = data[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {kind} is not in the contract")
        yield number, value


class ClientMessage:
    """One result as it came over the wire; `raw` is what must be the same each time it is sent."""

    def __init__(self, raw):
        self.raw = raw
        self.command_name = self.command_sync_id = self.session_id = ""
        self.command_type = 0
        self.is_success = False
        self.parameters = {}
        self.response = None
        self.text_type = "PLAIN"
        self.graph = None
        for number, value in fields(raw):
            if number == 1:
                self.command_name = value.decode()
            elif number == 2:
                self.command_type = value
            elif number == 3:
                self.response = ""
                for inner, content in fields(value):
                    if inner == 1:
                        self.response = content.decode()
                    elif inner == 2:
                        self.text_type = TEXT_TYPES[content]
            elif number == 4:
                self.graph = {"message": "", "data": b"", "note": "", "x": "", "y": "", "units": {}}
                for inner, content in fields(value):
                    if inner == 6:
                        self.graph["units"].update([_pair(content)])
                    elif inner == 2:
                        self.graph["data"] = content
                    else:
                        self.graph[{1: "message", 3: "note", 4: "x", 5: "y"}[inner]] = content.decode()
            elif number == 5:
                self.is_success = bool(value)
            elif number == 6:
                self.command_sync_id = value.decode()
            elif number == 7:
                self.parameters.update([_pair(value)])
            elif number == 8:
                self.session_id = value.decode()

    def __repr__(self):
        text = self.response if self.response is not None else f"graph {self.graph['message']}" if self.graph else None
        return f"<{self.command_name} {self.command_sync_id} success={self.is_success} {str(text)[:200]!r}>"


def _pair(data):
    key = value = ""
    for number, content in fields(data):
        if number == 1:
            key = content.decode()
        else:
            value = content.decode()
    return key, value


def command_result_response(success, message=""):
    out = b""
    if success:
        out += b"\x08\x01"
    if message:
        encoded = message.encode()
        out += b"\x12" + encode_varint(len(encoded)) + encoded
    return out
