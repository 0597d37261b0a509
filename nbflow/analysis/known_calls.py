"""Reading the calls that need more than a rule: reflection, files, DuckDB, the environment, and
functions whose result says more than a type (`zip`, `glob`, `train_test_split`)."""

import ast
import re
from collections.abc import Callable
from typing import Final

from nbflow.analysis.arguments import Arguments
from nbflow.analysis.calls import Calls
from nbflow.analysis.effects import Rule, parse_rule
from nbflow.analysis.expressions import DICTS, join_path
from nbflow.analysis.facts import Effect
from nbflow.analysis.values import (
    IMMUTABLE,
    NO_OBJECTS,
    ONE_SHOT,
    PLOTS,
    STR,
    TABLES,
    UNKNOWN,
    Objects,
    Value,
    join,
    strong,
)
from nbflow.core.sql import SqlStatement

_REFLECTION: Final = frozenset(
    {
        *("builtins.eval", "builtins.exec", "builtins.globals", "builtins.locals"),
        *("builtins.get_ipython", "IPython.get_ipython", "IPython.core.getipython.get_ipython"),
        "IPython.core.interactiveshell.InteractiveShell.instance",
    }
)
_MENTIONED: Final = re.compile(r"@(\w+)")
_WORDS: Final = re.compile(r"(?<![\w.])[^\W\d]\w*")
_READ_AS_CODE: Final = ("patsy.", "formulaic.", "numexpr.")
"""Their texts are expressions, whose names are looked up where they are called."""

_KNOW_NO_FORMULAS: Final = ("builtins.", "matplotlib.", "numpy.", "IPython.")
_OPEN: Final = parse_rule("file opens affine=an_open_file")
_CONNECT: Final = parse_rule("duckdb connects affine=a_DuckDB_connection")
_DEFAULT_CONNECTION: Final = "database/default connection"
_READS_NOW: Final = re.compile(
    r"\s*(SELECT|FROM|WITH|INSERT|UPDATE|DELETE|COPY|(CREATE|DROP)\s+(OR\s+REPLACE\s+)?TABLE)\b"
    r"(?!.*\b(VIEW|MACRO|FUNCTION)\b)",
    re.IGNORECASE | re.DOTALL,
)
_QUERIES: Final = frozenset({"sql", "query", "execute", "from_query", "executemany"})
_READERS: Final = frozenset(
    {"read_csv", "read_parquet", "read_json", "from_csv_auto", "from_parquet"}
)
_FETCH: Final = {
    "df": "DataFrame",
    "fetchdf": "DataFrame",
    "fetch_df": "DataFrame",
    "fetchall": "list",
    "fetchmany": "list",
    "fetchone": "",
    "fetchnumpy": "dict",
    "arrow": "",
    "pl": "PolarsFrame",
    "to_arrow_table": "",
    "fetch_arrow_table": "",
}
_MADE_OF_CELLS: Final = {
    "pandas.Series": 1,
    "pandas.DataFrame": 2,
    "pandas.DataFrame.from_dict": 2,
    "pandas.DataFrame.from_records": 2,
    "pandas.json_normalize": 2,
}
"""How deep in what these functions are given that lies which stands in a cell of the result."""

_GIVES_ONE: Final = frozenset({"builtins.max", "builtins.min", "builtins.next", "builtins.sum"})
_PASS_ELEMENTS: Final = frozenset({"list", "tuple", "set", "sorted", "reversed", "iter", "filter"})


class KnownCalls(Calls):
    """Adds what is special about single callables."""

    def special_function(self, dotted: str, given: Arguments, node: ast.Call) -> Value | None:
        """See `Calls`."""
        if dotted in _REFLECTION:
            name = dotted.rpartition(".")[2]
            self.one_lane(f"`{name}` may read or write any variable", node.lineno)
            return self.suspect(UNKNOWN, given, node)
        if dotted.startswith("duckdb."):
            return self._duckdb(dotted.removeprefix("duckdb."), given, node)
        if dotted.startswith("os.environ."):
            return self._environment(dotted.removeprefix("os.environ."), given, node)
        if not dotted.startswith(_KNOW_NO_FORMULAS):
            self._names_in_formulas(given, node, always=dotted.startswith(_READ_AS_CODE))
        handler = _SPECIAL.get(dotted)
        return None if handler is None else handler(self, given, node)

    def special_method(
        self, base: Value, name: str, given: Arguments, node: ast.Call
    ) -> Value | None:
        """See `Calls`."""
        if base.type == "duckdb":
            return self._duckdb(name, given, node, connection=base)
        if name in ("query", "eval") and (base.type in TABLES or not base.type):
            self._names_in_query(base, given, node)
        if base.type not in IMMUTABLE and base.type not in PLOTS:
            self._names_in_formulas(given, node)
        if name == "pipe" and given.positional:
            rest = Arguments([base, *given.positional[1:]], given.keywords, given.rest)
            return self.call_value(given.positional[0], rest, node)
        if name == "open" and base.type == "Path":
            return self._open(Arguments([base, *given.positional], given.keywords), node)
        return None

    def refine_function(
        self, dotted: str, result: Value, given: Arguments, node: ast.Call
    ) -> Value:
        """See `Calls`."""
        refine = _REFINE.get(dotted)
        if refine is not None:
            return refine(self, result, given, node)
        if dotted.startswith("pandas.read_"):
            return self._read_table(result, given)
        if dotted in _MADE_OF_CELLS:
            self._fill_cells(result, given, depth=_MADE_OF_CELLS[dotted])
        if dotted in _GIVES_ONE and any(value.type in TABLES for value in given.all()):
            weak = NO_OBJECTS.union(*(value.weak for value in given.all()))
            return result._replace(weak=result.weak | weak, cell=True)
        if dotted.startswith("builtins.") and dotted[9:] in _PASS_ELEMENTS and given.positional:
            elem = self.iterate(given.positional[-1], node)
            self.record.hold(result.objs, strong(elem))
            return result._replace(elem=elem)
        return result

    def refine_method(
        self, base: Value, name: str, result: Value, given: Arguments, node: ast.Call
    ) -> Value:
        """See `Calls`."""
        refine = _REFINE_METHOD.get(name)
        return result if refine is None else refine(self, base, result, given, node)

    def _fill_cells(self, table: Value, given: Arguments, *, depth: int) -> None:
        """A table holds the lists, dicts and instances that it is made of."""
        for value in given.all():
            self.record.hold(table.objs, _cells_in(value, depth))

    def _viewed(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        """`array.view(Class)` is an instance of the class, which cannot leave its kernel whole."""
        wanted = given.first("0", "type", "dtype")
        if base.type != "ndarray" or wanted is None or not wanted.callables:
            return result
        for obj in result.objs:
            self.record.made[obj] = "an array with attributes of its own"
        return result._replace(type="")

    def _to_dict(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type not in ("DataFrame", "NDFrame"):
            return result
        outer = "list" if (given.first("0", "orient") or UNKNOWN).text == "records" else "dict"
        cell = self.cell_of(base.objs | base.weak)
        row = Value(type="dict", objs=result.objs, weak=cell.weak, elem=cell)
        return result._replace(type=outer, elem=row)

    # -- reflection ---------------------------------------------------------------------------

    def _vars(self, given: Arguments, node: ast.Call) -> Value:
        if not given.positional:
            self.one_lane("`vars()` shows every variable", node.lineno)
            return UNKNOWN
        return self.own_dict(given.positional[0], node)

    def _dir(self, given: Arguments, node: ast.Call) -> Value:
        if not given.positional:
            self.one_lane("`dir()` shows every variable", node.lineno)
        return self.new(node, "list", elem=STR)

    def _import(self, given: Arguments, node: ast.Call) -> Value:
        name = given.first("0", "name")
        if name is not None and name.text is not None and name.exact:
            return Value(type="module", ref=name.text)
        return Value(type="module", ref="unknown module")

    def _getattr(self, given: Arguments, node: ast.Call) -> Value | None:
        name = given.get("1")
        if len(given.positional) < 2 or name is None or name.text is None or not name.exact:
            return None
        found = self.attribute(given.positional[0], name.text, node)
        return join(found, given.positional[2]) if len(given.positional) > 2 else found

    def _type_of(self, given: Arguments, node: ast.Call) -> Value | None:
        return self.class_of(given.positional[0]) if len(given.positional) == 1 else None

    def _super(self, given: Arguments, node: ast.Call) -> Value:
        frame = self.frame
        objects = NO_OBJECTS
        for key, value in self.state.values.items():
            if key.startswith(frame.prefix) and frame.prefix:
                objects |= value.objs
        return Value(objs=objects)

    def _namedtuple(self, given: Arguments, node: ast.Call) -> Value:
        return Value(type="class", ref="types.SimpleNamespace")

    def _partial(self, given: Arguments, node: ast.Call) -> Value:
        for value in given.all():
            self.take(value, node.lineno)
        made = self.new(node, "")
        return made._replace(objs=made.objs | given.objects())

    def _names_in_query(self, base: Value, given: Arguments, node: ast.Call) -> None:
        """`df.query("x > @limit")` reads `limit` by name."""
        text = given.first("0", "expr")
        if text is not None and text.text is not None:
            for name in _MENTIONED.findall(text.text):
                self.load(name, node.lineno)
        elif text is not None and base.type in TABLES:
            self.one_lane("the text of a `query` may name any variable", node.lineno)

    def _names_in_formulas(self, given: Arguments, node: ast.Call, *, always: bool = False) -> None:
        """`ols("y ~ np.log(x) + centred(z)", df)`: what is no column is a name."""
        for value in given.all():
            text = value.text or ""
            if always or ("~" in text and "~/" not in text):
                for name in dict.fromkeys(_WORDS.findall(text)):
                    if self.peek(name) is not None:
                        self.load(name, node.lineno)

    # -- the environment ----------------------------------------------------------------------

    def _getenv(self, given: Arguments, node: ast.Call) -> Value:
        self.read_environment(given.first("0", "key") or UNKNOWN, node.lineno)
        return STR

    def _environment(self, name: str, given: Arguments, node: ast.Call) -> Value:
        if name in ("get", "__getitem__", "__contains__"):
            return self._getenv(given, node)
        if name in ("update", "setdefault", "pop", "popitem", "clear", "__setitem__"):
            self.read_channel("@environ", node.lineno)
            self._write_channel("@environ", node.lineno, anew=False)
        else:
            self.read_environment(UNKNOWN, node.lineno)
        return self.new(node, "dict", elem=STR) if name == "copy" else STR

    # -- files and paths ----------------------------------------------------------------------

    def _open(self, given: Arguments, node: ast.Call) -> Value:
        return self.apply(_OPEN, None, given, node)

    def _path_of(self, given: Arguments, node: ast.Call) -> Value:
        if not given.positional:
            return Value(type="Path", text=".", exact=True)
        return self._joined_path(given.positional, "Path")

    def _path_join(self, given: Arguments, node: ast.Call) -> Value:
        return self._joined_path(given.positional, "str")

    def _joined_path(self, parts: list[Value], kind: str) -> Value:
        if not parts or all(part.text is None for part in parts):
            return Value(type=kind)
        text = parts[0].text
        for part in parts[1:]:
            text = join_path(text, part.text)
        return Value(type=kind, text=text, exact=all(part.exact for part in parts))

    def _text(self, given: Arguments, node: ast.Call) -> Value:
        value = given.get("0")
        if value is not None:
            self.look_at(value, node)
        if value is None or value.type not in ("str", "int", "Path", ""):
            return STR
        return Value(type="str", text=value.text, exact=value.exact)

    def _glob(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        pattern = given.first("0", "pathname")
        text = None if pattern is None else pattern.text
        return result._replace(elem=Value(type="str", text=text))

    def _identity(self, given: Arguments, node: ast.Call) -> Value:
        self.one_lane("addresses (`id`) differ from kernel to kernel", node.lineno)
        return Value(type="int")

    def _hash(self, given: Arguments, node: ast.Call) -> Value:
        value = given.get("0")
        if value is not None and value.type not in IMMUTABLE and value.type != "tuple":
            self.one_lane("the `hash` of an object may differ from kernel to kernel", node.lineno)
        return Value(type="int")

    def _show(self, given: Arguments, node: ast.Call) -> Value:
        self.record.displays = True
        if "display_id" not in given.keywords:
            return Value(type="None")
        return self.new(node, "DisplayHandle")

    def _loaded_array(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        mode = given.keywords.get("mmap_mode")
        if mode is not None and mode.type != "None":
            for obj in result.objs:
                self.record.made[obj] = "a memory-mapped file"
            self._map_file(result, given.first("0", "file"), mode)
        return result

    def _mapped_array(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        # numpy.memmap(path, dtype, mode), open_memmap(path, mode)
        mode = given.keywords.get("mode") or given.get("2") or given.get("1")
        self._map_file(result, given.first("0", "filename"), mode)
        return result

    def _map_file(self, result: Value, path: Value | None, mode: Value | None) -> None:
        """The file is the memory of the array."""
        writes = mode is None or not mode.exact or mode.text not in ("r", "c")
        self.stand_behind(result, path.text if path is not None else None, writes=writes)

    def _read_table(self, result: Value, given: Arguments) -> Value:
        """`chunksize` and `iterator` make a reader of it, `sheet_name` maybe a dict of tables."""
        if given.keywords.keys() & {"chunksize", "iterator"}:
            objects = result.objs
            for obj in objects:
                self.record.made[obj] = "an open reader"
            return Value(type="iterator", objs=objects, elem=Value(type="DataFrame", objs=objects))
        sheet = given.keywords.get("sheet_name")
        if sheet is not None and sheet.type not in ("str", "int"):
            return result._replace(type="", weak=NO_OBJECTS)
        return result

    # -- results that say more ----------------------------------------------------------------

    def _enumerate(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        if not given.positional:
            return result
        part = self.iterate(given.positional[0], node)
        return result._replace(elem=_pair(Value(type="int"), part))

    def _zip(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        if given.rest is not None:
            return result
        parts = tuple(self.iterate(value, node) for value in given.positional)
        return result._replace(elem=_tuple(parts))

    def _dict_of(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        """Pairs become keys and values."""
        source = given.get("0")
        if source is None or source.elem is None or source.type in DICTS:
            return result
        part = self.any_part(source)
        if part.type != "tuple":
            return result
        return result._replace(elem=Value(objs=part.objs, weak=part.weak, cell=part.cell))

    def _next(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        """What an iterator gives is a part of it, not the iterator."""
        source = given.get("0")
        if source is not None and source.instance is not None:
            made = self.special(source, "__next__", [], node)
            return result if made is None else join(result, made)
        if source is None or source.type not in ONE_SHOT or len(given.positional) > 1:
            return result
        return self.any_part(source)

    def _same_path(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        path = given.first("0", "path")
        return result if path is None else result._replace(text=path.text, exact=path.exact)

    def _copied(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        source = given.get("0")
        if source is None:
            return result
        return result._replace(instance=source.instance, weak=NO_OBJECTS)

    def _split_tables(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        items: list[Value] = []
        for index, value in enumerate(given.positional):
            for half in "ab":
                made = frozenset({self.site(node, f".{index}{half}")})
                items.append(Value(type=value.type, objs=made, weak=value.objs | value.weak))
        return _tuple(tuple(items))._replace(type="list")

    def _concatenated(self, result: Value, given: Arguments, node: ast.Call) -> Value:
        source = given.first("0", "objs")
        elem = self.any_part(source) if source is not None else UNKNOWN
        axis = given.keywords.get("axis")
        wide = axis is not None and axis.text in ("1", "columns")
        return result._replace(type="DataFrame") if wide or elem.type == "DataFrame" else result

    def _items(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type in TABLES:
            part = "Series" if base.type == "DataFrame" else ""
            return result._replace(elem=_pair(Value(), self.table_part(part, base, node)))
        return self._view(base, _pair(Value(), self.any_part(base)), node)

    def _values(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        return self._view(base, self.any_part(base), node)

    def _keys(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type in TABLES:
            return result
        return self._view(base, Value(), node)

    def _view(self, base: Value, elem: Value, node: ast.Call) -> Value:
        """A view of a dict follows the dict, which no copy in another kernel could."""
        if base.type and base.type not in DICTS:
            return Value(objs=base.objs, elem=elem)
        made = frozenset({self.site(node, ".view")})
        for obj in made:
            self.record.made[obj] = "a view of a dict"
        self.record.hold(made, base.objs)
        return Value(objs=made, elem=elem)

    def _rows(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        return result._replace(
            elem=_pair(Value(type="scalar"), self.table_part("Series", base, node))
        )

    def _tuples(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        return result._replace(elem=self.cell_of(base.objs | base.weak))

    def _format(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type != "str" or base.text is None:
            return result
        return Value(type="str", text=re.sub(r"\{[^{}]*\}", "*", base.text))

    def _joinpath(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type != "Path":
            return result
        return self._joined_path([base, *given.positional], "Path")

    def _globbed(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        pattern = given.get("0")
        if base.type != "Path" or pattern is None:
            return result
        text = join_path(base.text, pattern.text)
        self.touch_file(text, node.lineno, reads=True, writes=False)
        return result._replace(elem=Value(type="Path", text=text))

    def _listed(self, base: Value, result: Value, given: Arguments, node: ast.Call) -> Value:
        if base.type != "Path":
            return result
        return result._replace(elem=Value(type="Path", text=join_path(base.text, "*")))

    # -- DuckDB -------------------------------------------------------------------------------

    def _duckdb(
        self, name: str, given: Arguments, node: ast.Call, *, connection: Value | None = None
    ) -> Value:
        """A method of a DuckDB connection, or a function of the module (its default connection)."""
        line = node.lineno
        if name == "connect" and connection is None:
            return self._connect_duckdb(given, node)
        if connection is not None:
            self.change(connection, line)
        if name in _QUERIES:
            return self._duckdb_query(name, given, node, connection)
        if name in _FETCH and connection is not None:
            return self.new(node, _FETCH[name])
        if name in _READERS:
            path = given.first("0", "path_or_buffer", "file_glob")
            self._path(path, line, writes=False)
            made = self._relation(NO_OBJECTS, connection, node)
            self.stand_behind(made, path.text if path is not None else None, writes=False)
            return made
        if name in ("from_df", "from_arrow"):
            return self._relation(given.objects(), connection, node)
        if connection is None:
            self.one_lane(f"`duckdb.{name}` uses DuckDB's default connection", line)
            return self.suspect(UNKNOWN, given, node)
        self.record.hold(connection.objs, given.objects())
        if name in ("table", "view", "values"):
            return self._relation(NO_OBJECTS, connection, node)
        return Value(type="duckdb", objs=connection.objs)

    def _connect_duckdb(self, given: Arguments, node: ast.Call) -> Value:
        rule: Rule = _CONNECT
        if not given.first("0", "database"):
            given = Arguments([Value(type="str", text=":memory:", exact=True)])
        return self.apply(rule, None, given, node)

    def _duckdb_query(
        self, name: str, given: Arguments, node: ast.Call, connection: Value | None
    ) -> Value:
        text = given.first("0", "query")
        read: set[str] = set()
        if text is None or text.text is None or not (text.exact or _is_plain(text.text)):
            self.one_lane("SQL whose text is not literal may read any variable", node.lineno)
        elif not text.exact:
            read = self._any_table(node.lineno)
            if connection is None:
                self._default_connection(node.lineno, changes=True)
        else:
            read = self._duckdb_text(text.text, node, connection)
        objects = NO_OBJECTS.union(*(strong(self.peek(n) or UNKNOWN) for n in read))
        if name.startswith("execute"):
            if connection is not None:
                self.record.hold(connection.objs, objects)
                return Value(type="duckdb", objs=connection.objs)
            made = self.new(node, "duckdb")
            for obj in made.objs:
                self.record.made[obj] = "DuckDB's default connection"
            return made
        made = self._relation(objects, connection, node)
        if text is not None and text.text is not None and text.exact:
            for statement in self.shared.parse_sql(text.text).statements:
                for path in statement.files_read:
                    self.stand_behind(made, path, writes=False)
        return made

    def _relation(self, objects: frozenset[str], connection: Value | None, node: ast.Call) -> Value:
        made = self.new(node, "relation")
        for obj in made.objs:
            self.record.made[obj] = "a DuckDB relation"
        held = objects if connection is None else objects | connection.objs
        self.record.hold(made.objs, held)
        return made

    def _duckdb_text(self, text: str, node: ast.Call, connection: Value | None) -> set[str]:
        """Names of Python variables that the SQL of a Python call reads."""
        parsed = self.shared.parse_sql(text)
        if parsed.error is not None:
            self.record.opaque.setdefault(f"SQL that cannot be read: {parsed.error}", node.lineno)
            self.one_lane("SQL that cannot be read may use any variable", node.lineno)
        found: set[str] = set()
        for statement in parsed.statements:
            found |= self._duckdb_statement(statement, node, connection)
        return found

    def _duckdb_statement(
        self, statement: SqlStatement, node: ast.Call, connection: Value | None
    ) -> set[str]:
        line, read = node.lineno, set[str]()
        why = statement.opaque or _beyond(statement)
        if why is not None:
            self.record.opaque.setdefault(why, line)
            if statement.reading:
                read = self._any_table(line, None if "*" in statement.words else statement.words)
            else:
                self.one_lane("SQL that cannot be understood may use any variable", line)
        if connection is None:
            made = statement.defines is not None or statement.removes is not None
            self._default_connection(line, changes=made or bool(statement.writes))
        self.sql_outside(statement, line)
        found = {use.written.strip('"') for use in statement.reads if not use.table.schema}
        names = {name for name in found if self.peek(name) is not None}
        for name in sorted(names):
            self.load(name, line)
        return names | read

    def _any_table(self, line: int, words: frozenset[str] | None = None) -> set[str]:
        """Read every variable that SQL may take for a table, if its name is among the words."""
        found: set[str] = set()
        for name in sorted({*self.shared.globals, *self.state.values}):
            value = self.peek(name)
            plain = value is not None and not value.callables and value.ref is None
            wanted = name.isidentifier() and (words is None or name.lower() in words)
            if wanted and plain and value is not None and (value.type in TABLES or not value.type):
                self.load(name, line)
                found.add(name)
        return found

    def _default_connection(self, line: int, *, changes: bool) -> None:
        """Tables of DuckDB's default connection stay in the kernel that made them."""
        known = self.peek(_DEFAULT_CONNECTION)
        if known is None and changes:
            made = Value(objs=frozenset({f"new:{_DEFAULT_CONNECTION}"}))
            self.bind_key(_DEFAULT_CONNECTION, made, line)
            self.record.made.update(dict.fromkeys(made.objs, "DuckDB's default connection"))
        elif known is not None:
            if not self.state.bound.get(_DEFAULT_CONNECTION, False):
                self.record.read(_DEFAULT_CONNECTION, line)
            if changes:
                self.record.change(known.objs, line, sure=True)

    def sql_outside(self, statement: SqlStatement, line: int) -> None:
        """Files, clocks and networks that an SQL statement touches."""
        for path in statement.files_read:
            self.touch_file(path, line, reads=True, writes=False)
        for path in statement.files_written:
            self.touch_file(path, line, reads=False, writes=True)
        if statement.remote:
            self.record.does(Effect.NETWORK, "a remote file", line)
        for function in statement.volatile:
            what = f"SQL's {function}"
            if any(word in function.lower() for word in ("random", "uuid", "setseed", "sample")):
                self.record.does(Effect.RANDOM, what, line)
                # No seed of Python's reaches DuckDB's generator.
                self.record.does(Effect.UNSEEDED, what, line)
            else:
                self.record.does(Effect.CLOCK, what, line)


def _beyond(statement: SqlStatement) -> str | None:
    """Why what a statement reads is more than its text tells."""
    if statement.unknown_calls:
        return f"what {statement.unknown_calls[0]}() reads is not known"
    if statement.defines is not None and statement.reads:
        return f"a {statement.defines.kind.value} reads its tables each time it is used"
    return None


def _is_plain(text: str) -> bool:
    """Whether SQL of which parts are not known only reads variables while it runs."""
    return _READS_NOW.match(text) is not None


def _cells_in(value: Value, depth: int) -> Objects:
    """What the containers inside a value hold, so many levels below."""
    parts = value.items or ((value.elem,) if value.elem is not None else ())
    if depth > 1:
        return NO_OBJECTS.union(*(_cells_in(part, depth - 1) for part in parts))
    return NO_OBJECTS.union(*(strong(part) for part in parts if part.type not in IMMUTABLE))


def _tuple(parts: tuple[Value, ...]) -> Value:
    return Value(
        type="tuple",
        cell=any(part.cell for part in parts),
        objs=NO_OBJECTS.union(*(strong(part) for part in parts)),
        weak=NO_OBJECTS.union(*(part.weak for part in parts if not part.type)),
        items=parts,
    )


def _pair(one: Value, other: Value) -> Value:
    return _tuple((one, other))


_Special = Callable[[KnownCalls, Arguments, ast.Call], Value | None]
_SPECIAL: Final[dict[str, _Special]] = {
    "builtins.vars": KnownCalls._vars,
    "builtins.dir": KnownCalls._dir,
    "builtins.__import__": KnownCalls._import,
    "importlib.import_module": KnownCalls._import,
    "builtins.getattr": KnownCalls._getattr,
    "builtins.type": KnownCalls._type_of,
    "builtins.id": KnownCalls._identity,
    "builtins.hash": KnownCalls._hash,
    "IPython.display.display": KnownCalls._show,
    "IPython.display.update_display": KnownCalls._show,
    "builtins.super": KnownCalls._super,
    "builtins.open": KnownCalls._open,
    "io.open": KnownCalls._open,
    "builtins.str": KnownCalls._text,
    "os.fspath": KnownCalls._text,
    "os.path.join": KnownCalls._path_join,
    "pathlib.Path": KnownCalls._path_of,
    "pathlib.PurePath": KnownCalls._path_of,
    "os.getenv": KnownCalls._getenv,
    "collections.namedtuple": KnownCalls._namedtuple,
    "functools.partial": KnownCalls._partial,
}

_Refine = Callable[[KnownCalls, Value, Arguments, ast.Call], Value]
_REFINE: Final[dict[str, _Refine]] = {
    "builtins.dict": KnownCalls._dict_of,
    "builtins.enumerate": KnownCalls._enumerate,
    "builtins.next": KnownCalls._next,
    "builtins.zip": KnownCalls._zip,
    "glob.glob": KnownCalls._glob,
    "glob.iglob": KnownCalls._glob,
    "numpy.load": KnownCalls._loaded_array,
    "numpy.memmap": KnownCalls._mapped_array,
    "numpy.lib.format.open_memmap": KnownCalls._mapped_array,
    "nbflow.wait_for": KnownCalls._same_path,
    "copy.copy": KnownCalls._copied,
    "copy.deepcopy": KnownCalls._copied,
    "sklearn.model_selection.train_test_split": KnownCalls._split_tables,
    "pandas.concat": KnownCalls._concatenated,
}

_RefineMethod = Callable[[KnownCalls, Value, Value, Arguments, ast.Call], Value]
_REFINE_METHOD: Final[dict[str, _RefineMethod]] = {
    "items": KnownCalls._items,
    "values": KnownCalls._values,
    "keys": KnownCalls._keys,
    "iterrows": KnownCalls._rows,
    "itertuples": KnownCalls._tuples,
    "to_dict": KnownCalls._to_dict,
    "view": KnownCalls._viewed,
    "format": KnownCalls._format,
    "joinpath": KnownCalls._joinpath,
    "glob": KnownCalls._globbed,
    "rglob": KnownCalls._globbed,
    "iterdir": KnownCalls._listed,
}
