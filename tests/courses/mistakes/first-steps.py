# ruff: noqa
# Usual wrong answers to first-steps: "# %% <answer>: <what is wrong> -> <test cell>=<score it still gets>, ...".
# Test cells of the question that are not named get full points.

# %% q1-fare: the edges are off by one -> q1-fare-partial=2.0
def fare(age):
    if age < 5 or age > 65:
        return 0
    if age < 12:
        return 400
    if age < 18:
        return 800
    return 1250


# %% q1-fare: only the visible ages, as a table -> q1-fare-partial=0
def fare(age):
    return {30: 1250, 15: 800, 3: 0}.get(age)


# %% q2-total: the answer of the example, typed in -> q2-total-hidden=0
def total_riders(records):
    return 42


# %% q2-total: reads the notebook's example instead of its argument -> q2-total-hidden=0
def total_riders(records):
    return sum(record["riders"] for record in example)


# %% q3-average: divides by zero -> q3-average-hidden=0
def average_riders(records):
    return sum(record["riders"] for record in records) / len(records)


# %% q3-average: rounds -> q3-average-hidden=0
def average_riders(records):
    if not records:
        return 0.0
    return sum(record["riders"] for record in records) // len(records)


# %% q4-between: the end is in it -> q4-between-test=0, q4-between-hidden=0
def between(records, start, end):
    return [record for record in records if start <= record["hour"] <= end]


# %% q4-between: removes from the list it was given -> q4-between-hidden=0
def between(records, start, end):
    for record in list(records):
        if not start <= record["hour"] < end:
            records.remove(record)
    return records


# %% q5-by-route: overwrites instead of adding -> q5-by-route-hidden=0
def riders_by_route(records):
    return {record["route"]: record["riders"] for record in records}


# %% q5-by-route: only the routes of the notebook -> q5-by-route-test=0, q5-by-route-hidden=0
def riders_by_route(records):
    return {route: sum(r["riders"] for r in records if r["route"] == route) for route in ROUTES}


# %% q6-busiest: the largest single record -> q6-busiest-hidden=0
def busiest_route(records):
    return max(records, key=lambda record: record["riders"])["route"]


# %% q6-busiest: in a tie the last name -> q6-busiest-hidden=0
def busiest_route(records):
    totals = {}
    for record in records:
        totals[record["route"]] = totals.get(record["route"], 0) + record["riders"]
    return max(totals, key=lambda route: (totals[route], route))


# %% q7-report: the tie in order of appearance -> q7-report-hidden=0
def report(records):
    totals = {}
    for record in records:
        totals[record["route"]] = totals.get(record["route"], 0) + record["riders"]
    ordered = sorted(totals, key=lambda route: -totals[route])
    return [f"{rank}. {route}: {totals[route]:,}명" for rank, route in enumerate(ordered, start=1)]


# %% q7-report: counts from zero -> q7-report-test=0, q7-report-hidden=0
def report(records):
    totals = riders_by_route(records)
    ordered = sorted(totals, key=lambda route: (-totals[route], route))
    return [f"{rank}. {route}: {totals[route]:,}명" for rank, route in enumerate(ordered)]


# %% q7-report: prints instead of returning -> q7-report-test=0, q7-report-hidden=0
def report(records):
    totals = riders_by_route(records)
    for rank, route in enumerate(sorted(totals, key=lambda route: (-totals[route], route)), start=1):
        print(f"{rank}. {route}: {totals[route]:,}명")
