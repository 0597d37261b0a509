"""What the linter says about cells, and what it does not say about innocent ones."""

from collections.abc import Mapping

import pytest

from nbflow.analysis.cells import read_cells
from nbflow.analysis.link import link
from nbflow.analysis.lint.linting import lint
from nbflow.analysis.lint.plain_sight import secret_in
from nbflow.core.diagnostic import Diagnostic, Fix, Severity
from nbflow.core.notebook import Cell, CellId, CellKind, Notebook
from nbflow.core.step import CellTags, StepOptions


def found(
    *sources: str, tags: Mapping[int, CellTags] | None = None, language: str | None = None
) -> tuple[Diagnostic, ...]:
    """The findings about code cells `c0`, `c1`, …; `tags` by position."""
    cells = tuple(
        Cell(id=CellId(f"c{i}"), index=i, kind=CellKind.CODE, source=source)
        for i, source in enumerate(sources)
    )
    notebook = Notebook(path="n.ipynb", cells=cells, language=language)
    by_cell = {cell.id: (tags or {}).get(cell.index, CellTags()) for cell in cells}
    facts = read_cells(notebook)
    return lint(notebook, link(notebook, facts, by_cell), facts, by_cell)


def told(*sources: str, **more: object) -> list[str]:
    """`code@CELL:LINE` of each finding; cells from 1."""
    return [
        f"{d.code}@{(d.place.cell_index or 0) + 1}:{d.place.line or ''}"
        for d in found(*sources, **more)  # type: ignore[arg-type]
    ]


FINDINGS = {
    # names
    "a name written only below": (["print(x)", "x = [1]"], ["out-of-order@1:1"]),
    "a name that nobody writes": (["total = [1]", "print(totl)"], ["undefined-name@2:1"]),
    "a name deleted above": (["x = [1]", "del x", "print(x)"], ["deleted-name@3:1"]),
    "a name deleted above in the cell": (["x = [1]\ndel x\nprint(x)"], ["deleted-name@1:3"]),
    "a table deleted above": (
        ["import pandas as pd\ndf = pd.DataFrame({'a': [1]})\ndel df", "%%sql\nSELECT * FROM df"],
        ["deleted-name@2:2"],
    ),
    "a function called before its global": (
        ["def f():\n    return k", "print(f())", "k = [1]\nprint(k)"],
        ["out-of-order@2:1"],
    ),
    "a global that nobody writes": (
        ["rate = [2]\ndef f():\n    return 2 * rat", "print(f(), rate)"],
        ["undefined-name@1:3"],
    ),
    "an unknown table": (
        ["%%sql orders\nSELECT 1 AS x", "%%sql\nSELECT * FROM ordres"],
        ["unknown-table@2:2"],
    ),
    "tables that differ in case": (
        [
            "import pandas as pd\nsales = pd.DataFrame({'a': [1]})",
            "Sales = sales.head()",
            "%%sql\nSELECT * FROM SALES",
        ],
        ["unknown-table@3:2", "ambiguous-name@3:2"],
    ),
    "SQL that replaces a Python name of other case": (
        [
            "import pandas as pd\nsales = pd.DataFrame({'a': [1]})\nsales",
            "%%sql Sales\nSELECT a + 1 AS a FROM sales",
            "%%sql\nFROM Sales",
        ],
        ["ambiguous-name@2:1"],
    ),
    "a missing name under %%time": (["%%time\n\nprint(late)", "late = [1]"], ["out-of-order@1:3"]),
    # results
    "a result that nobody reads": (
        ["x = [1]", "y = [len(x)]", "print(x)"],
        ["unused-result@2:1"],
    ),
    "a table that nobody reads": (
        ["%%sql t\nSELECT 1 AS x", "%%sql u\nSELECT 2 AS x", "%%sql\nFROM t"],
        ["unused-result@2:1"],
    ),
    # repeatable
    "a draw without a seed": (
        ["import numpy as np", "x = np.random.rand(3)\nprint(x)"],
        ["unseeded-random@2:1"],
    ),
    "only the first draw of a generator": (
        ["import random", "print(random.random())", "print(random.random())"],
        ["unseeded-random@2:1"],
    ),
    "a generator without a seed": (
        ["import numpy as np", "rng = np.random.default_rng()", "print(rng.normal())"],
        ["unseeded-random@2:1"],
    ),
    "an estimator without random_state": (
        [
            "from sklearn.ensemble import RandomForestClassifier",
            "model = RandomForestClassifier()\nmodel.fit([[1], [2]], [0, 1])\nprint(model)",
        ],
        ["unseeded-random@2:1"],
    ),
    "a draw in SQL": (
        ["%%sql\nSELECT 1\n  , random() AS r"],
        ["unseeded-random@1:3"],
    ),
    "the clock": (
        ["from datetime import date", "day = date.today()\nprint(day)"],
        ["clock@2:1"],
    ),
    # plain sight
    "a password": (["password = 'Zebra-crossing-7'\nprint(password)"], ["secret@1:1"]),
    "a password in a call": (
        ["import psycopg2", "con = psycopg2.connect(host='db', password='Zebra-7-x')\nprint(con)"],
        ["secret@2:1"],
    ),
    "an environment variable set in code": (
        ["import os", "os.environ['DB_PASSWORD'] = 'Zebra-crossing-7'"],
        ["secret@2:1"],
    ),
    "a password in an address": (
        ["url = 'postgresql://ada:Zebra-7-x@db.intern/shop'\nprint(url)"],
        ["secret@1:1"],
    ),
    "a secret in SQL": (
        ["%%sql\nSELECT 1 AS x;\n-- PASSWORD 'Zebra-crossing-7'\nSELECT 2 AS y"],
        ["secret@1:3"],
    ),
    "a path of one machine": (
        ["import pandas as pd", "df = pd.read_csv('/home/ada/shop/sales.csv')\ndf"],
        ["absolute-path@2:1"],
    ),
    "a Windows path": (
        ["import pandas as pd", "df = pd.read_csv(r'C:\\Users\\ada\\sales.csv')\ndf"],
        ["absolute-path@2:1"],
    ),
    # comments
    "an unknown code": (["x = [1]  # nbflow: ignore[unused]\nprint(x)"], ["unknown-code@1:1"]),
    "a comment without a code": (["x = [1]  # nbflow: ignore\nprint(x)"], ["unknown-code@1:1"]),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_it_finds(case: str) -> None:
    sources, expected = FINDINGS[case]
    assert told(*sources) == expected


INNOCENT = {
    "a name bound on the way": ["for i in range(3):\n    last = i\nprint(last)"],
    "a name deleted and written again": ["x = [1]\ndel x", "x = [2]", "print(x)"],
    "a name deleted at the end of its own cell": ["x = [1]\nprint(x)\ndel x"],
    "a global written between definition and call": [
        "def f():\n    return k",
        "k = [1]",
        "print(f())",
    ],
    "builtins in functions": ["def f(xs):\n    return sorted(map(str, xs))", "print(f([1]))"],
    "a global that a function declares": [
        "def f():\n    global n\n    n = 1\ndef g():\n    return n",
        "f()",
        "print(g())",
    ],
    "the last result": ["x = [1]", "y = [len(x)]"],
    "a result that is shown": ["x = [1]", "y = [len(x)]\ny", "print(x)"],
    "a result that a later f-string mentions": ["y = [1]", "print(f'{y}')"],
    "a result that only a query text mentions": ["y = [1]", "text = 'y'\nprint(text)"],
    "a seeded draw": ["import numpy as np\nnp.random.seed(0)", "print(np.random.rand(3))"],
    "seed and draw in one cell": ["import random", "random.seed(1)\nprint(random.random())"],
    "a seeded generator": ["import numpy as np", "print(np.random.default_rng(42).normal())"],
    "an estimator with random_state": [
        "from sklearn.ensemble import RandomForestClassifier",
        "model = RandomForestClassifier(random_state=0)\nmodel.fit([[1], [2]], [0, 1])\nmodel",
    ],
    "tables of one spelling": [
        "%%sql sales\nSELECT 1 AS x",
        "%%sql\nSELECT * FROM SALES",
    ],
    "the empty notebook": [],
    "an empty cell": [""],
    "a missing name that is expected": ["try:\n    print(x)\nexcept NameError:\n    x = [1]"],
    "a name that exec may bind": ["exec('y = 1')", "print(y)"],
    "a name that a star import may bind": ["from numpy import *", "print(pi)"],
    "a name that a script may bind": ["%run other.py", "print(y)"],
    "a name that the shell was given": ["get_ipython().push({'y': 1})", "print(y)"],
    "a name that the shell was given by another name": [
        "shell = get_ipython()\nshell.push({'y': 1})",
        "print(y)",
    ],
    "a name that an unknown magic may bind": ["%magic", "print(y)"],
    "a name that an unknown cell magic may bind": ["%%R -o y\ny <- 1", "print(y)"],
    "a built-in name that was shadowed": ["len = max\nprint(len(1, 2))\ndel len\nprint(len([]))"],
    "a name deleted and written again by a function": [
        "def again():\n    global x\n    x = [1]\nx = [0]",
        "del x\nagain()\nprint(x)",
    ],
    "a name deleted and written again in a magic": ["x = [1]\ndel x", "%time x = [2]\nprint(x)"],
    "a name deleted in a function": ["x = [1]\ndef f():\n    x = 1\n    del x", "f()\nprint(x)"],
    "a name written under %%time": ["%%time\nx = [1]", "print(x)"],
    "a name that %%capture writes": ["%%capture seen\nprint(1)", "print(seen)"],
    "a name that the shell's answer has": ["files = !ls", "print(files)"],
    "a name asked for only if it is there": [
        "if 'x' in globals():\n    print(x)\nelse:\n    print(0)",
    ],
    "words about nbflow": ["# nbflow: pure\nprint(1)"],
}


@pytest.mark.parametrize("case", INNOCENT)
def test_it_does_not_find(case: str) -> None:
    innocent = [
        code for code in told(*INNOCENT[case]) if not code.startswith(("one-lane", "opaque"))
    ]
    assert innocent == []


NO_SECRETS = [
    "password = ''",
    "password = 'changeme'",
    "password = '<your password>'",
    "password = 'xxxxxxxx'",
    "password = '********'",
    "password = getpass()",
    "password = os.environ['DB_PASSWORD']",
    "password = os.getenv('DB_PASSWORD', '')",
    "password = f'{user}-pw'",
    "token = '[SEP]'",
    "token = 'hello'",
    "pad_token = '<pad>'",
    "tokens = text.split(' ')",
    "tokenizer = 'bert-base-uncased'",
    "token_url = 'https://login.example.com/oauth2/token'",
    "secret_name = 'prod/database/reader-2024-01'",
    "api_key = 'YOUR_API_KEY_0123456789'",
    "key = 'customer_id'",
    "df['password'] = 'str'",
    "df.rename(columns={'pwd': 'password'})",
    "%pwd",
    "url = 'postgresql://user:password@localhost/db'",
    "url = f'postgresql://{user}:{password}@{host}/db'",
    "url = 'http://localhost:8888/?q=a@b'",
    "url = 'https://example.com/a:b@c'",
    "git = 'git@github.com:someone/project.git'",
    "aws = 'AKIAIOSFODNN7EXAMPLE'",
    "digest = 'd41d8cd98f00b204e9800998ecf8427e'",
    "task-key = 'x'",
    "risk-assessment-of-the-year-2024-and-later",
    "CREATE SECRET s (TYPE s3, KEY_ID $key, SECRET $secret)",
    "connect(user=user, password=password, host=host)",
    "connect(host=host, user=user,  password=pw)",
    "f'host={host} user={user} password={password}'",
    "'Bearer ' + token",
    "f'Bearer {token}'",
    "%env API_KEY=your-key-goes-here",
    "print('password: hunter2')",
    "secret_santa = 'Grandmother and the 7 dwarfs'",
]


@pytest.mark.parametrize("line", NO_SECRETS)
def test_no_secret(line: str) -> None:
    assert secret_in(line) is None


IN_TEXT = [
    "headers = {'Authorization': 'Bearer " + "a1b2c3d4" * 4 + "'}",
    "%env API_KEY=" + "aB3dE5fG7hI9jK1lM3",
    "!export SERVICE_TOKEN=" + "aB3dE5fG7hI9jK1lM3",
    "ATTACH 'dbname=shop user=ada password=Zebra-7-x host=db' AS pg (TYPE postgres)",
    "'Driver={SQL Server};Server=db;Uid=sa;Pwd=Zebra-7-x;'",
    "CREATE SECRET s (TYPE s3, KEY_ID 'k', SECRET '" + "aB3dE5fG7hI9jK1lM3" + "')",
    "parser.add_argument('--password', 'Zebra-7-x')",
    "config = {'db': {'password': 'Zebra-7-x'}}",
    "conn = connect(user='sa', password='P@ssw0rd!')",
]


@pytest.mark.parametrize("line", IN_TEXT)
def test_a_secret_in_a_longer_text(line: str) -> None:
    assert secret_in(line) is not None


SECRETS = {
    # In pieces, or this file would hold secrets itself.
    "AWS": "AK" + "IAQ3EGRVZZ7K2LMNOP",
    "GitHub": "gh" + "p_" + "a1B2c3D4" * 5,
    "Slack": "xo" + "xb-2048-7777-abcDEF",
    "Google": "AI" + "za" + "Sy4_" * 8 + "abc",
    "Hugging Face": "h" + "f_" + "aB3dE" * 7,
    "JWT": "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + "c2lnbmF0dXJl",
    "PEM": "-----BEGIN RSA PRIV" + "ATE KEY-----",
    "API": "s" + "k-proj-" + "a1B2c3D4" * 4,
    "Stripe": "s" + "k_live_" + "a1B2c3D4" * 3,
    "GitLab": "glp" + "at-" + "a1B2c3D4" * 3,
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_known_shape_is_found_anywhere_and_never_repeated(kind: str) -> None:
    secret = SECRETS[kind]
    (finding,) = found(f"call({secret!r})  # nothing else", language="R")[1:]
    assert finding.code == "secret"
    shown = f"{finding.message} {finding.hint}"
    assert secret[:4] in shown
    assert secret[:9] not in shown
    assert finding.fix is None


@pytest.mark.parametrize("piece", ["password", "eyJ-", "sk-a-", "http://", "a+", "password='"])
def test_a_megabyte_on_one_line_is_no_work(piece: str) -> None:
    # With patterns that look back and forth this would not end.
    data = piece * (1_000_000 // len(piece))
    assert len(told(f"data = {data!r}\nprint(data)")) <= 1


# -- severity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "severity"),
    [
        (["print(x)", "x = [1]"], Severity.ERROR),
        (["y = [1]\nif y:\n    print(x)", "x = [1]"], Severity.WARNING),
        (["f = lambda: 1\ny = f() and x\nprint(y)", "x = [1]"], Severity.WARNING),
        (["print([x for _ in range(0)])", "x = [1]"], Severity.WARNING),
        (["y = [1]\nfor i in y:\n    print(x)", "x = [1]"], Severity.WARNING),
        (["print(nowhere)"], Severity.ERROR),
        (["print(nowhere)", "exec('nowhere = 1')"], Severity.ERROR),
    ],
)
def test_a_missing_name_is_an_error_only_where_run_all_surely_fails(
    sources: list[str], severity: Severity
) -> None:
    names = [d for d in found(*sources) if d.code in ("out-of-order", "undefined-name")]
    assert {d.severity for d in names} == {severity}


def test_an_expected_error_is_none() -> None:
    seen = found("print(nowhere)", tags={0: CellTags(raises_exception=True)})
    assert {d.severity for d in seen} == {Severity.WARNING}


def test_a_missing_name_names_the_cell_that_writes_it_and_the_way_out() -> None:
    (finding,) = found("print(x)", "# c\nx = [1]\nprint(x)")
    assert finding.message == "`x` is read here but first written below, in cell 2"
    assert finding.hint is not None


def test_steps_whose_names_differ_in_case_only() -> None:
    tags = {0: CellTags(step="load"), 1: CellTags(step="Load")}
    codes = told("x = [1]\nprint(x)", "y = [2]\nprint(y)", tags=tags)
    assert codes == ["ambiguous-step@2:"]


def test_a_fix_seeds_the_generator_and_changes_nothing_else() -> None:
    source = "é = 'ü'; rng = np.random.default_rng()  # draws\nprint(rng.normal(), é)"
    (finding,) = found("import numpy as np", source)
    assert finding.fix is not None
    assert finding.fix.applied(source) == source.replace("default_rng()", "default_rng(0)")


@pytest.mark.parametrize(
    ("source", "mended"),
    [
        ("é = 'ü'; print(saels, é)", "é = 'ü'; print(sales, é)"),
        ("%%sql best\nSELECT *\nFROM saels", "%%sql best\nSELECT *\nFROM sales"),
        ("def f():\n    return saels\nprint(f())", "def f():\n    return sales\nprint(f())"),
        (
            "exec('x = 1')  # nbflow: ignore[opaqe]\nprint(sales)",
            "exec('x = 1')  # nbflow: ignore[opaque]\nprint(sales)",
        ),
    ],
)
def test_a_fix_writes_the_name_that_was_meant(source: str, mended: str) -> None:
    fixes = [d.fix for d in found("sales = [1]\nprint(sales)", source) if d.fix is not None]
    assert [fix.applied(source) for fix in fixes] == [mended]


@pytest.mark.parametrize(
    "source",
    ["print(saels, 'saels')", "print(saels, saels)", "print(wholly_other)"],
)
def test_where_it_is_not_clear_what_is_meant_there_is_no_fix(source: str) -> None:
    seen = found("sales = [1]\nprint(sales)", source)
    assert [d.fix for d in seen if d.place.cell_index == 1 and d.fix is not None] == []


def test_a_fix_exchanges_a_tag_that_names_no_step() -> None:
    tags = {0: CellTags(step="load"), 1: CellTags(options=StepOptions(after=("laod",)))}
    seen = found("x = [1]\nprint(x)", "print(2)", tags=tags)
    (finding,) = [d for d in seen if d.code == "unknown-step"]
    assert finding.fix == Fix(old="after:laod", new="after:load")


def test_a_cell_with_a_secret_has_no_fix_that_would_repeat_it() -> None:
    source = "password = 'Zebra-crossing-7'\nrng = np.random.default_rng()\nprint(rng, password)"
    seen = found("import numpy as np", source)
    assert [(d.code, d.fix) for d in seen] == [("secret", None), ("unseeded-random", None)]


# -- other notebooks -----------------------------------------------------------------------------


def test_another_language_is_said_once() -> None:
    assert told("x <- c(1, 2)", "y %>% filter(a)", language="R") == ["other-language@1:"]


def test_a_skipped_cell_counts_only_for_secrets() -> None:
    tags = {0: CellTags(skip=True)}
    source = "print(nowhere)\npassword = 'Zebra-crossing-7'\nopen('/home/ada/x/y')"
    assert told(source, tags=tags) == ["secret@1:2"]


# -- comments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sources",
    [
        ["print(x)  # nbflow: ignore[out-of-order]", "x = [1]"],
        ["print(  # nbflow: ignore[out-of-order]\n    x,\n)", "x = [1]"],
        ["print(\n    x,\n)  # nbflow: ignore[opaque, out-of-order]", "x = [1]"],
        ["%%sql\nFROM nowhere -- nbflow: ignore[unknown-table]"],
        ["# nbflow: ignore[unused-result]\ny = [1]", "print(2)"],
        ["password = 'Zebra-crossing-7'  # nbflow: ignore[secret]\nprint(password)"],
    ],
)
def test_a_comment_silences_a_finding_of_its_line(sources: list[str]) -> None:
    seen = told(*sources)
    assert [code for code in seen if not code.startswith("unused-result@1:2")] == []


def test_a_comment_on_another_line_silences_nothing() -> None:
    assert told("# nbflow: ignore[out-of-order]\nprint(x)", "x = [1]") == ["out-of-order@1:2"]


def test_a_comment_for_another_code_silences_nothing() -> None:
    assert told("print(x)  # nbflow: ignore[opaque]", "x = [1]") == ["out-of-order@1:1"]


def test_an_error_that_stops_every_run_is_not_silenced() -> None:
    assert told("x = = 1  # nbflow: ignore[syntax-error]") == ["syntax-error@1:1"]


def test_what_is_silenced_does_not_stop_the_run_either() -> None:
    cells = (
        Cell(
            id=CellId("c0"),
            index=0,
            kind=CellKind.CODE,
            source="%%sql\nFROM nowhere -- nbflow: ignore[unknown-table]",
        ),
    )
    notebook = Notebook(path="n.ipynb", cells=cells)
    assert link(notebook, read_cells(notebook), {}).errors == ()


def test_the_nearest_code_is_offered() -> None:
    (finding,) = found("print(1)  # nbflow: ignore[unused-results]")
    assert finding.hint == "did you mean unused-result?"
