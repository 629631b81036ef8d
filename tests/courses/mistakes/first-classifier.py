# ruff: noqa
# Usual wrong answers to first-classifier. The form is explained in first-steps.py.

# %% q1-split: not stratified -> q1-split-stratified=0
def split(X, y):
    return train_test_split(X, y, test_size=0.25, random_state=0)


# %% q1-split: another split every time -> q1-split-stratified=0
def split(X, y):
    return train_test_split(X, y, test_size=0.25, stratify=y)


# %% q1-split: a fifth for testing -> q1-split-test=0, q1-split-stratified=0
def split(X, y):
    return train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)


# %% q2-baseline: looks at the test part -> q2-baseline-hidden=0
def baseline_accuracy(y_train, y_test):
    share = float(np.mean(y_test))
    return max(share, 1 - share)


# %% q2-baseline: always answers 0 -> q2-baseline-hidden=0
def baseline_accuracy(y_train, y_test):
    return float(np.mean(np.asarray(y_test) == 0))


# %% q3-model: without scaling -> q3-model-test=0, q3-model-hidden=0
def build_model(k):
    return make_pipeline(KNeighborsClassifier(n_neighbors=k))


# %% q3-model: always five neighbours -> q3-model-hidden=0
def build_model(k):
    return make_pipeline(StandardScaler(), KNeighborsClassifier())


# %% q4-scores: precision and recall swapped -> q4-scores-test=0, q4-scores-partial=2.2
def scores(y_true, y_pred):
    found = int(np.sum((y_true == 1) & (y_pred == 1)))
    called, real = int(np.sum(y_pred == 1)), int(np.sum(y_true == 1))
    return {
        "accuracy": float(np.mean(y_true == y_pred)),
        "precision": found / real if real else 0.0,
        "recall": found / called if called else 0.0,
    }


# %% q4-scores: divides by zero -> q4-scores-partial=1.8
def scores(y_true, y_pred):
    found = int(np.sum((y_true == 1) & (y_pred == 1)))
    return {
        "accuracy": float(np.mean(y_true == y_pred)),
        "precision": found / int(np.sum(y_pred == 1)),
        "recall": found / int(np.sum(y_true == 1)),
    }


# %% q5-confusion: truth and prediction swapped -> q5-confusion-test=0, q5-confusion-hidden=0
def confusion(y_true, y_pred):
    table = np.zeros((2, 2), dtype=int)
    for truth, prediction in zip(y_true, y_pred):
        table[prediction, truth] += 1
    return table


# %% q5-confusion: shares instead of counts -> q5-confusion-test=0, q5-confusion-hidden=0
def confusion(y_true, y_pred):
    table = np.zeros((2, 2))
    for truth, prediction in zip(y_true, y_pred):
        table[truth, prediction] += 1 / len(y_true)
    return table


# %% q6-best: in a tie the one that came first -> q6-best-hidden=0
def best_k(X, y, ks):
    return max(ks, key=lambda k: cross_val_score(build_model(k), X, y, cv=5).mean())


# %% q6-best: the best of the example -> q6-best-hidden=0
def best_k(X, y, ks):
    return 5


# %% q7-threshold: above instead of at least -> q7-threshold-test=0, q7-threshold-hidden=0
def threshold(probabilities, y_true, at_least):
    for candidate in sorted(set(probabilities.tolist()), reverse=True):
        if np.mean(probabilities[y_true == 1] > candidate) >= at_least:
            return candidate
    return 0.0


# %% q7-threshold: precision instead of recall -> q7-threshold-test=0, q7-threshold-hidden=0
def threshold(probabilities, y_true, at_least):
    for candidate in sorted(set(probabilities.tolist()), reverse=True):
        if np.mean(y_true[probabilities >= candidate]) >= at_least:
            return candidate
    return 0.0
