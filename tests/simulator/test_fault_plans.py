"""The simulator's message numbers can be overridden, and its till causes faults according to a plan."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.simulator.message_numbers import WrongNumbersError, names_by_number, numbers_from_texts
from integrations.simulator.misbehaviour import Behaviour, Fault, Plan, WrongPlanError


def test_message_numbers_can_be_overridden_by_name() -> None:
    names = names_by_number(numbers_from_texts(["CreateOrder=3", "CreatePayment=2"]))
    assert (names[3], names[2], names[12]) == ("CreateOrder", "CreatePayment", "UpdateOrder")


@pytest.mark.parametrize("text", ["CreateOrder", "CreateOrder=-1", "Dance=3", "CreateOrder=0"])
def test_invalid_message_numbers_are_refused(text: str) -> None:
    with pytest.raises(WrongNumbersError):
        names_by_number(numbers_from_texts([text]))


@settings(max_examples=20)
@given(st.integers(), st.text(max_size=5))
def test_the_same_seed_misbehaves_in_the_same_way(seed: int, name: str) -> None:
    plan = Plan.from_texts(delay="0:3", misbehave="twice=0.4, never=0.4", seed=seed)
    one, other = Behaviour(plan, name=name), Behaviour(plan, name=name)
    assert [one.next_fault() for _ in range(20)] == [other.next_fault() for _ in range(20)]
    assert one.delay(None) == other.delay(None)


def test_each_pos_of_a_plan_misbehaves_differently() -> None:
    plan = Plan.from_texts(misbehave="twice=0.5")
    behaviours = [Behaviour(plan, name=str(name)) for name in range(5)]
    drawn = {tuple(behaviour.next_fault() for _ in range(50)) for behaviour in behaviours}
    assert len(drawn) == 5


def test_faults_are_about_as_frequent_as_planned() -> None:
    behaviour = Behaviour(Plan.from_texts(misbehave="drop-before=0.05,garbage=0.2"), name="x")
    faults = [behaviour.next_fault() for _ in range(10_000)]
    assert 400 < faults.count(Fault.DROP_BEFORE) < 600
    assert 1800 < faults.count(Fault.GARBAGE) < 2200


def test_scripted_faults_come_before_random_ones() -> None:
    behaviour = Behaviour(Plan(script=[None, Fault.NEVER], chances={Fault.TWICE: 1.0}), name="x")
    assert [behaviour.next_fault() for _ in range(3)] == [None, Fault.NEVER, Fault.TWICE]


def test_a_delay_applies_to_all_answers_unless_the_plan_has_late_ones() -> None:
    assert Behaviour(Plan.from_texts(delay="2"), name="x").delay(None) == 2
    some_late = Behaviour(Plan.from_texts(delay="2", misbehave="late=0.5"), name="x")
    assert (some_late.delay(None), some_late.delay(Fault.LATE)) == (0, 2)


@pytest.mark.parametrize(
    ("delay", "misbehave"),
    [
        ("x", None),
        ("-1:1", None),
        ("2:1", None),
        ("nan:nan", None),
        ("inf", None),
        (None, "sulk=1"),
        (None, "twice"),
        (None, "twice=2"),
    ],
)
def test_an_invalid_plan_is_refused(delay: str | None, misbehave: str | None) -> None:
    with pytest.raises(WrongPlanError):
        Plan.from_texts(delay=delay, misbehave=misbehave)
