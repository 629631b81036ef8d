"""Makes the CSV files of the assignment cafe-sales: made-up sales of a made-up café chain in Gwangju.

    python cafe_sales.py ../source/cafe-sales

writes cafe_sales.csv (four stores, thirteen weeks) and cafe_sales_beach.csv (one store by the sea, two weeks). The same
seed gives the same bytes. The faults that the trainees clean are put in on purpose: rows entered twice, quantities that
are missing, blanks around a store's name, prices with a thousands comma.
"""

from __future__ import annotations

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

MENU = [
    ("아메리카노", "coffee", 3500, 9),
    ("카페라떼", "coffee", 4200, 7),
    ("콜드브루", "coffee", 4500, 4),
    ("유자차", "tea", 4800, 3),
    ("작설차", "tea", 5200, 2),
    ("크루아상", "bakery", 3900, 4),
    ("무화과케이크", "bakery", 12000, 1),
]
STORES = {"충장로점": 1.4, "상무점": 1.2, "양림점": 0.8, "첨단점": 1.0}
BEACH = {"송이도점": 0.9}
COLUMNS = ["date", "store", "menu", "category", "price", "quantity"]


def make_rows(seed: int, stores: dict[str, float], first: date, days: int) -> list[list[str]]:
    """Rows as a till wrote them, by day and store, faults included."""
    dice = random.Random(seed)
    rows = []
    for day in (first + timedelta(days=number) for number in range(days)):
        for store, size in stores.items():
            for menu, category, price, popularity in MENU:
                if dice.random() < 0.25:
                    continue  # not sold that day
                weekend = 1.5 if day.weekday() >= 5 else 1.0
                quantity = str(max(1, round(popularity * size * weekend * dice.uniform(0.5, 1.5))))
                if dice.random() < 0.03:
                    quantity = ""
                name = f" {store}" if dice.random() < 0.05 else store
                row = [day.isoformat(), name, menu, category, f"{price:,}", quantity]
                rows.append(row)
                if dice.random() < 0.02:
                    rows.append(row)
    return rows


def write(path: Path, rows: list[list[str]]) -> None:
    """UTF-8 with a BOM, as spreadsheets in Korea write and expect it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def main(folder: Path) -> None:
    write(folder / "cafe_sales.csv", make_rows(20260302, STORES, date(2026, 3, 2), 91))
    write(folder / "cafe_sales_beach.csv", make_rows(20260801, BEACH, date(2026, 8, 1), 14))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
