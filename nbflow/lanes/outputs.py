"""What cells show, from kernel messages to nbformat outputs, within limits.

Text keeps its head and tail, big rich values leave a placeholder, and nothing is stored that a
notebook file cannot hold. What was left out is said where it is missing.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from nbflow.core.task import WARNED

STREAM_LIMIT: Final = 1_000_000
"""Characters of one stdout or stderr output that are kept, half of them from the tail."""

STREAMS_LIMIT: Final = 20
"""Separate stream outputs of a cell; later text joins the last one of its name."""

OUTPUTS_LIMIT: Final = 2_000
"""Rich outputs of a cell."""

MIME_LIMIT: Final = 20_000_000
"""Characters of one value of a rich output."""

MESSAGE_LIMIT: Final = 10_000
"""Characters of an error message, and of a line of its traceback."""

TRACEBACK_LINES: Final = 200

Output = dict[str, Any]


def displayable(text: str) -> str:
    """Text that every notebook reader can store: no lone surrogates, no NUL.

    >>> displayable("a\\ud800b\\0")
    'a�b␀'
    """
    if "\0" in text:
        text = text.replace("\0", "␀")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clip(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Head and tail of a long text.

    >>> clip("abcdefghij", 4)
    'ab\\n[… 6 characters left out …]\\nij'
    """
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def overwrite(text: str) -> str:
    """Lines as a terminal shows them after carriage returns (progress bars).

    A return at the end of a line stays: it has overwritten nothing, and what comes next may.

    >>> overwrite("10%\\r20%\\rdone\\nnext\\r\\n")
    'done\\nnext\\r\\n'
    >>> overwrite("abcdef\\rxy"), overwrite("10%\\r20%\\r")
    ('xycdef', '20%\\r')
    """
    if "\r" not in text:
        return text
    return "\n".join(_overwritten(line) for line in text.split("\n"))


def _overwritten(line: str) -> str:
    body = line.rstrip("\r")
    shown = ""
    for part in body.split("\r"):
        shown = part + shown[len(part) :]
    return f"{shown}\r" if body != line else shown


class _Stream:
    """One stdout or stderr output that grows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._head_size = self._tail_size = self._dropped = 0
        self._line = ""

    def add(self, text: str) -> None:
        text = self._line + text
        if len(text) > STREAM_LIMIT // 2:
            whole, self._line = text, ""
        else:
            # The last line may still be overwritten by what comes.
            cut = text.rfind("\n") + 1
            whole, self._line = (
                text[:cut],
                overwrite(text[cut:]) if "\r" in text[cut:-1] else text[cut:],
            )
        self._keep(overwrite(whole))

    def _keep(self, text: str) -> None:
        room = STREAM_LIMIT // 2 - self._head_size
        if room > 0:
            self._head.append(text[:room])
            self._head_size += min(room, len(text))
            text = text[room:]
        if text:
            self._tail.append(text)
            self._tail_size += len(text)
            self._trim()

    def _trim(self) -> None:
        while self._tail_size > STREAM_LIMIT // 2:
            excess = self._tail_size - STREAM_LIMIT // 2
            first = self._tail.popleft()
            if len(first) > excess:
                self._tail.appendleft(first[excess:])
            lost = min(excess, len(first))
            self._tail_size -= lost
            self._dropped += lost

    def output(self) -> Output:
        # Plain dots: one other character would double the memory that a long text takes.
        left_out = f"\n[... {self._dropped} characters left out, see the log ...]\n"
        gap = left_out if self._dropped else ""
        text = "".join([*self._head, gap, *self._tail]) + overwrite(self._line)
        return {"output_type": "stream", "name": self.name, "text": displayable(text)}


class CellOutputs:
    """The outputs of one cell while it runs."""

    def __init__(self) -> None:
        self._items: list[_Stream | Output] = []
        self._updates: dict[str, Output] = {}
        self._told: list[dict[str, Any]] = []
        self._left_out = 0
        self._clear_first = False

    def stream(self, name: str, text: str) -> None:
        """Text on stdout or stderr."""
        self._clear_if_asked()
        streams = [item for item in self._items if isinstance(item, _Stream)]
        last = self._items[-1] if self._items else None
        if isinstance(last, _Stream) and last.name == name:
            last.add(text)
            return
        same = [item for item in streams if item.name == name]
        if len(streams) >= STREAMS_LIMIT and same:
            same[-1].add(text)
            return
        stream = _Stream(name)
        stream.add(text)
        self._items.append(stream)

    def rich(self, output: Output) -> None:
        """A display, a result or an error."""
        self._clear_if_asked()
        if len(self._items) >= OUTPUTS_LIMIT and output["output_type"] != "error":
            self._left_out += 1
            return
        self._items.append(output)

    def update(self, display_id: str, output: Output) -> None:
        """A display of this or another cell was changed; the last change counts."""
        self._updates[display_id] = {**output, "output_type": "update_display_data"}

    def warned(self, told: list[dict[str, Any]]) -> None:
        """What the kernel tells of the cell's warnings."""
        self._told += [
            {**one, "pieces": [[name, displayable(text)] for name, text in one["pieces"]]}
            for one in told
        ]

    def clear(self, *, wait: bool) -> None:
        """`clear_output`: now, or when the next output comes."""
        self._clear_first = wait
        if not wait:
            self._items.clear()

    def outputs(self) -> list[Output]:
        """As nbformat stores them, with ids of displays, changes of those of other cells, and what
        is told of warnings."""
        found = [i.output() if isinstance(i, _Stream) else i for i in self._items]
        if self._left_out:
            text = f"[… {self._left_out} more outputs left out …]\n"
            found.append({"output_type": "stream", "name": "stderr", "text": text})
        shown = {display_id_of(one) for one in found}
        found += (one for key, one in self._updates.items() if key not in shown)
        return [*found, {"output_type": WARNED, "told": self._told}] if self._told else found

    def _clear_if_asked(self) -> None:
        if self._clear_first:
            self._items.clear()
            self._clear_first = False


class LaneOutputs:
    """The outputs of all cells of a lane; `display_id` reaches back to the cell that made it."""

    def __init__(self) -> None:
        self._cells: dict[str, CellOutputs] = {}
        self._displays: dict[str, list[tuple[str, Output]]] = {}

    def begin(self, cell: str) -> None:
        """A cell starts; what it showed before is gone."""
        self._cells[cell] = CellOutputs()
        for shown in self._displays.values():
            shown[:] = [one for one in shown if one[0] != cell]

    def of(self, cell: str) -> list[Output]:
        """What a cell shows now."""
        return self._cells[cell].outputs()

    def take(self, cell: str, kind: str, content: Mapping[str, Any]) -> frozenset[str]:
        """Take a message in; the *other* cells that it changed come back."""
        match kind:
            case "stream":
                self._cells[cell].stream(str(content["name"]), str(content["text"]))
            case "clear_output":
                self._cells[cell].clear(wait=bool(content.get("wait")))
            case "error":
                self._cells[cell].rich(error_output(content))
            case "display_data" | "execute_result":
                self._show(cell, rich_output(kind, content), content)
            case str(told) if told == WARNED:
                self._cells[cell].warned(content["told"])
            case "update_display_data":
                return self._update(cell, content) - {cell}
        return frozenset()

    def _show(self, cell: str, output: Output, content: Mapping[str, Any]) -> None:
        display_id = display_id_of(content)
        if display_id is not None:
            self._update(cell, content)
            output["transient"] = {"display_id": display_id}
            self._displays.setdefault(display_id, []).append((cell, output))
        self._cells[cell].rich(output)

    def _update(self, cell: str, content: Mapping[str, Any]) -> frozenset[str]:
        display_id = display_id_of(content)
        if display_id is None:
            return frozenset()
        new = rich_output("display_data", content)
        new["transient"] = {"display_id": display_id}
        self._cells[cell].update(display_id, new)
        shown = self._displays.get(display_id, [])
        for _, output in shown:
            output["data"], output["metadata"] = new["data"], new["metadata"]
        return frozenset(cell for cell, _ in shown)


def display_id_of(content: Mapping[str, Any]) -> str | None:
    """The id under which a message or output can be changed later; None if it cannot."""
    found = (content.get("transient") or {}).get("display_id")
    return str(found) if found is not None else None


def rich_output(kind: str, content: Mapping[str, Any]) -> Output:
    """A display or result; values that are too big leave a placeholder.

    >>> rich_output("display_data", {"data": {"text/plain": "1"}, "metadata": {}})
    {'output_type': 'display_data', 'data': {'text/plain': '1'}, 'metadata': {}}
    """
    data: dict[str, Any] = {}
    notes: list[str] = []
    for mime, value in content["data"].items():
        size = len(value) if isinstance(value, str) else _size(value)
        if size > MIME_LIMIT:
            notes.append(f"[{mime} of {size / 1e6:.0f} MB left out, the limit is 20 MB]")
        else:
            data[mime] = _clean(value)
    if notes:
        data["text/plain"] = "\n".join([*notes, clip(str(data.get("text/plain", "")))]).strip()
    output: Output = {
        "output_type": kind,
        "data": data,
        "metadata": _clean(dict(content.get("metadata") or {})),
    }
    if kind == "execute_result":
        output["execution_count"] = content.get("execution_count")
    return output


def error_output(content: Mapping[str, Any]) -> Output:
    """An error with a message and traceback of bounded size."""
    lines = [clip(displayable(str(line))) for line in content.get("traceback", ())]
    if len(lines) > TRACEBACK_LINES:
        half = TRACEBACK_LINES // 2
        lines = [*lines[:half], f"[… {len(lines) - 2 * half} lines left out …]", *lines[-half:]]
    return {
        "output_type": "error",
        "ename": clip(displayable(str(content["ename"]))),
        "evalue": clip(displayable(str(content["evalue"]))),
        "traceback": lines,
    }


def _clean(value: Any) -> Any:
    match value:
        case str():
            return displayable(value)
        case dict():
            return {displayable(str(k)): _clean(v) for k, v in value.items()}
        case list() | tuple():
            return [_clean(one) for one in value]
        case _:
            return value


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case dict():
            return sum(len(str(k)) + _size(v) for k, v in value.items())
        case list() | tuple():
            return sum(map(_size, value))
        case _:
            return 8
