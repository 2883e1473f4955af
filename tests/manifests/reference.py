#!/usr/bin/env python3
"""What airbyte-cdk asks for and reads with the manifests beside this file, as their `expected.json`.

usage: reference.py [--check] [CASE...]      (where airbyte-cdk 7.39.1 is installed)

A case is a directory with `manifest.yaml`, in which BASE is the server's address, and `case.json`: the configuration, the
stream to read, and the answers of the server; `second` has what is different in a second run, which goes on from the
state of the first. Its `schemas`, where it has some, are those of a package `source_case`. With --check nothing is written, and what differs from the files is told.
"""

import importlib
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = pathlib.Path(__file__).parent
# What every client sends, or sends otherwise.
LEFT_OUT = {"host", "user-agent", "accept", "accept-encoding", "connection", "content-length"}


class Server:
    """Gives the answers of a case, and notes what was asked."""

    def __init__(self, answers):
        self.answers, self.asked, self.lock = [dict(answer) for answer in answers], [], threading.Lock()
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                script.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def handle(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0)).decode()
        with self.lock:
            self.asked.append(self.note(handler, url.path, query, body))
            answer = next((a for a in self.answers if self.matches(a, handler.command, url.path, query, body)), None)
            if answer and "times" in answer:
                answer["times"] -= 1
        answer = answer or {"status": 404, "json": {}}
        content = answer["text"].encode("latin-1") if "text" in answer else json.dumps(answer.get("json", {})).encode()
        content = content.replace(b"BASE", self.base.encode())
        handler.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            handler.send_header(name, value.replace("BASE", self.base))
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    @staticmethod
    def matches(answer, method, path, query, body):
        return (
            answer.get("times", 1) > 0
            and answer.get("method", method) == method
            and answer["path"] == path
            and all((name, value) in query for name, value in answer.get("query", {}).items())
            and not any(name in answer.get("without", []) for name, _ in query)
            and answer.get("body", "") in body
        )

    def note(self, handler, path, query, body):
        fields = {name.lower(): value.replace(self.base, "BASE") for name, value in handler.headers.items()}
        noted = {"method": handler.command, "path": path, "query": [list(pair) for pair in query]}
        noted["headers"] = {name: value for name, value in sorted(fields.items()) if name not in LEFT_OUT}
        if body:
            is_json = fields.get("content-type") == "application/json"
            noted["body"] = json.loads(body) if is_json else body
        return noted


def import_package(schemas, directory):
    """Have a package with these schemas, which the reference looks for among what is imported."""
    package = pathlib.Path(directory) / "source_case"
    package.mkdir()
    (package / "__init__.py").touch()
    if schemas.is_dir():
        shutil.copytree(schemas, package / "schemas")
    sys.path.insert(0, directory)
    importlib.import_module("source_case")


def read(manifest, config, stream, state):
    """The records of a stream, its state, and whether it failed, in this process."""
    import yaml
    from airbyte_cdk.models import (
        AirbyteStateMessageSerializer,
        ConfiguredAirbyteCatalog,
        ConfiguredAirbyteStream,
        DestinationSyncMode,
        SyncMode,
        Type,
    )
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

    logging.disable(logging.CRITICAL)
    manifest = yaml.safe_load(manifest)
    manifest["concurrency_level"] = {"type": "ConcurrencyLevel", "default_concurrency": 1, "max_concurrency": 1}
    before = [AirbyteStateMessageSerializer.load(message) for message in state]
    source = lambda catalog: ConcurrentDeclarativeSource(
        catalog=catalog, config=config, state=before, source_config=manifest
    )
    records, after, failed = [], list(state), False
    try:
        found = next(s for s in source(None).streams(config) if s.name == stream).as_airbyte_stream()
        incremental = SyncMode.incremental in found.supported_sync_modes
        mode = SyncMode.incremental if incremental else SyncMode.full_refresh
        configured = ConfiguredAirbyteStream(
            stream=found, sync_mode=mode, destination_sync_mode=DestinationSyncMode.append
        )
        catalog = ConfiguredAirbyteCatalog(streams=[configured])
        for message in source(catalog).read(logging.getLogger("reference"), config, catalog, before):
            if message.type == Type.RECORD:
                records.append(message.record.data)
            elif message.type == Type.STATE:
                after = [AirbyteStateMessageSerializer.dump(message.state)]
    except Exception as error:
        if os.environ.get("WHY"):
            print(repr(error), file=sys.stderr)
        failed = True
    return {"records": records, "state": after, "failed": failed}


def run(directory, case, manifest, answers, state):
    server = Server(answers)
    config = json.loads(json.dumps(case["config"]).replace("BASE", server.base))
    order = {"manifest": manifest.replace("BASE", server.base), "config": config, "stream": case["stream"], "state": state}
    order["schemas"] = str(directory / "schemas")
    # A process for each: parent streams keep a cache in theirs.
    done = subprocess.run(
        [sys.executable, __file__, "--read"], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"records"')]
    if not lines:
        raise SystemExit(f"{done.stdout}\n{done.stderr}")
    if os.environ.get("WHY"):
        print(done.stderr, file=sys.stderr)
    server.server.shutdown()
    result = json.loads(lines[-1].replace(server.base, "BASE"))
    return server.asked, result


def expected(directory):
    case = json.loads((directory / "case.json").read_text())
    manifest = (directory / "manifest.yaml").read_text()
    runs, state = [], []
    for answers in [case["answers"], case.get("second", {}).get("answers", case["answers"])]:
        asked, result = run(directory, case, manifest, answers, state)
        # The streams are listed before one is read, and a template's take a request each time.
        asked = asked[case.get("listing", 0) :]
        state = result["state"]
        runs.append({"requests": asked, "records": result["records"], "failed": result["failed"]})
        if result["failed"]:
            break
    return written(runs)


def written(runs):
    """JSON with a line for each request and each record."""

    def lines(values):
        return "[" + ",".join("\n  " + json.dumps(value, ensure_ascii=False, default=str) for value in values) + "]"

    runs = [
        f'{{"failed": {json.dumps(run["failed"])},\n "requests": {lines(run["requests"])},\n'
        f' "records": {lines(run["records"])}}}'
        for run in runs
    ]
    return "[" + ",\n".join(runs) + "]\n"


def main(arguments):
    if arguments == ["--read"]:
        order = json.load(sys.stdin)
        with tempfile.TemporaryDirectory() as package:
            import_package(pathlib.Path(order["schemas"]), package)
            result = read(order["manifest"], order["config"], order["stream"], order["state"])
        print("\n" + json.dumps(result, default=str), flush=True)
        return 0
    check = "--check" in arguments
    names = [argument for argument in arguments if argument != "--check"]
    directories = [HERE / name for name in names] or sorted(path.parent for path in HERE.glob("*/case.json"))
    different = 0
    for directory in directories:
        text, file = expected(directory), directory / "expected.json"
        if check and text != file.read_text():
            print(f"{directory.name}: airbyte-cdk reads it otherwise than expected.json says")
            different += 1
        elif not check:
            file.write_text(text)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
