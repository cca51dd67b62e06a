"""A mail server that takes one message and prints what a reader of mail would see of it, as JSON.

The first line says where it listens ({"port": …}), the second is the message; then it ends. Without a message
in time it ends with status 1.
"""

import asyncio
import base64
import email
import email.policy
import json
import struct
import sys

from aiosmtpd.smtp import SMTP

PATIENCE_SECONDS = 120


class Mailbox:
    """Keeps the first message."""

    def __init__(self, loop):
        self.message = loop.create_future()

    async def handle_DATA(self, server, session, envelope):
        if not self.message.done():
            self.message.set_result(envelope)
        return "250 kept"


def png_size(data):
    """Width and height of a PNG, from its header; None for anything else."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    return list(struct.unpack(">II", data[16:24]))


def part(found):
    """One part: what it is, and its text or the size of its picture."""
    data = found.get_payload(decode=True)
    seen = {
        "type": found.get_content_type(),
        "disposition": found.get_content_disposition(),
        "file": found.get_filename(),
        "id": found["Content-ID"],
        "bytes": len(data),
    }
    if found.get_content_maintype() == "text":
        seen["text"] = found.get_content()
    elif found.get_content_maintype() == "image":
        seen["pixels"] = png_size(data)
        seen["base64"] = base64.b64encode(data).decode()
    return seen


def seen(envelope):
    """The message as its reader's program takes it apart."""
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    return {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "bytes": len(envelope.content),
        "subject": message["Subject"],
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "tree": [each.get_content_type() for each in message.walk()],
        "defects": [str(defect) for each in message.walk() for defect in each.defects],
        "parts": [part(each) for each in message.walk() if not each.is_multipart()],
    }


async def main():
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(loop)
    server = await loop.create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    try:
        envelope = await asyncio.wait_for(mailbox.message, PATIENCE_SECONDS)
        # The sender still gets its answer and says goodbye.
        await asyncio.sleep(0.2)
    except TimeoutError:
        print("receive.py: no message came", file=sys.stderr)
        return 1
    finally:
        server.close()
    print(json.dumps(seen(envelope)), flush=True)
    return 0


sys.exit(asyncio.run(main()))
