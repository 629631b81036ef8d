"""The attack table sees on stock nbgrader what a thief gets, and nothing where work is honest."""

from __future__ import annotations

import re

import pytest
from attacking import Attack, World, attacks
from inspecting import PWNED

from bench.attack_pages import DOCS, ENGLISH, KOREAN, Tried, Words, replaced, summary, with_outcomes
from bench.attacked import EVERYTHING, WRONG
from bench.attacks import Row, choose, results_of, totals
from bench.report import Result
from bench.seen import Seen, active_parts, carried_out
from bench.stock_attacked import StockUnderAttack, cells_of, score

pytestmark = pytest.mark.namespaces


def attack(name: str) -> Attack:
    (found,) = choose(attacks(), [name])
    return found


@pytest.fixture(scope="module")
def stock(world: World, tmp_path_factory: pytest.TempPathFactory) -> StockUnderAttack:
    return StockUnderAttack(world, tmp_path_factory.mktemp("stock"))


def plain(answers: dict[str, str]) -> Attack:
    return Attack("plain/answers", "Nothing but answers.", (), "tried", answers, {}, {}, {}, {})


def test_honest_work_is_no_theft(stock: StockUnderAttack) -> None:
    assert (score(stock.honest), score(stock.wrong)) == (EVERYTHING, 0.0)
    assert stock.look(stock.wrong, plain(WRONG), followed=False) == Seen()
    assert "kingfisher_table" in str(stock.wrong.students["mallory"]["page"])  # told by stock, not carried out


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("values/always_equal", "points", "points stolen 4/24"),
        ("leaks/source_in_base64", "hidden", "hidden tests read"),
        ("files/known_places", "read", "gradebook read"),
        ("killing/everything", "stopped", "marker killed"),
    ],
)
def test_an_attack_that_succeeds_on_stock_is_seen(stock: StockUnderAttack, name: str, kind: str, words: str) -> None:
    seen = stock.attack(attack(name), followed=False)
    assert seen.figures[kind] > 0
    assert words in seen.words(EVERYTHING)


def test_the_next_student_is_seen_to_suffer(stock: StockUnderAttack) -> None:
    assert stock.attack(plain(WRONG), followed=True) == Seen()
    assert stock.attack(attack("persistence/traces_everywhere"), followed=True).others == ("traces found",)


def test_only_what_a_browser_would_run_is_a_script() -> None:
    assert active_parts(f"<p>{PWNED}</p><pre>&lt;script&gt;{PWNED}</pre><script type=text/plain>{PWNED}</script>") == ()
    page = f"<script>{PWNED}</script><img onerror={PWNED}><a href='javascript:{PWNED}'>x</a><a href=#{PWNED}>y</a>"
    assert active_parts(page) == ("<script>", "<img>", "<a>")


def test_a_tests_own_traceback_is_not_carried_out_by_anybody(stock: StockUnderAttack) -> None:
    outputs = [{"output_type": "error", "ename": "E", "evalue": "said", "traceback": ["quoted"]}]
    graded = {"metadata": {"nbgrader": {"grade": True}}, "outputs": outputs}
    assert "quoted" not in carried_out([graded])
    assert "said" in carried_out([graded])
    assert "quoted" in carried_out([{"metadata": {}, "outputs": outputs}])
    assert cells_of("no notebook") == []


def test_totals_count_attacks_not_points() -> None:
    rows = [
        Row(attack("values/always_equal"), Seen(), Seen(points=4.0)),
        Row(attack("link/flood"), Seen(), None, "protocol"),
    ]
    counted = {result.name: (result.value, result.peer_value) for result in totals(rows)}
    assert counted["all: tried"] == (2, 1)
    assert counted["all: undeserved points"] == (0, 1)
    (row,) = results_of(rows[1])
    assert (row.value, row.peer, row.peer_value) == (0.0, "nbgrader autograde: does not apply (protocol)", None)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="no/such"):
        choose(attacks(), ["no/such"])


@pytest.mark.parametrize("words", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_the_pages_summary_is_made_of_the_results(words: Words) -> None:
    tried = [
        Row(attack("values/always_equal"), Seen(), Seen(points=4.0)),
        Row(attack("values/mock_any"), Seen(), Seen()),
        Row(attack("link/flood"), Seen(), None, "protocol"),
    ]
    results = [result for row in tried for result in results_of(row)]
    results += [
        Result(f"honest: {name}", ours, unit, "nbgrader autograde", stock)
        for name, ours, unit, stock in (
            ("right answers", 24.0, "points", 24.0),
            ("wrong answers", 0.0, "points", 0.0),
            ("in the page", 0, "of 7 words of hidden tests", 7),
        )
    ]
    text = summary([result.to_dict() for result in results], words)
    assert "| `values` | 2 | 2 | 1 |  |" in text
    assert f"| {words.total} | 3 | 2 | 1 |  |" in text
    assert f"{words.lists['points'].format(everything=24)}: `values/always_equal` 4." in text
    assert words.missing.format(names="`link/flood` (protocol)") in text


def test_the_lists_of_attacks_say_what_each_won_and_what_it_won_from_ours() -> None:
    page = "| attack | idea | gains there |\n|---|---|---|\n| `a/b` | Idea. | — |\n| `a/c` | Idea. | — | old |\n"
    found = [
        Tried("a/b", {"points": 0.0}, {"points": 4.0, "page": 2.0}, ""),
        Tried("a/c", {"points": 0.0, "others": 1.0}, None, "walls"),
    ]
    head, _, *rows = with_outcomes(page, found, ENGLISH).splitlines()
    assert head == "| attack | idea | gains there | won from stock nbgrader |"
    assert rows == [
        "| `a/b` | Idea. | — | 4 points, a script in the page |",
        "| `a/c` | Idea. | — | not measured (ours: an honest student harmed) |",
    ]
    with pytest.raises(SystemExit, match="a/c"):
        with_outcomes(page, found[:1], ENGLISH)


def test_the_pages_hold_a_summary_and_the_command_that_measures_it() -> None:
    for words in (ENGLISH, KOREAN):
        page = (DOCS / words.page).read_text(encoding="utf-8")
        assert "python -m bench attacks" in page
        assert all(f"| `{family}` |" in page for family in {attack.family for attack in attacks()})
        listed = [line.strip("|").split(" | ") for line in page.splitlines() if re.match(r"\| `\w+/", line)]
        assert sorted(cells[0].strip(" `") for cells in listed) == sorted(one.name for one in attacks())
        assert {len(cells) for cells in listed} == {4}
        assert replaced(page, "new").count("new\n<!-- attack table: end -->") == 1
