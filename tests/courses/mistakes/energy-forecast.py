# ruff: noqa
# Usual wrong answers to energy-forecast. The form is explained in first-steps.py.

# %% q1-features: counts weekdays from one -> q1-features-test=0
def add_features(energy):
    weekday = energy["date"].dt.day_of_week + 1
    return energy.assign(
        month=energy["date"].dt.month,
        weekday=weekday,
        weekend=(weekday >= 6).astype(int),
        cooling=(energy["temperature"] - 24).clip(lower=0),
        heating=(18 - energy["temperature"]).clip(lower=0),
    )


# %% q1-features: hides missing temperatures -> q1-features-degrees=0
def add_features(energy):
    weekday = energy["date"].dt.day_of_week
    return energy.assign(
        month=energy["date"].dt.month,
        weekday=weekday,
        weekend=(weekday >= 5).astype(int),
        cooling=(energy["temperature"] - 24).clip(lower=0).fillna(0),
        heating=(18 - energy["temperature"]).clip(lower=0).fillna(0),
    )


# %% q1-features: changes the table it was given -> q1-features-degrees=0
def add_features(energy):
    energy["month"] = energy["date"].dt.month
    energy["weekday"] = energy["date"].dt.day_of_week
    energy["weekend"] = (energy["weekday"] >= 5).astype(int)
    energy["cooling"] = (energy["temperature"] - 24).clip(lower=0)
    energy["heating"] = (18 - energy["temperature"]).clip(lower=0)
    return energy


# %% q2-split: the day itself is in training -> q2-split-test=0, q2-split-hidden=0
def time_split(energy, cutoff):
    before = energy["date"] <= pd.Timestamp(cutoff)
    return energy[before], energy[~before]


# %% q2-split: the first half of the rows -> q2-split-hidden=0
def time_split(energy, cutoff):
    half = len(energy) // 2
    return energy.iloc[:half], energy.iloc[half:]


# %% q3-baseline: looks at the test part -> q3-baseline-test=0, q3-baseline-hidden=0
def baseline(train, test):
    return test.groupby("building")["kwh"].transform("mean")


# %% q3-baseline: nothing for a new building -> q3-baseline-hidden=0
def baseline(train, test):
    return test["building"].map(train.groupby("building")["kwh"].mean())


# %% q4-mae: keeps the signs -> q4-mae-test=0, q4-mae-hidden=0
def mae(y_true, y_pred):
    return abs(float(np.mean(np.asarray(y_true) - np.asarray(y_pred))))


# %% q4-mae: pairs by index -> q4-mae-hidden=0
def mae(y_true, y_pred):
    return float((y_true - y_pred).__abs__().mean())


# %% q5-model: another alpha -> q5-model-hidden=0
def build_model(numeric, categorical):
    columns = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical),
        ]
    )
    return make_pipeline(columns, Ridge(alpha=10.0))


# %% q5-model: stops at missing values -> q5-model-test=0, q5-model-hidden=0
def build_model(numeric, categorical):
    columns = ColumnTransformer(
        [("numeric", StandardScaler(), numeric), ("categorical", OneHotEncoder(handle_unknown="ignore"), categorical)]
    )
    return make_pipeline(columns, Ridge(alpha=1.0))


# %% q5-model: stops at a word it never saw -> q5-model-hidden=0
def build_model(numeric, categorical):
    columns = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("categorical", OneHotEncoder(), categorical),
        ]
    )
    return make_pipeline(columns, Ridge(alpha=1.0))


# %% q6-validate: shuffled folds -> q6-validate-test=0, q6-validate-hidden=0
def validate(energy, numeric, categorical):
    scores = cross_val_score(
        build_model(numeric, categorical),
        energy[numeric + categorical],
        energy["kwh"],
        cv=5,
        scoring="neg_mean_absolute_error",
    )
    return float(-scores.mean())


# %% q6-validate: rows as they come -> q6-validate-hidden=0
def validate(energy, numeric, categorical):
    scores = cross_val_score(
        build_model(numeric, categorical),
        energy[numeric + categorical],
        energy["kwh"],
        cv=TimeSeriesSplit(n_splits=5),
        scoring="neg_mean_absolute_error",
    )
    return float(-scores.mean())


# %% q7-important: negative coefficients come last -> q7-important-test=0, q7-important-hidden=0
def most_important(names, coefficients, n):
    pairs = sorted(zip(names, coefficients), key=lambda pair: -pair[1])
    return [name for name, _ in pairs[:n]]


# %% q7-important: in a tie the last name -> q7-important-hidden=0
def most_important(names, coefficients, n):
    pairs = sorted(zip(names, coefficients), key=lambda pair: (-abs(pair[1]), names.index(pair[0]) * -1))
    return [name for name, _ in pairs[:n]]
