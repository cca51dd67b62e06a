"""Amazon S3 as moto imitates it, filled by boto3, for tests of imports.

The first line of output says where it listens ({"port": …}). Then each line of input is a command, and each line of
output its answer, as JSON; it ends with its input. Answers can be made slow, or errors, to see what a client does then.
"""

import json
import logging
import sys
import threading
import time

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "bills"
KEYS = {"aws_access_key_id": "AKIATESTTESTTESTTEST", "aws_secret_access_key": "secret"}


class Weather:
    """Stands before the server: counts what is read of objects, delays it, and fails it."""

    def __init__(self, app):
        self.app = app
        self.reads = 0
        self.slow_seconds = 0
        self.failures = 0

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].count("/") > 1:
            self.reads += 1
            time.sleep(self.slow_seconds)
            if self.failures:
                self.failures -= 1
                start_response("503 Slow Down", [("Content-Length", "0")])
                return [b""]
        return self.app(environ, start_response)


def carry_out(command, s3, weather):
    """One command; the answer goes to the test."""
    match command["do"]:
        case "put":
            s3.upload_file(command["file"], BUCKET, command["key"])
        case "mark":
            s3.put_object(Bucket=BUCKET, Key=command["key"], Body=b"")
        case "weather":
            weather.slow_seconds = command.get("slow_seconds", 0)
            weather.failures = command.get("failures", 0)
        case "reads":
            return {"reads": weather.reads}
    return {}


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    weather = Weather(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, weather, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **KEYS)
    s3.create_bucket(Bucket=BUCKET)
    print(json.dumps({"port": server.server_port}), flush=True)
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line), s3, weather)), flush=True)


main()
