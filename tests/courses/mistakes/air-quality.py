# ruff: noqa
# Usual wrong answers to air-quality. The form is explained in first-steps.py.

# %% q1-missing: only columns with gaps -> q1-missing-test=0, q1-missing-hidden=0
def missing_share(table):
    share = table.isna().mean().sort_values(ascending=False)
    return share[share > 0]


# %% q1-missing: of the four rows of the example -> q1-missing-hidden=0
def missing_share(table):
    return (table.isna().sum() / 4).sort_values(ascending=False)


# %% q2-fill: values leak into the next station -> q2-fill-test=0, q2-fill-hidden=0
def fill_gaps(air, limit):
    return air.assign(pm25=air["pm25"].ffill(limit=limit))


# %% q2-fill: fills every column -> q2-fill-hidden=0
def fill_gaps(air, limit):
    filled = air.groupby("station").ffill(limit=limit)
    return air.assign(**{column: filled[column] for column in filled.columns})


# %% q2-fill: no limit but one -> q2-fill-hidden=0
def fill_gaps(air, limit):
    return air.assign(pm25=air.groupby("station")["pm25"].ffill(limit=1))


# %% q2-fill: changes the table it was given -> q2-fill-hidden=0
def fill_gaps(air, limit):
    air["pm25"] = air.groupby("station")["pm25"].ffill(limit=limit)
    return air


# %% q3-daily: the middle value instead of the mean -> q3-daily-hidden=0
def daily_mean(air):
    return air.assign(day=air["time"].dt.normalize()).pivot_table(
        index="day", columns="station", values="pm25", aggfunc="median"
    )


# %% q3-daily: divides by 24 although values are missing -> q3-daily-test=0, q3-daily-hidden=0
def daily_mean(air):
    table = air.assign(day=air["time"].dt.normalize())
    return table.pivot_table(index="day", columns="station", values="pm25", aggfunc="sum") / 24


# %% q4-grades: the edges belong to the worse grade -> q4-grades-partial=2.1
def grades(pm25):
    return pd.cut(pm25, [0, 15, 35, 75, float("inf")], labels=["좋음", "보통", "나쁨", "매우나쁨"], right=False).astype(
        object
    )


# %% q4-grades: a missing value becomes a grade -> q4-grades-partial=2.7
def grades(pm25):
    return pm25.map(lambda v: "좋음" if v <= 15 else "보통" if v <= 35 else "나쁨" if v <= 75 else "매우나쁨")


# %% q5-bad: counts a day once per station -> q5-bad-test=0, q5-bad-hidden=0
def bad_days(daily, stations, limit):
    counts = {district: 0 for district in stations["district"]}
    for _, row in stations.iterrows():
        counts[row["district"]] += int((daily[row["station"]] > limit).sum())
    return counts


# %% q5-bad: leaves out districts without bad days -> q5-bad-test=0, q5-bad-hidden=0
def bad_days(daily, stations, limit):
    counts = {}
    for district, group in stations.groupby("district"):
        days = int((daily[group["station"].tolist()] > limit).any(axis=1).sum())
        if days:
            counts[district] = days
    return counts


# %% q5-bad: every station of the district must be above -> q5-bad-test=0, q5-bad-hidden=0
def bad_days(daily, stations, limit):
    return {
        district: int((daily[group["station"].tolist()] > limit).all(axis=1).sum())
        for district, group in stations.groupby("district")
    }


# %% q6-plot: the title and the limit of the example -> q6-plot-hidden=0
def plot_station(daily, station, limit):
    fig, ax = plt.subplots()
    ax.plot(daily.index, daily["A"] if "A" in daily else daily.iloc[:, 0])
    ax.axhline(35)
    ax.set_title("A")
    ax.set_ylabel("PM2.5")
    return ax


# %% q6-plot: draws every station -> q6-plot-test=0, q6-plot-hidden=0
def plot_station(daily, station, limit):
    ax = daily.plot(title=station, ylabel="PM2.5")
    ax.axhline(limit)
    return ax
