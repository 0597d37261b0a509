"""The tag language: what every tag means, what is refused, and that it reads back as written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.diagnostic import Fix, Place, Severity
from nbflow.core.notebook import CellId
from nbflow.core.step import CachePolicy, CellTags, CheckMode, StepOptions
from nbflow.core.tag import TagKind
from nbflow.notebook.tags import (
    TAGS,
    format_duration,
    format_tags,
    parse_duration,
    parse_tags,
)

HERE = Place(cell=CellId("c4"), cell_index=3)


def options(**values: object) -> CellTags:
    return CellTags(options=replace(StepOptions(), **values))  # type: ignore[arg-type]


MEANINGS: list[tuple[list[str], CellTags]] = [
    ([], CellTags()),
    (["parameters"], CellTags(parameters=True)),
    (["injected-parameters"], CellTags(injected=True)),
    (["setup"], CellTags(setup=True)),
    (["skip"], CellTags(skip=True)),
    (["raises-exception"], CellTags(raises_exception=True)),
    (["step:load data"], CellTags(step="load data")),
    (["step: load "], CellTags(step="load")),
    (["step:a:b"], CellTags(step="a:b")),
    (["after:load", "after:clean", "after:load"], options(after=("load", "clean"))),
    (["retries:3"], options(retries=3)),
    (["backoff:0s"], options(backoff=0.0)),
    (["backoff:90s"], options(backoff=90.0)),
    (["timeout:5m"], options(timeout=300.0)),
    (["timeout:2h"], options(timeout=7200.0)),
    (["timeout:1d"], options(timeout=86400.0)),
    (["timeout:1h30m"], options(timeout=5400.0)),
    (["check"], options(check=CheckMode.STOP)),
    (["check:warn"], options(check=CheckMode.WARN)),
    (["cache:never"], options(cache=CachePolicy(mode="never"))),
    (["cache:always"], options(cache=CachePolicy(mode="always"))),
    (["cache:2h"], options(cache=CachePolicy(mode="duration", seconds=7200.0))),
    (["retries:2", "retries:2"], options(retries=2)),
    (["hide-input", "remove-input", "remove-cell"], CellTags()),
    (["solution", "slideshow", "nbval-skip", "topic:sales", "imports", "ci:fast"], CellTags()),
    (["paramters", "retry", "when", "pool", "step"], CellTags()),
]


@pytest.mark.parametrize(("tags", "meaning"), MEANINGS, ids=[",".join(t) for t, _ in MEANINGS])
def test_a_tag_means(tags: list[str], meaning: CellTags) -> None:
    assert parse_tags(tags, place=HERE) == (meaning, ())


REFUSED: list[tuple[list[str], str, str]] = [
    (["step:"], "bad-tag", "write a name after the colon"),
    (["step:   "], "bad-tag", "write a name after the colon"),
    (["step:a,b"], "bad-tag", "without a comma"),
    (["step:a\nb"], "bad-tag", "one line"),
    (["step:a\x00b"], "bad-tag", "one line"),
    (["after:"], "bad-tag", "write a name after the colon"),
    (["retries:many"], "bad-tag", "a number from 0"),
    (["retries:-1"], "bad-tag", "a number from 0"),
    (["retries:²"], "bad-tag", "a number from 0"),
    (["retries:1001"], "bad-tag", "a number from 0"),
    (["timeout:90"], "bad-tag", "90s, 5m, 2h"),
    (["timeout:"], "bad-tag", "90s, 5m, 2h"),
    (["timeout:0s"], "bad-tag", "needs some time"),
    (["timeout:30m1h"], "bad-tag", "90s, 5m, 2h"),
    (["timeout:367d"], "bad-tag", "90s, 5m, 2h"),
    (["timeout:999999999d999999999h"], "bad-tag", "90s, 5m, 2h"),
    (["timeout:inf"], "bad-tag", "90s, 5m, 2h"),
    (["backoff:5 m"], "bad-tag", "90s, 5m, 2h"),
    (["check:error"], "bad-tag", "check:warn"),
    (["cache:sometimes"], "bad-tag", "cache:never"),
    (["setup:x"], "bad-tag", "write setup"),
    (["retires:2"], "unknown-tag", "retries:2"),
    (["Step:load"], "unknown-tag", "step:load"),
    (["timout:5m"], "unknown-tag", "timeout:5m"),
    (["cahce:never"], "unknown-tag", "cache:never"),
    (["afer:load"], "unknown-tag", "after:load"),
    (["retries:1", "retries:2"], "conflicting-tags", "keep one"),
    (["step:a", "step:b"], "conflicting-tags", "keep one"),
    (["check", "check:warn"], "conflicting-tags", "keep one"),
    (["setup", "skip"], "conflicting-tags", "keep one"),
    (["setup", "parameters"], "conflicting-tags", "keep one"),
    (["setup", "retries:2"], "conflicting-tags", "remove 'setup'"),
    (["when:ready"], "tag-not-yet", "remove the tag"),
    (["when:!ready"], "tag-not-yet", "remove the tag"),
    (["foreach:region=regions"], "tag-not-yet", "remove the tag"),
    (["partial"], "tag-not-yet", "remove the tag"),
    (["pool:db=2"], "tag-not-yet", "remove the tag"),
    (["priority:5"], "tag-not-yet", "remove the tag"),
    (["approve"], "tag-not-yet", "remove the tag"),
    (["publish:sales"], "tag-not-yet", "remove the tag"),
    (["check:schema"], "tag-not-yet", "remove the tag"),
]


@pytest.mark.parametrize(("tags", "code", "hint"), REFUSED, ids=[repr(t) for t, _, _ in REFUSED])
def test_a_tag_is_refused(tags: list[str], code: str, hint: str) -> None:
    _, findings = parse_tags(tags, place=HERE)
    assert [f.code for f in findings] == [code]
    assert findings[0].severity is Severity.ERROR
    assert findings[0].place == HERE
    assert hint in (findings[0].hint or "")
    assert repr(tags[-1].strip()) in findings[0].message or code == "conflicting-tags"


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("retires:2", "retries:2"),
        ("setup:x", "setup"),
        ("check:wrn", "check:warn"),
        ("cache:nevr", "cache:never"),
        ("retries:many", None),
    ],
)
def test_a_tag_is_exchanged_for_the_one_that_was_meant(tag: str, meant: str | None) -> None:
    (finding,) = parse_tags([tag], place=HERE)[1]
    assert finding.fix == (None if meant is None else Fix(old=tag, new=meant))


@pytest.mark.parametrize(
    "name",
    [
        "load all data",
        "📦 Größe 数据",
        "x" * 300,
        "../../etc/passwd",
        "select",
        "<script>alert(1)</script>",
        "a:b=c!",
        "'; DROP TABLE x; --",
    ],
)
def test_c57_a_step_may_have_any_name(name: str) -> None:
    tags, findings = parse_tags([f"step:{name}", f"after:{name}"], place=HERE)
    assert findings == ()
    assert tags.step == name
    assert tags.options.after == (name,)


def test_one_bad_tag_leaves_the_others_standing() -> None:
    tags, findings = parse_tags(["retries:x", "step:load", "timeout:5"], place=HERE)
    assert tags.step == "load"
    assert [f.code for f in findings] == ["bad-tag", "bad-tag"]


def test_a_very_long_foreign_tag_is_left_alone() -> None:
    assert parse_tags(["x" * 1_000_000 + ":y"], place=HERE) == (CellTags(), ())


names = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
    .map(str.strip)
    .filter(lambda name: bool(name) and "," not in name)
)
seconds = st.integers(min_value=1, max_value=366 * 86400).map(float)
caches = st.sampled_from(
    [None, CachePolicy(mode="never"), CachePolicy(mode="always")]
) | seconds.map(lambda s: CachePolicy(mode="duration", seconds=s))
step_options = st.builds(
    StepOptions,
    retries=st.integers(min_value=0, max_value=1000),
    backoff=seconds | st.just(0.0),
    timeout=seconds,
    after=st.lists(names, unique=True, max_size=3).map(tuple),
    check=st.sampled_from([None, CheckMode.STOP, CheckMode.WARN]),
    cache=caches,
)
cell_tags = st.builds(
    CellTags,
    parameters=st.booleans(),
    injected=st.booleans(),
    skip=st.booleans(),
    step=st.none() | names,
    raises_exception=st.booleans(),
    options=step_options,
) | st.just(CellTags(setup=True))


@given(cell_tags)
def test_tags_read_back_as_they_were_written(tags: CellTags) -> None:
    assert parse_tags(format_tags(tags), place=HERE) == (tags, ())


@given(seconds)
def test_durations_read_back_as_they_were_written(value: float) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.lists(st.text()))
def test_no_text_breaks_the_reader(tags: list[str]) -> None:
    read, _ = parse_tags(tags, place=HERE)
    assert parse_tags(format_tags(read), place=HERE)[0] == read


@pytest.mark.parametrize("seconds", [-1.0, 0.5, float("nan"), float("inf"), 1e12])
def test_a_duration_that_no_tag_can_say_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot say"):
        format_duration(seconds)


def test_a_schema_check_cannot_be_written_yet() -> None:
    with pytest.raises(ValueError, match="check:schema"):
        format_tags(options(check=CheckMode.SCHEMA))


@pytest.mark.parametrize("kind", TAGS, ids=lambda kind: kind.name)
def test_a_form_offers_each_tag_as_it_is_read(kind: TagKind) -> None:
    _, findings = parse_tags([kind.example], place=HERE)
    assert [each.code for each in findings] == ([] if kind.available else ["tag-not-yet"])
    for choice in kind.choices:
        assert parse_tags([f"{kind.name}:{choice}"], place=HERE)[1] == ()


@pytest.mark.parametrize("kind", TAGS, ids=lambda kind: kind.name)
def test_a_value_is_refused_where_a_form_would_not_take_it(kind: TagKind) -> None:
    bare = [each.code for each in parse_tags([kind.name], place=HERE)[1]]
    if kind.takes == "nothing" or kind.optional:
        assert bare == ([] if kind.available else ["tag-not-yet"])
    for number in (kind.minimum, kind.maximum):
        if number is not None:
            assert parse_tags([f"{kind.name}:{number}"], place=HERE)[1] == ()
            beyond = number + (1 if number else -1)
            assert parse_tags([f"{kind.name}:{beyond}"], place=HERE)[1] != ()
