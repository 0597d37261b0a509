"""A made-up retailer: six stores in three regions, whose tills drop a file each night.

`write_drop(day, folder)` writes what one business day leaves behind, with the dirt that such files
have in life. It stands in for the systems that would deliver these files, so that the notebook
`retail_daily_sales.ipynb` runs anywhere. The same day always gives the same files, byte for byte.

    folder/manifest.csv     one row per file that arrived; written last, so it means "complete"
    folder/S01.csv …        the older tills
    folder/S04.parquet …    the newer ones
    folder/../stores.csv    the store master
    folder/../prices.csv    the price list

The dirt: receipts that were sent twice, returns (negative quantities), unit prices that do not
match the price list, product codes with stray blanks and lower case (older tills), lines of the day
before, and one store whose file does not come in time.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

STORES = pd.DataFrame(
    [
        ("S01", "Harbour Street", "North", "csv"),
        ("S02", "Old Market", "North", "parquet"),
        ("S03", "Central Station", "Centre", "csv"),
        ("S04", "Town Hall", "Centre", "parquet"),
        ("S05", "Garden Centre", "South", "csv"),
        ("S06", "Lake Road", "South", "parquet"),
    ],
    columns=["store_id", "store", "region", "format"],
)

PRICES = pd.DataFrame(
    [
        ("BRD-001", "Rye bread", "Bakery", 3.20),
        ("BRD-002", "Croissant", "Bakery", 1.40),
        ("BRD-003", "Baguette", "Bakery", 1.90),
        ("DAI-001", "Milk 1 l", "Dairy", 1.25),
        ("DAI-002", "Butter 250 g", "Dairy", 2.80),
        ("DAI-003", "Mountain cheese", "Dairy", 6.90),
        ("FRU-001", "Apples 1 kg", "Fruit", 2.95),
        ("FRU-002", "Bananas 1 kg", "Fruit", 1.85),
        ("FRU-003", "Strawberries", "Fruit", 3.60),
        ("HOU-001", "Dish soap", "Household", 2.15),
        ("HOU-002", "Paper towels", "Household", 4.50),
        ("HOU-003", "Light bulb", "Household", 5.95),
    ],
    columns=["sku", "product", "category", "list_price"],
)

OPENING_HOUR, CLOSING_HOUR = 8, 20
LINE_COLUMNS = ["store_id", "receipt", "line", "sold_at", "sku", "quantity", "unit_price"]


@dataclass(frozen=True)
class Dirt:
    """How much goes wrong in one store's file, as shares of its lines or receipts."""

    returned: float = 0.04
    mispriced: float = 0.015
    sent_twice: float = 0.02
    of_the_day_before: float = 0.01


def write_drop(day: date | str, folder: Path | str) -> Path:
    """Write the files of one business day; return the path of the manifest."""
    day = date.fromisoformat(str(day))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    STORES.drop(columns="format").to_csv(folder.parent / "stores.csv", index=False)
    PRICES.to_csv(folder.parent / "prices.csv", index=False)
    late = STORES["store_id"].iloc[day.toordinal() % len(STORES)]
    arrived = [
        _write_store(day, folder, store_id, file_format)
        for store_id, file_format in zip(STORES["store_id"], STORES["format"], strict=True)
        if store_id != late
    ]
    manifest = folder / "manifest.csv"
    pd.DataFrame(arrived).to_csv(manifest, index=False)
    return manifest


def store_lines(day: date, store_id: str, dirt: Dirt | None = None) -> pd.DataFrame:
    """The receipt lines of one store on one day, dirt included."""
    dirt = dirt or Dirt()
    number = int(store_id.removeprefix("S"))
    random = np.random.default_rng([day.toordinal(), number])
    lines = _clean_lines(day, store_id, random)
    returned = random.random(len(lines)) < dirt.returned
    lines.loc[returned, "quantity"] *= -1
    mispriced = random.random(len(lines)) < dirt.mispriced
    factor = random.choice([0.1, 0.5, 1.2, 10.0], size=len(lines))
    lines.loc[mispriced, "unit_price"] = (lines["unit_price"] * factor).round(2)[mispriced]
    early = random.random(len(lines)) < dirt.of_the_day_before
    lines.loc[early, "sold_at"] -= pd.Timedelta(days=1)
    receipts = lines["receipt"].unique()
    twice = receipts[random.random(len(receipts)) < dirt.sent_twice]
    return pd.concat([lines, lines[lines["receipt"].isin(twice)]], ignore_index=True)


def _clean_lines(day: date, store_id: str, random: np.random.Generator) -> pd.DataFrame:
    receipts = int(random.integers(180, 320) * (1.3 if day.weekday() >= 5 else 1.0))
    sizes = random.integers(1, 6, size=receipts)
    opening = datetime.combine(day, time(OPENING_HOUR))
    seconds = np.sort(random.integers(0, (CLOSING_HOUR - OPENING_HOUR) * 3600, size=receipts))
    sold_at = [opening + timedelta(seconds=int(second)) for second in seconds]
    products = random.integers(0, len(PRICES), size=int(sizes.sum()))
    return pd.DataFrame(
        {
            "store_id": store_id,
            "receipt": np.repeat([f"{store_id}-{n:04d}" for n in range(1, receipts + 1)], sizes),
            "line": np.concatenate([np.arange(1, size + 1) for size in sizes]),
            "sold_at": np.repeat(np.array(sold_at, dtype="datetime64[us]"), sizes),
            "sku": PRICES["sku"].to_numpy()[products],
            "quantity": random.integers(1, 5, size=len(products)),
            "unit_price": PRICES["list_price"].to_numpy()[products],
        },
        columns=LINE_COLUMNS,
    )


def _write_store(day: date, folder: Path, store_id: str, file_format: str) -> dict[str, object]:
    lines = store_lines(day, store_id)
    path = folder / f"{store_id}.{file_format}"
    if file_format == "csv":
        lines.assign(sku=_as_typed(lines)).to_csv(path, index=False)
    else:
        lines.to_parquet(path, index=False)
    return {"store_id": store_id, "file": path.name, "format": file_format, "lines": len(lines)}


def _as_typed(lines: pd.DataFrame) -> pd.Series:
    """Product codes as the older tills send them: lower case here, a stray blank there."""
    first = lines["line"] == 1
    return lines["sku"].str.lower().where(first, " " + lines["sku"])
