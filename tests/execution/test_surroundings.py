"""What a step depends on besides the notebook."""

from pathlib import Path

from nbflow.execution.surroundings import (
    files_in_text,
    module_digests,
    package_versions,
    path_digest,
)


def test_files_in_a_text_are_digested_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "folder").mkdir()
    found = files_in_text(["a.csv", "folder", "*.csv", "gone.csv", "s3://b/c"], tmp_path)
    assert [touch.path for touch in found] == ["a.csv"]
    assert found[0].digest == path_digest("a.csv", tmp_path)


def test_a_pattern_means_all_that_it_matches(tmp_path: Path) -> None:
    before = path_digest("*.csv", tmp_path)
    (tmp_path / "a.csv").write_text("x")
    after = path_digest("*.csv", tmp_path)
    (tmp_path / "a.csv").write_text("y")
    assert len({before, after, path_digest("*.csv", tmp_path)}) == 3


def test_a_local_module_brings_those_that_it_imports(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import two\nimport json\n")
    (tmp_path / "two.py").write_text("x = 1\n")
    assert set(module_digests(["one"], tmp_path)) == {"one.py", "two.py"}


def test_packages_are_found_by_the_modules_that_they_provide(tmp_path: Path) -> None:
    found = package_versions(["pandas", "yaml", "json", "no_such_module"], tmp_path)
    assert set(found) == {"pandas", "PyYAML"}
