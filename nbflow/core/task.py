"""What travels between the runner and a lane: task specifications in, reports out. Plain JSON.

Both sides of the process boundary speak of these, so they are nouns. `to_json`/`from_json` of
`core/wire.py` turn them into plain values.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

BlobKind = Literal["table", "json", "array", "pickle", "ambient", "absent"]
"""How a version is stored. `absent`: the name has no value at that point (deleted, never bound)."""

WARNED: Final = "nbflow_warned"
"""The kind of a message, and of the output that is made of it, in which a cell tells of warnings:
nothing that is shown, but what decides which of them are (`lanes/warned.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A stored version of one name, or of an alias group that is stored jointly.

    names: the members, sorted. digest: blake3 (hex) of the *content*, independent of file bytes.
    suffix: the file's extension (`duckdb`, `json`, `npy`, `pickle`); the file lies at
    `store/<digest[:2]>/<digest>.<suffix>`. python_type: qualified type, for people. For tables:
    rows, columns, and `schema` as (column, DuckDB type) pairs. `preview` is a short repr for
    values. each: for every member its name, its type, and the digest of it alone, without what it
    remembers of having been read (of figures and their parts: of the picture); places: for members
    that remember what they were asked for, what is where in them (`inside/grown.py`); both only
    where the task was asked to tell.
    """

    names: tuple[str, ...]
    kind: BlobKind
    digest: str
    suffix: str = ""
    bytes: int = 0
    python_type: str = ""
    rows: int | None = None
    columns: int | None = None
    schema: tuple[tuple[str, str], ...] = ()
    preview: str = ""
    each: tuple[tuple[str, str, str], ...] = ()
    places: tuple[tuple[str, str, str], ...] = ()

    def type_of(self, name: str) -> str:
        """The type of one member; of a group `python_type` tells them all.

        >>> pair = Blob(names=("a", "b"), kind="pickle", digest="", python_type="a: int, b: x.Y")
        >>> pair.type_of("b")
        'x.Y'
        """
        if len(self.names) == 1:
            return self.python_type
        told = (part.partition(": ") for part in self.python_type.split(", "))
        return next((kind for member, _, kind in told if member == name), self.python_type)

    def is_tabular(self, name: str) -> bool:
        """Whether a member has rows and columns to look at, in whatever form it is stored."""
        alone = self.kind == "table" and len(self.names) == 1
        pickled = ("pandas.DataFrame", "pandas.Series")
        return alone or (self.kind == "pickle" and self.type_of(name) in pickled)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedBlob:
    """A blob written aside by a lane, not yet in the store. `path` is absolute; empty for
    `absent`."""

    blob: Blob
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """A request to the keeper: put a staged file (or what is made of a hand) into the store of
    `root`, durably.

    `prepare`: only make ready what can be for the case that this is asked, or (`forget`) do so no
    more; neither is answered. passing: columns that are expected to be replaced before.
    """

    number: int
    staged: StagedBlob
    root: str
    what: Literal["store", "prepare", "forget"] = "store"
    passing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Its answer: the blob as it lies in the store now, or why it does not."""

    number: int
    blob: Blob | None = None
    error: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A cell's text as the lane runs it. shown_call: the library's function that its last line
    calls, if that was called for the value which the cell then shows."""

    cell: str
    cell_index: int
    source: str
    raises_exception: bool = False
    shown_call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySource:
    """A piece replayed silently first. `line` is where it starts in its cell; `below`: the channels
    that are restored before it."""

    cell: str
    cell_index: int
    line: int
    source: str
    names: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """All that a lane needs to run one attempt of one step.

    optional: outputs that are kept only if they are tables or plain values.
    inputs: blobs to load, with absolute file paths; a group's members that are not in `input_names`
    are loaded too (they are watched) but not bound. superseded: for each of the inputs, the members
    that have a newer version by now; they are neither bound nor watched. outputs: names to capture.
    declared_writes: names it is expected to change; may_writes: those that it perhaps never
    changes; may_reads: settings that it perhaps never looks at; unasked: channels that steps above
    have set, and which it is expected to let alone; spared: those that it is not expected to change
    any more; together: groups of names that may share objects when it has ended; unseen: those of
    the groups that may be stored apart all the same, if they must; passes: outputs
    that are left out where the step did not bind them. staging: an existing folder for staged
    files.
    key_file: the project's sealing key.
    lane_inputs: names that are already in the lane (left by an earlier task of the same lane).
    python_reads: names that Python code of the step reads; tables beyond these are attached for SQL
    only.
    provided: names that replays bind, hence pickled by reference. threads/memory_limit: for DuckDB.
    hand_from: tables from this many bytes on are staged as hands (None: none), for somebody else to
    make stored files of them while the run goes on. each: tell of every output alone, too.
    """

    run: str
    step: str
    step_name: str
    attempt: int
    fence: int
    notebook: str
    cells: tuple[Source, ...]
    replays: tuple[ReplaySource, ...] = ()
    inputs: tuple[StagedBlob, ...] = ()
    superseded: tuple[tuple[str, ...], ...] = ()
    input_names: tuple[str, ...] = ()
    lane_inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    declared_writes: tuple[str, ...] = ()
    may_writes: tuple[str, ...] = ()
    may_reads: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    unseen: tuple[tuple[str, ...], ...] = ()
    passes: tuple[str, ...] = ()
    python_reads: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    staging: str = ""
    key_file: str = ""
    allow_pickle: bool = True
    working_directory: str = ""
    lane: str | None = None
    timeout: float = 0.0
    env: dict[str, str] = field(default_factory=dict)
    kernel_name: str = ""
    threads: int | None = None
    memory_limit: str | None = None
    hand_from: int | None = None
    each: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstorable:
    """A value that cannot leave its lane, and why."""

    name: str
    python_type: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTouch:
    """A file that a step read or wrote, with the blake3 of its content then (None: gone, or a
    folder)."""

    path: str
    digest: str | None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What the kernel saw of a step that ran to its end.

    found_mutations: inputs (or hidden members of their groups, or module state `@module:NAME`) that
    changed without being declared. untouched: those of `may_writes` that did not change, and share
    nothing with what did. lent: those that did not change, and share only with what the step was
    expected to make share with them. found_reads: settings that it looked at unforeseen; unread:
    those of `may_reads` that it did not look at. alias_groups: names, captured or loaded, that
    share mutable objects, though its text does not say so.
    dynamic_effects: seen at run time: `network`, `lookup` (of a host's name), `subprocess`,
    `threads`, `children`, `tasks`, `index_names` (a loaded pandas Index, which other names may use
    too, was renamed in place) …
    clean: nothing but names and imported modules is left of it in the kernel, which may serve a
    later step of the notebook.
    """

    outputs: tuple[StagedBlob, ...] = ()
    unstorable: tuple[Unstorable, ...] = ()
    found_mutations: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()
    found_reads: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    alias_groups: tuple[tuple[str, ...], ...] = ()
    files_read: tuple[FileTouch, ...] = ()
    files_written: tuple[FileTouch, ...] = ()
    untracked_files: tuple[str, ...] = ()
    dynamic_effects: tuple[str, ...] = ()
    peak_memory: int | None = None
    warnings: tuple[str, ...] = ()
    clean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepError:
    """Why a step failed, as people and JSON see it. `line` is 1-based in the cell."""

    type: str
    message: str
    cell: str | None = None
    cell_index: int | None = None
    line: int | None = None
    traceback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """How one attempt ended, as the executor tells it.

    `status` succeeded | failed | cancelled; `reason` a code (`error`, `timed_out`, `kernel_died`,
    `out_of_memory`, `exited_early`, `input_requested`, `unstorable`, `capture_failed`, `cancelled`,
    …). `cell_outputs`: nbformat outputs per executed cell id; those with a `display_id` have it
    under `transient`, and changes of displays that the cell itself does not show stand among them
    as `update_display_data` (`execution/display_ids.py` settles both), and what decides about
    warnings as `WARNED`.
    `report` is there when the kernel reached the end.
    """

    run: str
    step: str
    attempt: int
    fence: int
    status: Literal["succeeded", "failed", "cancelled"]
    reason: str | None = None
    message: str = ""
    error: StepError | None = None
    report: TaskReport | None = None
    cell_outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cell_times: dict[str, tuple[str, str]] = field(default_factory=dict)
    exit_code: int | None = None
    peak_memory: int | None = None
    log: str | None = None
    seconds: float = 0.0
