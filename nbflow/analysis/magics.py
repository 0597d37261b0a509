"""Reading IPython's magics and SQL cells."""

import ast
import re
import shlex
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Final

from nbflow.analysis.facts import Effect
from nbflow.analysis.foreign_sql import ForeignSql
from nbflow.analysis.ipython import CellMagic, read_code
from nbflow.analysis.values import STR, UNKNOWN, Value

_EXPANDED: Final = re.compile(r"\{([^{}]+)\}|\$(\w+)")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_OPTION: Final = re.compile(r"\s*-(?:[nrtp]\s*\S+|[a-zA-Z-]+)(?=\s|$)")

_ABOUT: Final = frozenset({"pinfo", "pinfo2", "pdoc", "pdef", "pfile", "psource"})
SILENT: Final = _ABOUT | {"nbflow"}
"""Line magics that change nothing."""

_SHELL_LINES: Final = frozenset(
    {"sx", "system", "ls", "ll", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "man", "more", "less"}
)
_INSTALLERS: Final = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
_SHELL_CELLS: Final = frozenset(
    {
        "bash",
        "sh",
        "script",
        "perl",
        "ruby",
        "python",
        "python2",
        "python3",
        "pypy",
        "cmd",
        "system",
    }
    | {"sx", "!", "zsh", "node", "js_node"}
)
_SHOWN_CELLS: Final = frozenset(
    {"html", "HTML", "markdown", "latex", "javascript", "js", "svg", "SVG"}
)
_SHOWING: Final = (
    "InlineBackend",
    "ZMQInteractiveShell.ast_node_interactivity",
    "InteractiveShell.ast_node_interactivity",
)
"""Settings that change what is shown, not what is computed."""

_TIMERS: Final = frozenset({"time", "prun", "memit", "lprun", "mprun"})
_INSTALL: Final = re.compile(r"\s*(python3?\s+-m\s+)?(pip3?|conda|mamba|uv)\s")


class Magics(ForeignSql):
    """Reads magics. This is the whole reader: cells and functions are read with it."""

    def magic(self, node: ast.Call, name: str) -> Value:
        """A call `get_ipython().name(…)`, written by the author or made from a magic."""
        texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
        if len(texts) != len(node.args) or not all(isinstance(text, str) for text in texts):
            return self._shell_itself(name, node.lineno)
        words = [str(text) for text in texts]
        match name, words:
            case "run_line_magic", [magic, line]:
                return self.line_magic(magic, line, node)
            case "run_cell_magic", [magic, line, body]:
                self.in_code = True
                self.cell_magic(CellMagic(name=magic, line=line, body=body), node.lineno)
                return UNKNOWN
            case "system" | "system_raw", [command]:
                return self._shell(command, node.lineno)
            case "getoutput", [command]:
                self._shell(command, node.lineno)
                return self.new(node, "list", elem=STR)
        return self._shell_itself(name, node.lineno)

    def _shell_itself(self, name: str, line: int) -> Value:
        self.one_lane(f"`get_ipython().{name}` works on the kernel itself", line)
        return UNKNOWN

    # -- line magics --------------------------------------------------------------------------

    def line_magic(self, name: str, line: str, node: ast.Call) -> Value:
        """`%name line`; returns its value (`x = %name line`)."""
        at = node.lineno
        if self.is_foreign_sql(name):
            return self.run_foreign_sql(line, "", at)
        if name == "sql":
            self.record.displays = True
            return self.sql(line, at, first_line=at, bound_name=None)
        if name in _TIMERS:
            self._timed(line, at)
        elif name == "timeit":
            with self._nothing_bound():
                self._timed(line, at)
        elif name in _LINES:
            _LINES[name](self, line, at)
        elif name in _INSTALLERS:
            self.record.does(Effect.SUBPROCESS, f"%{name}", at)
        elif name in _SHELL_LINES:
            return self._shell(line, at)
        elif name in _ABOUT:
            self._asked_about(line, at)
        elif name not in SILENT:
            self.one_lane(f"what the magic `%{name}` does is not known", at)
        return UNKNOWN

    def _asked_about(self, line: str, at: int) -> None:
        """`df.head?`: what is unknown is told on the screen."""
        found = _WORD.search(line)
        if found is not None:
            self.load(found[0], at)

    def _timed(self, line: str, at: int) -> None:
        while (option := _OPTION.match(line)) is not None:
            line = line[option.end() :]
        self._run_text(line.strip(), at)

    def _run_text(self, text: str, at: int) -> None:
        """Code that a magic is given."""
        code = read_code(text, self.shared.globals)
        if code.magic is not None:
            self.cell_magic(code.magic, at)
            return
        if code.tree is None:
            self.record.opaque.setdefault("code that cannot be read", at)
            self.one_lane("code in a magic cannot be read", at)
            return
        # Trees are shared with whoever reads the same text, so this one gets its own lines.
        tree = ast.increment_lineno(deepcopy(code.tree), at - 1) if at > 1 else code.tree
        self.last = tree.body
        self.run(tree.body)

    def _nothing_bound(self) -> "_Restored":
        return _Restored(self)

    def _matplotlib(self, line: str, at: int) -> None:
        if line.strip() not in ("inline", "agg", "", "--list"):
            self.one_lane(f"figures stay open from cell to cell with `%matplotlib {line}`", at)

    def _config(self, line: str, at: int) -> None:
        if self.configure_foreign_sql(line, at):
            return
        if "close_figures" in line and "False" in line.replace("0", "False"):
            self.one_lane("figures stay open from cell to cell (close_figures)", at)
        elif line.strip() and not line.strip().startswith(_SHOWING):
            self.one_lane(f"`%config {line}` changes the kernel", at)

    def _load_extension(self, line: str, at: int) -> None:
        name = line.strip()
        if name == "autoreload":
            self._autoreload(line, at)
            return
        if name in ("nbflow", "sql"):
            self.load_sql_extension(name, at)
            return
        self.one_lane(f"what the extension `{name}` does is not known", at)

    def _autoreload(self, line: str, at: int) -> None:
        # Kernels are new in every run: modules change under them only if the notebook writes them.
        if self.shared.writes_modules:
            self.one_lane("autoreload exchanges modules while the notebook runs", at)

    def _change_folder(self, line: str, at: int) -> None:
        self.one_lane("it changes the folder that later paths start from", at)

    def _look_at_folder(self, line: str, at: int) -> None:
        self.read_channel("@cwd", at)

    def _environment_magic(self, line: str, at: int) -> None:
        variable, equals, _ = line.strip().partition("=")
        if equals or " " in variable.strip():
            self._expand(line, at)
            self.read_channel("@environ", at)
            self._write_channel("@environ", at, anew=False)
        else:
            known = bool(variable.strip())
            key = Value(type="str", text=variable.strip(), exact=True) if known else UNKNOWN
            self.read_environment(key, at)

    # -- shell --------------------------------------------------------------------------------

    def _shell(self, command: str, at: int) -> Value:
        self._expand(command, at)
        self.record.does(Effect.SUBPROCESS, f"!{command.strip()[:40]}", at)
        self.record.displays = True
        if not _INSTALL.match(command):
            self._any_file(at)
        return UNKNOWN

    def _expand(self, text: str, at: int) -> None:
        """IPython fills in `{expression}` and `$name`."""
        for found in _EXPANDED.finditer(text):
            inner = found[1] or found[2]
            try:
                tree = ast.parse(inner.strip(), mode="eval")
            except (SyntaxError, ValueError):
                continue
            names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            for name in sorted(names):
                if self.peek(name) is not None:
                    self.load(name, at)

    # -- cell magics --------------------------------------------------------------------------

    def cell_magic(self, magic: CellMagic, at: int) -> None:
        """`%%name line`, with its body."""
        name = magic.name
        if self.is_foreign_sql(name):
            self.run_foreign_sql(magic.line, magic.body, at)
        elif name == "sql":
            self._sql_cell(magic, at)
        elif name in ("time", "prun"):
            self._timed_cell(magic, at)
        elif name == "timeit":
            with self._nothing_bound():
                self._timed_cell(magic, at)
        elif name == "capture":
            self._captured(magic, at)
        elif name in ("writefile", "file"):
            self._written_file(magic, at)
        elif name in _SHELL_CELLS:
            self._script(magic, at)
        elif name in _SHOWN_CELLS:
            self.record.displays = True
        else:
            self.one_lane(f"what the magic `%%{name}` does is not known", at)

    def _timed_cell(self, magic: CellMagic, at: int) -> None:
        if magic.line:
            self._timed(magic.line, at)
        self._run_text(magic.body, at + 1)

    def _captured(self, magic: CellMagic, at: int) -> None:
        names = [word for word in magic.line.split() if not word.startswith("-")]
        self._run_text(magic.body, at + 1)
        for name in names:
            self.bind(name, Value(objs=frozenset({f"new:capture:{name}"})), at)

    def _written_file(self, magic: CellMagic, at: int) -> None:
        words = [word for word in _split(magic.line) if word not in ("-a", "--append")]
        self.touch_file(words[0] if words else None, at, reads=False, writes=True)

    def _script(self, magic: CellMagic, at: int) -> None:
        self._shell(f"{magic.line}\n{magic.body}" if magic.name != "script" else magic.body, at)
        words = _split(magic.line)
        if "--bg" in words:
            self.one_lane("a script stays running in the background", at)
        for option, name in pairwise(words):
            if option in ("--out", "--err", "--proc"):
                self.bind(name, STR, at)

    # -- SQL ----------------------------------------------------------------------------------

    def _sql_cell(self, magic: CellMagic, at: int) -> None:
        words = magic.line.split()
        name = words[0] if words and words[0].isidentifier() else None
        rest = words[1:] if name is not None else words
        if rest:
            self.record.opaque.setdefault(f"`%%sql {magic.line}`: only a name may follow", at)
            self.one_lane(f"what `%%sql {magic.line}` asks for is not known", at)
        if name is None:
            self.record.displays = True
        self.sql(magic.body, at, first_line=at + 1, bound_name=name, cell=not self.in_code)

    last: list[ast.stmt] | None = None
    in_code: bool = False
    """It reads Python code that calls a magic, not a cell that is one."""


class _Restored:
    """Takes back what code bound that ran in a function of its own (`%timeit`)."""

    def __init__(self, reader: Magics) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        self._state = self._reader.state.copy()

    def __exit__(self, *_: object) -> None:
        self._reader.state = self._state


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


_Line = Callable[[Magics, str, int], None]
_LINES: Final[dict[str, _Line]] = {
    "matplotlib": Magics._matplotlib,
    "config": Magics._config,
    "load_ext": Magics._load_extension,
    "reload_ext": Magics._load_extension,
    "autoreload": Magics._autoreload,
    "cd": Magics._change_folder,
    "pushd": Magics._change_folder,
    "popd": Magics._change_folder,
    "pwd": Magics._look_at_folder,
    "env": Magics._environment_magic,
    "set_env": Magics._environment_magic,
}
