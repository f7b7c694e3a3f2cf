"""Messages that neither an id nor a place tells apart, delivered twice."""

from __future__ import annotations

from asyncmcp_nb.sns_sqs.copies import SEEN_COUNT, Copies


def test_the_second_copy_of_a_message_is_not_new() -> None:
    copies = Copies()

    assert [copies.take(name) for name in ("a", "b", "a", "b")] == [True, True, False, False]


def test_a_message_without_an_id_is_always_new() -> None:
    copies = Copies()

    assert [copies.take(None), copies.take(None)] == [True, True]
    copies.forget(None)


def test_a_message_that_was_not_taken_after_all_may_come_again() -> None:
    copies = Copies()
    copies.take("a")

    copies.forget("a")

    assert copies.take("a") is True


def test_no_more_than_a_bounded_number_is_remembered() -> None:
    copies = Copies()
    copies.take("oldest")

    assert all(copies.take(f"{n}") for n in range(SEEN_COUNT))
    assert copies.take("oldest") is True
