# ruff: noqa
# Usual wrong answers to cafe-sales. The form is explained in first-steps.py.

# %% q1-load: prices stay text -> q1-load-price=0
def load_sales(path):
    return pd.read_csv(path, parse_dates=["date"])


# %% q1-load: dates stay text -> q1-load-test=0, q1-load-price=0
def load_sales(path):
    return pd.read_csv(path, thousands=",")


# %% q1-load: reads one file, whatever it is given -> q1-load-price=0
def load_sales(path):
    return pd.read_csv("cafe_sales.csv", parse_dates=["date"], thousands=",")


# %% q2-clean: looks for rows entered twice before the blanks are gone -> q2-clean-test=0, q2-clean-real=0
def clean(sales):
    tidy = sales.drop_duplicates().dropna(subset=["quantity"])
    tidy["store"] = tidy["store"].str.strip()
    tidy["quantity"] = tidy["quantity"].astype(int)
    return tidy.reset_index(drop=True)


# %% q2-clean: changes the table it was given -> q2-clean-real=0
def clean(sales):
    sales["store"] = sales["store"].str.strip()
    tidy = sales.dropna(subset=["quantity"]).drop_duplicates()
    tidy["quantity"] = tidy["quantity"].astype(int)
    return tidy.reset_index(drop=True)


# %% q2-clean: takes another quantity for the same row -> q2-clean-real=0
def clean(sales):
    tidy = sales.copy()
    tidy["store"] = tidy["store"].str.strip()
    tidy = tidy.dropna(subset=["quantity"]).drop_duplicates(subset=["date", "store", "menu"])
    tidy["quantity"] = tidy["quantity"].astype(int)
    return tidy.reset_index(drop=True)


# %% q3-amount: adds to the table it was given -> q3-amount-new=0
def with_amount(sales):
    sales["amount"] = sales["price"] * sales["quantity"]
    return sales


# %% q4-stores: smallest first -> q4-stores-test=0, q4-stores-hidden=0
def sales_by_store(sales):
    return (sales["price"] * sales["quantity"]).groupby(sales["store"]).sum().sort_values()


# %% q4-stores: in alphabetical order, backwards -> q4-stores-hidden=0
def sales_by_store(sales):
    return (sales["price"] * sales["quantity"]).groupby(sales["store"]).sum().sort_index(ascending=False)


# %% q4-stores: sums quantities -> q4-stores-test=0, q4-stores-hidden=0
def sales_by_store(sales):
    return sales.groupby("store")["quantity"].sum().sort_values(ascending=False)


# %% q5-top: by amount -> q5-top-hidden=0
def top_menus(sales, store, n):
    here = sales[sales["store"] == store]
    amount = (here["price"] * here["quantity"]).groupby(here["menu"]).sum()
    return amount.sort_values(ascending=False).head(n).index.tolist()


# %% q5-top: every store -> q5-top-test=0, q5-top-hidden=0
def top_menus(sales, store, n):
    sold = sales.groupby("menu")["quantity"].sum().sort_index().sort_values(ascending=False, kind="stable")
    return sold.head(n).index.tolist()


# %% q5-top: the largest single sale -> q5-top-hidden=0
def top_menus(sales, store, n):
    here = sales[sales["store"] == store].sort_values("quantity", ascending=False)
    return here["menu"].drop_duplicates().head(n).tolist()


# %% q6-table: only the weekdays that occur -> q6-table-test=0, q6-table-hidden=0
def weekday_table(sales):
    return sales.assign(weekday=sales["date"].dt.day_of_week).pivot_table(
        index="weekday", columns="category", values="quantity", aggfunc="sum", fill_value=0
    )


# %% q6-table: the mean instead of the sum -> q6-table-hidden=0
def weekday_table(sales):
    table = sales.assign(weekday=sales["date"].dt.day_of_week).pivot_table(
        index="weekday", columns="category", values="quantity", fill_value=0
    )
    return table.reindex(range(7), fill_value=0)
