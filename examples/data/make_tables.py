"""Write the tables anew, byte for byte the same: a made-up bike hire, with mistakes put in on purpose."""

from __future__ import annotations

import csv
import datetime as dt
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SEED = 2025
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2025, 6, 30)
TABLES = Path(__file__).parent / "tables"

# District: how busy its stations are, how busy on weekends, how much rain and cold matter.
DISTRICTS = {
    "Harbour": (50, 1.35, 1.2),
    "Old Town": (58, 1.25, 0.9),
    "University": (46, 0.45, 0.7),
    "Hillside": (21, 0.80, 1.0),
    "Westfield": (34, 0.95, 1.0),
}
STATIONS = (
    ("Ferry Terminal", "Harbour", 30),
    ("Fish Market", "Harbour", 20),
    ("Quay 7", "Harbour", 12),
    ("Lighthouse", "Harbour", 16),
    ("Town Hall", "Old Town", 12),
    ("Cathedral", "Old Town", 16),
    ("Mint Street", "Old Town", 24),
    ("Rose Court", "Old Town", 30),
    ("Main Library", "University", 20),
    ("Science Park", "University", 30),
    ("Dormitories", "University", 30),
    ("Botanic Garden", "University", 16),
    ("Upper Station", "Hillside", 12),
    ("Water Tower", "Hillside", 20),
    ("Orchard Lane", "Hillside", 12),
    ("Stadium", "Westfield", 12),
    ("Garden City", "Westfield", 20),
    ("Tram Depot", "Westfield", 30),
    ("Mill Pond", "Westfield", 12),
)

Weather = tuple[float, float, float]  # degrees, mm of rain, km/h of wind


def main() -> None:
    """Write stations, weather, and a table of trips for each month."""
    chance = random.Random(SEED)  # `random()` alone is used: the same in every Python
    write("stations.csv", ("station", "name", "district", "docks"), stations())
    weather = dict(days_with_weather(chance))
    rows = [(day.isoformat(), *values) for day, values in weather.items()]
    write("weather.csv", ("date", "temperature_c", "rain_mm", "wind_kmh"), rows)
    for month in range(FIRST.month, LAST.month + 1):
        trips = [
            row
            for day, values in weather.items()
            if day.month == month
            for row in trips_of(day, values, chance)
        ]
        name = f"trips/{FIRST.year}-{month:02}.csv"
        write(name, ("date", "station", "trips", "minutes"), with_mistakes(trips, chance))


def write(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write one table."""
    path = TABLES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def stations() -> list[tuple[int, str, str, int]]:
    """Return number, name, district and docks of each station."""
    return [(number, *station) for number, station in enumerate(STATIONS, 101)]


def spread(chance: random.Random) -> float:
    """Return a number around 0, seldom beyond 1."""
    return (chance.random() + chance.random() + chance.random() - 1.5) / 0.75


def days_with_weather(chance: random.Random) -> Iterator[tuple[dt.date, Weather]]:
    """Yield each day with its weather: warmer towards summer, every day a bit like the one before."""
    warmer = wetter = 0.0
    day = FIRST
    while day <= LAST:
        season = -math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)  # -1 in January
        warmer = 0.6 * warmer + 3 * spread(chance)
        wetter = 0.5 * wetter + spread(chance)
        rain_mm = max(6 * wetter - 2, 0.0)
        wind_kmh = 12 + 7 * abs(spread(chance)) + rain_mm / 2
        yield day, (round(10 + 10 * season + warmer, 1), round(rain_mm, 1), round(wind_kmh, 1))
        day += dt.timedelta(1)


def trips_of(day: dt.date, weather: Weather, chance: random.Random) -> Iterator[tuple[object, ...]]:
    """Yield date, station, trips and minutes of all trips together, for each station."""
    temperature_c, rain_mm, wind_kmh = weather
    for number, _, district, docks in stations():
        busy, weekend, sensitive = DISTRICTS[district]
        warmth = 1 / (1 + math.exp(-(temperature_c - 9) / 5))
        wet = math.exp(-sensitive * (rain_mm / 9 + max(wind_kmh - 20, 0) / 40))
        wanted = busy * (0.3 + 1.2 * warmth) * wet * (docks / 20) ** 0.3
        wanted *= weekend if day.isoweekday() > 5 else 1
        trips = max(round(wanted * (1 + 0.15 * spread(chance))), 0)
        minutes = trips * (11 + 4 * warmth) * (1 + 0.1 * spread(chance))
        yield day.isoformat(), number, trips, f"{minutes:.1f}"


def with_mistakes(
    rows: Sequence[tuple[object, ...]], chance: random.Random
) -> Iterator[tuple[object, ...]]:
    """Yield the rows, some of them wrong as in real tables, some twice."""
    for date, station, trips, minutes in rows:
        lot = chance.random()
        if lot < 0.005:
            yield date, station, trips, -1
        elif lot < 0.01:
            yield date, station, "", minutes
        elif lot < 0.0125:
            yield date, 999, trips, minutes
        elif lot < 0.015:
            yield date, station, trips, f"{60 * float(str(minutes)):.1f}"  # seconds, most likely
        else:
            yield date, station, trips, minutes
            if lot > 0.995:
                yield date, station, trips, minutes


if __name__ == "__main__":
    main()
