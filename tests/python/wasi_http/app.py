"""An extractor in Python that asks by `wasi:http` and lands what it got."""

from wit_world import exports
from componentize_py_types import Err
from wit_world.imports import outgoing_handler, run, stdout, zone
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    Method_Other,
    OutgoingRequest,
    Scheme_Http,
)


class Entry(exports.Entry):
    async def extract(self) -> None:
        if hoard := int(run.param("hoard") or 0):
            kept = [Fields.from_list([("x-hoard", b"x" * 12_000)]) for _ in range(hoard)]
            print(len(kept), "sets of fields are kept")
            return
        if size := int(run.param("text") or 0):
            request = OutgoingRequest(Fields())
            for keep in (lambda text: request.set_method(Method_Other(text)), request.set_authority):
                try:
                    keep("x" * size)
                except Err:
                    print("a text of", size, "is refused")
            return
        if size := int(run.param("write") or 0):
            stdout.get_stdout().write(b"x" * size)
            return
        # Split by the component itself: `host` gets the parts, and checks what they make.
        authority, path = (run.param("url") or "").removeprefix("http://").split("/", 1)
        request = OutgoingRequest(Fields.from_list([("x-guest", b"python")]))
        request.set_scheme(Scheme_Http())
        request.set_authority(authority)
        request.set_path_with_query("/" + path)
        promise = outgoing_handler.handle(request, None)
        promise.subscribe().block()
        answer = promise.get().value
        if isinstance(answer, Err):
            raise Err(f"no answer: {type(answer.value).__name__}")
        response = answer.value
        body = response.consume()
        stream = body.stream()
        content = b""
        while True:
            try:
                chunk = stream.blocking_read(65536)
            except Err as closed:
                print("the stream ended:", type(closed.value).__name__)
                break
            content += chunk
        stream.__exit__(None, None, None)
        IncomingBody.finish(body)
        source = zone.Source.open(run.name())
        await source.land_bytes(content, zone.Slot("csv", None))
