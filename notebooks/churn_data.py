"""A made-up telephone company: its customers, and how they used the service for half a year.

It stands in for the systems that would hold these tables, so that the notebook
`churn_model.ipynb` runs anywhere. The same day always gives the same tables.

    customers(as_of)   one row per customer who joined at least half a year before `as_of`
    usage(as_of)       one row per customer and day with traffic: calls, megabytes, complaints

Whoever is about to leave shows it in what the company can see: a monthly contract, less traffic
from week to week, complaints, a tariff that costs more than it is worth. The relation is noisy, as
in life: no model reaches more than about 0.85 in ROC AUC.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

CUSTOMERS = 2000
DAYS = 180
SEGMENTS = ("consumer", "small business", "enterprise")
CONTRACTS = ("monthly", "one year", "two years")
REGIONS = ("North", "Centre", "South")
FEES = {"consumer": 24.0, "small business": 61.0, "enterprise": 190.0}


@dataclass(frozen=True)
class Mood:
    """What nobody can see: how much each customer uses the service, and how unhappy they are."""

    activity: np.ndarray
    unhappiness: np.ndarray


def customers(as_of: date | str) -> pd.DataFrame:
    """The customer master as it stands on `as_of`: who they are, and when they left, if they did.

    `left_on` is empty for those who are still there.
    """
    as_of = date.fromisoformat(str(as_of))
    random = np.random.default_rng([as_of.toordinal(), 1])
    table = _people(as_of, random)
    mood = _mood(as_of)
    pull = 1.9 * mood.unhappiness + 1.6 * (table["contract"] == "monthly")
    pull += 0.8 * (table["monthly_fee"] > 1.15 * table["segment"].map(FEES)) - 3.7
    leaves = random.random(len(table)) < 1 / (1 + np.exp(-pull))
    days_ago = random.integers(0, DAYS // 2, size=len(table))
    left_on = pd.Timestamp(as_of) - pd.to_timedelta(days_ago, unit="D")
    table["left_on"] = pd.Series(left_on).dt.as_unit("us").where(leaves)
    return table


def usage(as_of: date | str) -> pd.DataFrame:
    """Daily traffic of the half year before `as_of`; nothing after a customer left."""
    as_of = date.fromisoformat(str(as_of))
    random = np.random.default_rng([as_of.toordinal(), 3])
    people, mood = customers(as_of), _mood(as_of)
    day = np.tile(np.arange(DAYS), CUSTOMERS)
    fading = np.repeat(np.clip(mood.unhappiness, 0, None), DAYS) * day / DAYS
    rate = np.repeat(mood.activity, DAYS) * np.exp(-1.3 * fading)
    table = pd.DataFrame(
        {
            "customer_id": np.repeat(people["customer_id"].to_numpy(), DAYS),
            "day": (pd.Timestamp(as_of) - pd.to_timedelta(DAYS - 1 - day, unit="D")).as_unit("us"),
            "calls": random.poisson(rate),
            "megabytes": (random.gamma(2.0, 90.0, len(day)) * rate).round(1),
            "complaints": random.poisson(0.006 * np.exp(1.0 * np.repeat(mood.unhappiness, DAYS))),
        }
    )
    left_on = np.repeat(people["left_on"].to_numpy(), DAYS)
    there = pd.isna(left_on) | (table["day"].to_numpy() <= left_on)
    used = (table["calls"] > 0) | (table["complaints"] > 0)
    return table[there & used].reset_index(drop=True)


def _people(as_of: date, random: np.random.Generator) -> pd.DataFrame:
    segment = random.choice(SEGMENTS, size=CUSTOMERS, p=[0.7, 0.22, 0.08])
    joined = [as_of - timedelta(days=int(d)) for d in random.integers(DAYS, 2400, size=CUSTOMERS)]
    fee = pd.Series(segment).map(FEES) * random.choice([0.8, 1.0, 1.25], size=CUSTOMERS)
    return pd.DataFrame(
        {
            "customer_id": [f"C{n:05d}" for n in range(1, CUSTOMERS + 1)],
            "segment": segment,
            "region": random.choice(REGIONS, size=CUSTOMERS),
            "contract": random.choice(CONTRACTS, size=CUSTOMERS, p=[0.5, 0.3, 0.2]),
            "joined_on": np.array(joined, dtype="datetime64[us]"),
            "monthly_fee": fee.round(2),
        }
    )


def _mood(as_of: date) -> Mood:
    random = np.random.default_rng([as_of.toordinal(), 2])
    return Mood(
        activity=random.gamma(4.0, 0.45, size=CUSTOMERS), unhappiness=random.normal(size=CUSTOMERS)
    )
