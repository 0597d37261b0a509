"""The flagship's generator: the same day gives the same files, with the promised dirt."""

import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

DAYS = [date(2026, 3, 14), date(2026, 3, 15), date(2024, 2, 29)]


@pytest.fixture(scope="module")
def retail_data(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "retail_data_under_test", repository / "notebooks" / "retail_data.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_day_gives_the_same_bytes(retail_data: ModuleType, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        retail_data.write_drop(DAYS[0], tmp_path / folder / "drop")
    assert _contents(tmp_path / "first") == _contents(tmp_path / "second")


def test_text_and_date_mean_the_same_day(retail_data: ModuleType, tmp_path: Path) -> None:
    retail_data.write_drop(DAYS[0], tmp_path / "date" / "drop")
    retail_data.write_drop(DAYS[0].isoformat(), tmp_path / "text" / "drop")
    assert _contents(tmp_path / "date") == _contents(tmp_path / "text")


def test_another_day_is_another_day(retail_data: ModuleType) -> None:
    first, second = (retail_data.store_lines(day, "S01") for day in DAYS[:2])
    assert not first.equals(second)


@pytest.mark.parametrize("day", DAYS)
def test_one_store_is_late_and_the_manifest_tells_the_others(
    retail_data: ModuleType, tmp_path: Path, day: date
) -> None:
    manifest = pd.read_csv(retail_data.write_drop(day, tmp_path / "drop"))
    files = {path.name for path in (tmp_path / "drop").iterdir()} - {"manifest.csv"}
    assert set(manifest["file"]) == files
    assert len(files) == len(retail_data.STORES) - 1
    assert set(manifest["format"]) == {"csv", "parquet"}


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("store", ["S01", "S02", "S03", "S04", "S05", "S06"])
def test_every_kind_of_dirt_is_there(retail_data: ModuleType, day: date, store: str) -> None:
    lines = retail_data.store_lines(day, store)
    prices = retail_data.PRICES.set_index("sku")["list_price"]
    key = ["receipt", "line"]
    assert lines.duplicated(key).any()
    assert lines[lines.duplicated(key, keep=False)].drop_duplicates().duplicated(key).sum() == 0
    assert (lines["quantity"] < 0).any()
    assert (lines["unit_price"] != lines["sku"].map(prices)).any()
    assert (lines["sold_at"].dt.date < day).any()
    assert (lines["sold_at"].dt.date == day).mean() > 0.9


def test_older_tills_are_careless_with_codes(retail_data: ModuleType, tmp_path: Path) -> None:
    retail_data.write_drop(DAYS[0], tmp_path / "drop")
    codes = pd.read_csv(tmp_path / "drop" / "S01.csv")["sku"]
    assert codes.str.startswith(" ").any()
    assert codes.str.strip().str.islower().any()
    assert set(codes.str.strip().str.upper()) <= set(retail_data.PRICES["sku"])


def test_the_expected_net_sales_follow_from_the_files(
    retail_data: ModuleType, expected: Path
) -> None:
    """The golden figures again, by another road than the notebook's SQL."""
    metrics = pd.read_csv(expected / "retail_daily_sales" / "store_metrics.csv")
    prices = retail_data.PRICES.set_index("sku")["list_price"]
    for store, net in metrics.dropna(subset=["net"]).set_index("store_id")["net"].items():
        lines = retail_data.store_lines(DAYS[0], store)
        lines = lines[lines["sold_at"].dt.date == DAYS[0]].drop_duplicates()
        right = lines["sku"].map(prices)
        wrong = (lines["unit_price"] - right).abs() > 0.05 * right
        paid = lines["unit_price"].mask(wrong, right)
        assert (lines["quantity"] * paid).sum() == pytest.approx(net, abs=0.5)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
