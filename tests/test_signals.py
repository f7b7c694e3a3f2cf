"""SIGTERM and SIGINT as something that can be waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from asyncmcp_nb.signals import StopSignals

PATIENCE_SECONDS = 30.0


def ignore(number: int, frame: object) -> None:
    """Take a signal, as an application may."""


@pytest.fixture
def another_signal() -> Generator[signal.Signals]:
    former = signal.signal(signal.SIGUSR1, ignore)
    yield signal.SIGUSR1
    signal.signal(signal.SIGUSR1, former)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_before_and_while_it_is_waited_for(number: signal.Signals) -> None:
    with StopSignals() as signals:
        before = signals.wait(0.0)
        os.kill(os.getpid(), number)

        assert (before, signals.wait(PATIENCE_SECONDS), signals.wait(0.0)) == (False, True, True)


def test_other_signals_that_are_handled_do_not_count(another_signal: signal.Signals) -> None:
    with StopSignals() as signals:
        os.kill(os.getpid(), another_signal)
        after_another = signals.wait(0.0)
        signals.simulate()

        assert (after_another, signals.wait(PATIENCE_SECONDS)) == (False, True)


def test_afterwards_signals_are_handled_as_before() -> None:
    former = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    with StopSignals():
        pass

    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == former
