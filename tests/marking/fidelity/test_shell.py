"""How a shell behaves beside what a kernel would record. The scenes are played in forks; see `shell_lab`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).with_name("shell_lab.py")
Scenes = dict[str, Any]


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """What came out of every scene."""
    done = subprocess.run([sys.executable, str(LAB)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    outcomes: Scenes = json.loads(done.stdout)
    return outcomes


def shown(record: dict[str, Any]) -> list[str]:
    """A record's outputs in short: what was printed by stream, a result's text, an error's name."""
    short = []
    for output in record["outputs"]:
        if output["output_type"] == "stream":
            short.append(f"{output['name']}: {output['text']}")
        elif output["output_type"] == "error":
            short.append(output["ename"])
        else:
            short.append(output["data"]["text/plain"])
    return short


def test_written_text_stands_between_what_the_cell_printed(scenes: Scenes) -> None:
    assert shown(scenes["write_comes_in_order"][0]) == ["stdout: a\nb\nc\n", "stderr: d\n"]


def test_captured_text_is_handed_over_in_order_and_not_recorded(scenes: Scenes) -> None:
    outcome = scenes["capture_keeps_text_out_of_the_record"]
    assert outcome["heard"] == [["stdout", "one\ntwo\n"], ["stderr", "!\n"]]
    assert shown(outcome["next"]) == ["stdout: next\n"]


def test_captures_nest(scenes: Scenes) -> None:
    assert scenes["capture_may_be_nested"] == {"outer": [["stdout", "a\nc\n"]], "inner": [["stdout", "b\n"]]}


ASKED = (
    ("a cell", 0, ["7"]),
    ("a function", 1, ["8"]),
    ("a comprehension and a lambda", 2, ["([0, 7], 7)"]),
    ("a class's body and method", 3, ["(9, 7)"]),
    ("own names and builtins", 4, ["(14, True, 3)"]),
    ("a name that nobody has", 5, ["NameError"]),
    ("a name that nobody has, in a function", 6, ["NameError"]),
    ("an import", 7, ["(1, True)"]),
    ("pickle", 8, ["True"]),
    ("the module __main__", 9, ["(14, 7, False)"]),
    ("globals", 10, ["(7, 'Asking', (14, 7, False))"]),
    ("a coroutine", 11, ["7"]),
)


@pytest.mark.parametrize(("index", "expected"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_a_namespace_is_asked_for_what_it_lacks(scenes: Scenes, index: int, expected: list[str]) -> None:
    assert shown(scenes["asked_names"]["records"][index]) == expected


def test_a_magic_sees_the_namespace_too(scenes: Scenes) -> None:
    assert shown(scenes["asked_names"]["records"][12])[-1] == "7"


def test_functions_made_before_look_their_names_up_in_the_new_namespace(scenes: Scenes) -> None:
    outcome = scenes["functions_of_before_see_the_new_names"]
    assert shown(outcome["record"]) == ["(102, 106, 'doc', 202, 102, 103, 100)"]


def test_values_made_before_stay_the_same_objects(scenes: Scenes) -> None:
    assert scenes["functions_of_before_see_the_new_names"]["same"]


def test_a_plain_dictionary_can_be_the_namespace(scenes: Scenes) -> None:
    assert shown(scenes["plain_namespace"][0]) == ["(1, 1)"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("interrupt_in_a_loop", ["stdout: on\n", "KeyboardInterrupt"]),
        ("interrupt_in_an_await", ["CancelledError"]),
        ("interrupt_in_a_program", ["KeyboardInterrupt"]),
    ],
    ids=["in a loop", "in an await", "in a program"],
)
def test_an_interrupt_ends_one_cell_in_time(scenes: Scenes, name: str, expected: list[str]) -> None:
    interrupted, following = scenes[name]["records"]
    assert shown(interrupted) == expected
    assert shown(following) == ["'still here'"]
    assert scenes[name]["seconds"] < 10


def test_a_cell_may_handle_its_interrupt(scenes: Scenes) -> None:
    assert shown(scenes["interrupt_handled_by_the_cell"][0]) == ["stdout: caught\n", "'done'"]


def test_an_interrupt_and_a_timeout_read_as_in_nbclient(scenes: Scenes) -> None:
    assert shown(scenes["timed_out"]) == ["KeyboardInterrupt", "CellTimeoutError"]


def test_the_caller_gets_its_signal_handler_back(scenes: Scenes) -> None:
    assert scenes["handler_is_given_back"] is True


def test_a_cell_keeps_the_number_it_has_in_the_notebook(scenes: Scenes) -> None:
    first, fifth, sixth = scenes["cells_that_ran_elsewhere_keep_their_numbers"]
    assert [record["execution_count"] for record in (first, fifth, sixth)] == [1, 5, 6]
    assert fifth["outputs"][0]["execution_count"] == 5
    assert shown(sixth) == ["""("'first'", "'fifth'", 'fifth', '')"""]


def test_an_updated_display_of_an_earlier_cell_is_told(scenes: Scenes) -> None:
    _, _, last = scenes["a_later_cell_updates_a_display"]
    assert last["outputs"] == []
    assert list(last["updates"]) == ["0"]
    assert last["updates"]["0"][0]["data"] == {"text/plain": "'new'"}


def test_a_fork_of_a_fork_goes_on_with_what_was_there(scenes: Scenes) -> None:
    outcome = scenes["a_fork_of_a_fork"]
    assert shown(outcome["child"][0]) == ["stdout: child\nits program\n1\n", "2"]
    assert shown(outcome["parent"][0]) == ["stdout: parent\nits program\n1\n", "3"]


def test_no_thread_is_left_where_a_fork_is_made(scenes: Scenes) -> None:
    assert scenes["a_fork_of_a_fork"]["threads"] == 1
    assert scenes["threads of the parent"] == 1


def test_a_program_that_prints_more_than_a_pipe_holds_does_not_wait(scenes: Scenes) -> None:
    expected = len("".join(f"{number}\n" for number in range(1, 200001)) + "end\n")
    assert scenes["a_program_that_prints_much"] == {"outputs": 1, "length": expected, "end": "200000\nend\n"}


def test_text_printed_between_two_cells_is_in_neither(scenes: Scenes) -> None:
    assert shown(scenes["text_between_cells_is_nobodys"][0]) == ["stdout: own\n"]


def test_a_task_that_a_cell_leaves_behind_begins_in_it(scenes: Scenes) -> None:
    cells = [shown(record) for record in scenes["a_cell_leaves_a_task"]]
    assert cells == [["stdout: 0\n1\n"], [], ["True"]]  # what is printed later is nobody's, as in nbclient


def test_a_cell_that_needs_no_event_loop_makes_none(scenes: Scenes) -> None:
    before, plain, awaiting = scenes["a_plain_cell_leaves_the_loop_unmade"]
    assert before == plain < awaiting


def test_a_cell_that_stops_the_event_loop_spoils_only_itself(scenes: Scenes) -> None:
    stopped, following = scenes["a_cell_stops_the_loop"]
    assert shown(stopped) == ["RuntimeError"]
    assert shown(following) == ["'still here'"]


def test_closed_descriptors_do_not_silence_print(scenes: Scenes) -> None:
    assert [shown(record) for record in scenes["a_cell_closes_its_descriptors"]] == [
        ["stdout: printed\n"],
        ["stdout: again\n"],
    ]


def test_half_a_character_is_printed_as_a_question_mark(scenes: Scenes) -> None:
    assert shown(scenes["a_lone_surrogate"][0]) == ["stdout: half: ?.\n"]


def test_a_cell_that_prints_without_end_is_cut_off(scenes: Scenes) -> None:
    notice = "\n... Output truncated ...\n"
    outcome = scenes["a_cell_prints_without_end"]
    assert outcome["length"] == 4 * 1024 * 1024 + len(notice)
    assert outcome["end"].endswith(notice)
    assert outcome["quick"]


def test_warming_up_leaves_nothing_a_notebook_could_see(scenes: Scenes) -> None:
    outcome = scenes["what_is_left_of_warming_up"]
    assert sorted(outcome["names"]) == ["In", "Out", "exit", "get_ipython", "open", "quit"]
    assert outcome["last"] == []
    assert outcome["counts"] == [1, 1]
    assert outcome["tasks"] == 1


def test_two_forks_draw_different_random_numbers(scenes: Scenes) -> None:
    assert scenes["random_numbers"] != scenes["random_numbers_again"]


def test_a_forks_generator_of_numpys_is_fresh_and_whole(scenes: Scenes) -> None:
    before, _, again, drawn = scenes["numpys_generator"]
    assert shown(before) == ["('MT19937', True, 624, 0)"]
    assert shown(again) == ["(np.True_, 1.690526)"]
    assert shown(drawn) == ["True"]


def test_a_generator_that_a_cell_put_in_place_of_numpys_goes_on_undisturbed(scenes: Scenes) -> None:
    first, again = scenes["another_generator_of_numpys"]
    assert shown(first)[0].startswith("0.")
    assert shown(again) == ["np.True_"]
