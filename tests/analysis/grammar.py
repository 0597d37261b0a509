"""Random notebooks: cells of small statements that assign, alias, mutate, define, call and branch.

A name's first letter is its kind, so that programs mostly make sense: `a` lists, `d` dicts, `n`
numbers, `f` functions of one list, `k` closures, `o` dicts of lambdas, `C` classes, `p` instances,
`q` lists of instances. Functions call only functions with a lower number, so nothing recurses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Choose = Callable[[Sequence[Any]], Any]

KINDS = "adnfkoCpq"
_MOST = 3
"""How many names of a kind there are: few, so that they meet often."""


@dataclass
class Writer:
    """Writes one notebook; `choose` picks one of several things."""

    choose: Choose
    known: set[str] = field(default_factory=set)

    def notebook(self) -> list[str]:
        """Four to ten cells, and a last one that looks at everything."""
        self.known.clear()
        cells = [self.first()]
        cells += [self.cell() for _ in range(self.choose(range(3, 10)))]
        return [*cells, "\n".join(self.look(name) for name in sorted(self.known)) or "pass"]

    def first(self) -> str:
        """Something to start from."""
        self.known |= {"a0", "n0", "d0"}
        return self.choose(
            ["a0 = [1]\nn0 = 1\nd0 = {'k': [1]}", "a0 = []\nd0 = {'k': a0}\nn0 = len(a0)"]
        )

    def cell(self) -> str:
        """One to four statements; definitions often stand alone."""
        if self.choose(range(4)) == 0:
            return self.definition()
        return "\n".join(self.statement() for _ in range(self.choose([1, 1, 2, 3, 4])))

    # -- names -------------------------------------------------------------------------------

    def old(self, kind: str) -> str | None:
        """A name of the kind that is bound, if there is one."""
        names = sorted(name for name in self.known if name[0] == kind)
        return self.choose(names) if names else None

    def new(self, kind: str) -> str:
        """A name to bind, often one that is bound already."""
        return f"{kind}{self.choose(range(_MOST))}"

    def any_of(self, *texts: str | None) -> str:
        """One of the texts that can be written now."""
        return self.choose([text for text in texts if text is not None])

    def with_old(self, kinds: str, text: str) -> str | None:
        """The text with `$` and `%` replaced by bound names of the kinds; None if there is none."""
        for mark, kind in zip("$%", kinds, strict=False):
            name = self.old(kind)
            if name is None:
                return None
            text = text.replace(mark, name)
        return text

    # -- expressions -------------------------------------------------------------------------

    def expression(self, kind: str) -> str:
        """A value of the kind."""
        found: str = getattr(self, f"_{kind}")()
        return found

    def _a(self) -> str:
        texts = ["[]", "[1, 2]"]
        texts += filter(None, (self.with_old(kinds, text) for kinds, text in _LISTS))
        return self.choose(texts)

    def _d(self) -> str:
        texts = ["{}", "{'k': []}"]
        texts += filter(None, (self.with_old(kinds, text) for kinds, text in _DICTS))
        return self.choose(texts)

    def _n(self) -> str:
        texts = ["1", "[2][0]"]
        texts += filter(None, (self.with_old(kinds, text) for kinds, text in _NUMBERS))
        return self.choose(texts)

    def _f(self) -> str:
        return self.with_old("f", "$") or "(lambda v: v)"

    def _k(self) -> str:
        texts = ["(lambda: 0)"]
        texts += filter(None, (self.with_old(kinds, text) for kinds, text in _CLOSURES))
        return self.choose(texts)

    def _o(self) -> str:
        texts = filter(None, (self.with_old(kinds, text) for kinds, text in _OPERATIONS))
        return self.choose(["{'f': lambda v: [v]}", *texts])

    def _p(self) -> str:
        texts = filter(None, (self.with_old(kinds, text) for kinds, text in _INSTANCES))
        return self.choose([*texts]) if (texts := list(texts)) else "None"

    def _q(self) -> str:
        texts = filter(None, (self.with_old(kinds, text) for kinds, text in _CROWDS))
        return self.choose(["[]", *texts])

    # -- statements --------------------------------------------------------------------------

    def statement(self) -> str:
        """One statement, simple or compound."""
        kinds = ["bind", "bind", "bind", "change", "change", "change", "look", "call"]
        kinds += ["compound", "compound", "definition", "unbind"]
        return {
            "bind": self.bind,
            "change": self.change,
            "look": self.look_at_some,
            "call": self.call,
            "compound": self.compound,
            "definition": self.definition,
            "unbind": self.unbind,
        }[self.choose(kinds)]()

    def bind(self) -> str:
        """An assignment."""
        kind = self.choose("aaaaddnnkopq")
        if kind == "p" and self.old("C") is None:
            return self.definition_of_class()
        text = self.expression(kind)
        name = self.new(kind)
        self.known.add(name)
        return f"{name} = {text}"

    def change(self) -> str:
        """A change in place."""
        texts = [text for kinds, change in _CHANGES if (text := self.with_old(kinds, change))]
        return self.choose(texts)

    def call(self) -> str:
        """A call of a function, a closure, a lambda or a method."""
        texts = [text for kinds, call in _CALLS if (text := self.with_old(kinds, call))]
        return self.choose(texts) if texts else self.definition()

    def compound(self) -> str:
        """A condition, a loop or a `try`; what it binds may or may not be bound."""
        head = self.any_of("try:", *(self.with_old(kinds, text) for kinds, text in _HEADS))
        known = set(self.known)
        body = _indented(self.simple())
        other = _indented(self.simple())
        # The names stay unknown to later statements, unless they were bound before.
        bound = self.known - known
        self.known = known | (bound if head.startswith("try") and self.choose([0, 1]) else set())
        if head.startswith("try"):
            return f"try:\n{body}\nexcept Exception:\n{other}"
        if head.startswith("if") and self.choose([0, 1]):
            return f"{head}\n{body}\nelse:\n{other}"
        return f"{head}\n{body}"

    def simple(self) -> str:
        """A statement without a body of its own."""
        return self.choose([self.bind, self.change, self.call])()

    def unbind(self) -> str:
        """A `del`, or a name that is asked for in case it is not there."""
        name = self.old(self.choose("adnk"))
        if name is None:
            return self.bind()
        if self.choose([0, 1]):
            self.known.discard(name)
            return f"del {name}"
        return f"try:\n    {name}\nexcept NameError:\n    {name} = {self.expression(name[0])}"

    # -- definitions -------------------------------------------------------------------------

    def definition(self) -> str:
        """A function, a maker of closures, or a class."""
        return self.choose([self.function, self.function, self.definition_of_class])()

    def function(self) -> str:
        """A function of one list that returns a list; its globals may be bound or not."""
        number = self.choose(range(_MOST))
        name = f"f{number}"
        head = self.any_of("(v)", "(v, w=None)", self.with_old("a", "(v, w=$)"))
        lines = [self.line(number) for _ in range(self.choose([0, 1, 1, 2]))]
        lines.append(self.choose(_RETURNS).replace("$", self.name_of("a")))
        self.known.add(name)
        return f"def {name}{head}:\n" + "\n".join(_indented(line) for line in lines)

    def line(self, number: int) -> str:
        """A line of a function's body."""
        text: str = self.choose(_LINES)
        if "f?" in text:
            if number == 0:
                return "pass"
            text = text.replace("f?", f"f{self.choose(range(number))}")
        for kind in "adn":
            text = text.replace(f"${kind}", self.name_of(kind))
        return text

    def name_of(self, kind: str) -> str:
        """A bound name of the kind, or one that may be bound some day."""
        return self.old(kind) or f"{kind}0"

    def definition_of_class(self) -> str:
        """A class with a list, a number and two methods, one of which may touch globals."""
        name = self.new("C")
        self.known.add(name)
        lines = [line.replace("$a", self.name_of("a")) for line in self.choose(_CLASSES)]
        return f"class {name}:\n" + "\n".join(_indented(line) for line in lines)

    # -- looking -----------------------------------------------------------------------------

    def look_at_some(self) -> str:
        """Print a name, if there is one."""
        names = sorted(self.known)
        return self.look(self.choose(names)) if names else self.definition()

    def look(self, name: str) -> str:
        """Print what a name holds, without addresses."""
        match name[0]:
            case "a" | "d" | "n":
                return f"print({name!r}, {name})"
            case "k":
                return f"print({name!r}, {name}())"
            case "o":
                return f"print({name!r}, {name}['f'](1))"
            case "p":
                return f"print({name!r}, {name} and ({name}.items, {name}.n, {name}.get()))"
            case "q":
                return f"print({name!r}, [p and (p.items, p.n) for p in {name}])"
        return "pass"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


_LISTS = (
    ("a", "$"),
    ("a", "$"),
    ("a", "[$]"),
    ("a", "$[:]"),
    ("a", "list($)"),
    ("aa", "$ + %"),
    ("aa", "($ or %)"),
    ("aan", "($ if len($) > 1 else %)"),
    ("a", "[v for v in $]"),
    ("a", "[v for v in $ if isinstance(v, list)]"),
    ("a", "[*$, 1]"),
    ("n", "[$]"),
    ("d", "$.setdefault('k', [])"),
    ("da", "$.get('j', %)"),
    ("d", "list($.values())"),
    ("fa", "$(%)"),
    ("fa", "$([%])"),
    ("oa", "$['f'](%)"),
    ("p", "$.items"),
    ("pa", "$.add(%).items"),
    ("p", "$.get()"),
    ("a", "sorted(map(str, $))"),
    ("fa", "list(map($, [%]))"),
    ("a", "next((v for v in $ if isinstance(v, list)), [])"),
)
_DICTS = (
    ("d", "$"),
    ("a", "{'k': $}"),
    ("da", "{**$, 'j': %}"),
    ("d", "dict($)"),
    ("d", "$.copy()"),
    ("d", "{k: v for k, v in $.items()}"),
    ("a", "{i: v for i, v in enumerate($)}"),
    ("p", "vars($)"),
)
_NUMBERS = (
    ("n", "$ + 1"),
    ("n", "$"),
    ("a", "len($)"),
    ("d", "len($)"),
    ("a", "int(bool($))"),
    ("p", "$.n"),
)
_CLOSURES = (
    ("k", "$"),
    ("n", "(lambda: $)"),
    ("a", "(lambda: $)"),
    ("a", "(lambda: $.append(0))"),
    ("a", "(lambda v=$: v)"),
    ("p", "$.get"),
    ("fa", "(lambda: $(%))"),
    ("a", "(lambda b: lambda: b.append(1) or b)($)"),
)
_OPERATIONS = (
    ("a", "{'f': lambda v: $ + [v]}"),
    ("a", "{'f': lambda v: $.append(0) or $}"),
    ("n", "{'f': lambda v: [$]}"),
    ("f", "{'f': lambda v: $([v])}"),
    ("o", "$"),
    ("o", "dict($)"),
    ("f", "{'f': lambda v, g=$: g([1])}"),
)
_INSTANCES = (("C", "$()"), ("Ca", "$(%)"), ("p", "$"), ("pn", "$.add(%)"))
_CROWDS = (("p", "[$]"), ("q", "$"), ("q", "$[:]"), ("C", "[$(), $()]"), ("qp", "[*$, %]"))

_CHANGES = (
    ("an", "$.append(%)"),
    ("aa", "$.append(%)"),
    ("a", "$ += [3]"),
    ("a", "$[:] = $[:3]"),
    ("a", "$[:] and $.pop()"),
    ("a", "$.insert(0, 7)"),
    ("aa", "$.extend(%[:2])"),
    ("da", "$['k'] = %"),
    ("dn", "$['n'] = %"),
    ("d", "$.pop('k', None)"),
    ("da", "$.update(j=%)"),
    ("d", "$.setdefault('k', []).append(5)"),
    ("pn", "$ and $.items.append(%)"),
    ("p", "$.n += 1"),
    ("pa", "$.items = %"),
    ("n", "$ += 1"),
    ("qp", "$.append(%)"),
    ("q", "$[:] and $[0].items.append(4)"),
    ("a", "$.sort(key=str)"),
)
_CALLS = (
    ("fa", "$(%)"),
    ("fa", "$(%)"),
    ("k", "$()"),
    ("oa", "$['f'](%)"),
    ("pn", "$.add(%)"),
    ("pa", "$.add(%)"),
    ("q", "[p.add(2) for p in $]"),
    ("fa", "list(map($, [%]))"),
    ("fa", "print(len($(%)))"),
    ("ka", "%.append(len(str($())))"),
)
_HEADS = (
    ("a", "if $:"),
    ("n", "if $ > 1:"),
    ("d", "if 'k' in $:"),
    ("a", "for v in $[:2]:"),
    ("d", "for v in $.values():"),
    ("a", "while len($) < 0:"),
)
_LINES = (
    "$a.append(len(v))",
    "v.append(1)",
    "$d['k'] = v",
    "$a.append(v)",
    "w = v\n    w.append(2)".replace("\n    ", "\n"),
    "v = $a",
    "v = [*v]",
    "global $n\n$n = len($a)",
    "f?(v)",
    "v = f?(v)",
    "for x in v:\n    if isinstance(x, list):\n        x.append(8)",
    "v = v if len(v) > $n else $a",
    "def g():\n    v.append(6)\ng()",
)
_RETURNS = ("return v", "return [v]", "return $", "return [len(v)]", "return [*$]")
_CLASSES = (
    (
        "def __init__(self, items=None):",
        "    self.items = [] if items is None else items",
        "    self.n = 0",
        "def add(self, v):",
        "    self.items.append(v)",
        "    return self",
        "def get(self):",
        "    return self.items",
    ),
    (
        "def __init__(self, items=None):",
        "    self.items = list(items or [])",
        "    self.n = len($a)",
        "def add(self, v):",
        "    $a.append(1)",
        "    self.n += 1",
        "    return self",
        "def get(self):",
        "    return $a",
    ),
    (
        "n = 5",
        "def __init__(self, items=None):",
        "    self.items = $a",
        "def add(self, v):",
        "    self.items = [v]",
        "    return self",
        "def get(self):",
        "    return [self.n]",
    ),
)
