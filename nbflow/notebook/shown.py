"""What a cell shows, as text by which two runs of it can be compared. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

# What differs between any two runs or kernels: object addresses, tables in the making, a counter in
# scikit-learn's HTML, the kernel's scratch files, durations.
_UNSTEADY: Final = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"nbflow_new_[0-9a-f]{32}"), "<new>"),
    (re.compile(r"\b(sk-\w+-id)-\d+"), r"\1"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"^(CPU times|Wall time): .*$", re.MULTILINE), r"\1"),
)


def shown(outputs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Outputs of a cell (nbformat's), each as one text; neighbouring pieces of a stream are one.

    All representations count, pictures by their digest, errors without their traceback. What two
    runs of the same code never show alike (addresses, durations) is left out.

    >>> shown([{"output_type": "stream", "name": "stdout", "text": "<Thing at 0x7f0012345678>"}])
    ('stdout: <Thing at 0x…>',)
    """
    return tuple(_texts(outputs))


def _texts(outputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    stream, text = "", ""
    for output in outputs:
        kind = output["output_type"]
        if text and (kind != "stream" or output["name"] != stream):
            yield f"{stream}: {_steady(text)}"
            text = ""
        if kind == "stream":
            stream, text = output["name"], text + _joined(output["text"])
        elif kind == "error":
            yield _steady(f"error: {output['ename']}: {output['evalue']}")
        else:
            yield _steady(f"{kind}: {_data(output['data'])}")
    if text:
        yield f"{stream}: {_steady(text)}"


def _data(data: Mapping[str, Any]) -> str:
    return "\n".join(
        f"[{kind}] {_digest(_joined(value)) if kind.startswith('image/') else _joined(value)}"
        for kind, value in sorted(data.items())
    )


def _joined(value: Any) -> str:
    """Files may hold a text as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def _steady(text: str) -> str:
    for pattern, instead in _UNSTEADY:
        text = pattern.sub(instead, text)
    return _on_a_screen(text)


def _on_a_screen(text: str) -> str:
    """A lane keeps of a progress bar what a screen shows in the end: after the last return.

    >>> _on_a_screen("1%\\r50%\\r100%\\nkept\\r\\n")
    '100%\\nkept\\r\\n'
    """
    # Not by a pattern: to look for a return from each letter on takes minutes in a megabyte.
    if "\r" not in text:
        return text
    return "\n".join(map(_after_return, text.split("\n")))


def _after_return(line: str) -> str:
    end = "\r" if line.endswith("\r") else ""
    return line.removesuffix("\r").rpartition("\r")[2] + end


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
