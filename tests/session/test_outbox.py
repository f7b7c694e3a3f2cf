from __future__ import annotations

from asyncmcp_nb.session.outbox import Outbox


def test_single_calls_have_no_bound() -> None:
    outbox = Outbox()
    outbox.put(["a", "b", "c"])

    assert outbox.take(2) == ["a", "b"]
    assert outbox.take(2) == ["c"]
    assert outbox.waiting_count == 0


def test_a_map_lets_only_so_many_be_outstanding() -> None:
    outbox = Outbox()
    outbox.put(["a", "b", "c"], max_in_flight=2)

    assert outbox.take(10) == ["a", "b"]
    assert outbox.take(10) == []
    assert outbox.settle(["a"]) is True
    assert outbox.take(10) == ["c"]
    assert outbox.settle(["b", "c"]) is False


def test_lanes_take_turns() -> None:
    outbox = Outbox()
    outbox.put(["a1", "a2"], max_in_flight=10)
    outbox.put(["b1", "b2"], max_in_flight=10)

    order = [outbox.take(1)[0] for _ in range(4)]

    assert order[0][0] != order[1][0]
    assert sorted(order) == ["a1", "a2", "b1", "b2"]


def test_an_unknown_call_frees_nothing() -> None:
    assert Outbox().settle(["stranger"]) is False


def test_a_call_that_ends_while_it_waits_keeps_no_place() -> None:
    outbox = Outbox()
    outbox.put(["a", "b", "c"], max_in_flight=1)
    outbox.take(10)
    outbox.settle(["b"])

    assert outbox.settle(["a"]) is True
    assert outbox.take(10) == ["c"]
    assert outbox.settle(["c"]) is False
    assert outbox.take(10) == []


def test_what_could_not_be_sent_goes_first_the_next_time() -> None:
    outbox = Outbox()
    outbox.put(["a", "b", "c"])
    outbox.put(["d", "e"], max_in_flight=1)
    taken = outbox.take(3)

    outbox.give_back(taken)

    assert outbox.waiting_count == 5
    assert outbox.take(10) == ["d", "a", "b", "c"]
