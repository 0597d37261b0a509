"""The notebook behind the launcher's card: small, whole, and worth starting from."""

from typing import Any, Final

_TITLE: Final = """\
# Orders of a day

A workflow in four parts: parameters, data, a result, and a check that it can be trusted. \
It runs as it is. Put your own data and questions in the place of these."""

_IMPORTS: Final = """\
%load_ext nbflow

from datetime import date

import pandas as pd"""

_PARAMETERS: Final = """\
day: date = date(2026, 3, 14)  # the day to report
smallest: float = 20.0  # orders below this amount are left out"""

_DATA_NOTE: Final = """\
## The data

Your own data comes in here: `orders = pd.read_csv("orders.csv")`, \
or a cell that begins with `%%sql orders` and reads the file."""

_ORDERS: Final = """\
orders = pd.DataFrame(
    {
        "order_id": range(1, 9),
        "day": pd.to_datetime(["2026-03-13"] * 3 + ["2026-03-14"] * 5),
        "shop": ["north", "south", "north", "north", "south", "west", "west", "south"],
        "amount": [35.0, 12.5, 80.0, 64.0, 19.0, 41.5, 27.0, 99.9],
    }
)"""

_SQL_NOTE: Final = """\
## The result

`%%sql NAME` is SQL: it reads DataFrames by their names, `$day` is the value of a parameter, \
and the result is a table for the cells below, in SQL and in Python."""

_SHOPS: Final = """\
%%sql shops
SELECT shop, count(*) AS orders, round(sum(amount), 2) AS amount
FROM orders
WHERE CAST(day AS DATE) = CAST($day AS DATE)
  AND amount >= $smallest
GROUP BY shop
ORDER BY amount DESC, shop"""

_CHECK_NOTE: Final = """\
## Is it right?

A cell with the tag `check` stops what comes after it when its `assert` fails, \
or when its SQL returns rows."""

_CHECK: Final = """\
%%sql
-- One row for each problem; no row, no complaint.
SELECT 'order_id not unique' AS problem, count(order_id) - count(DISTINCT order_id) AS rows
FROM orders
HAVING count(order_id) > count(DISTINCT order_id)
UNION ALL
SELECT 'there are no orders of that day', count(*)
FROM shops
HAVING count(*) < 1"""

_REPORT_NOTE: Final = "## What to tell"

_REPORT: Final = """\
best = shops.iloc[0]
print(f"{day}: {shops['amount'].sum():.2f} in {len(shops)} shops, most of it in {best['shop']}")
shops"""


def workflow_notebook() -> dict[str, Any]:
    """The template as an nbformat document."""
    cells = (
        _markdown("title", _TITLE),
        _code("imports", _IMPORTS),
        _code("parameters", _PARAMETERS, "parameters"),
        _markdown("data-note", _DATA_NOTE),
        _code("orders", _ORDERS),
        _markdown("result-note", _SQL_NOTE),
        _code("shops", _SHOPS),
        _markdown("check-note", _CHECK_NOTE),
        _code("check", _CHECK, "check", "step:orders are right"),
        _markdown("report-note", _REPORT_NOTE),
        _code("report", _REPORT, "step:report"),
    )
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "cells": list(cells),
    }


def _markdown(cell_id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def _code(cell_id: str, source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
