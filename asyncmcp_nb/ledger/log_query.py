"""Log messages as SQL: pure. A page costs the same for ten messages and for 100,000."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger.answers import LEVELS, severity

Parameters = list[str | int]

_OF_CALL: Final = "logs.position = (SELECT position FROM calls WHERE call_id = ?)"
_NEWEST_OF_SEVERITY: Final = (
    "SELECT entry FROM (SELECT entry FROM logs WHERE severity = ? ORDER BY entry DESC LIMIT ?)"
)
_COLUMNS: Final = (
    "SELECT call_id, level, logger, data, received_at FROM logs JOIN calls USING (position)"
)


def newest(call_id: str | None, level: str | None, limit: int) -> tuple[str, Parameters]:
    """The statement for the newest messages, newest first.

    Raises:
        ConfigError: No such level.
    """
    clause, parameters = _where(call_id, level)
    if level is not None and call_id is None:
        # An index has each severity in order, and none has several of them.
        severities = range(severity(level), len(LEVELS))
        each = " UNION ALL ".join(_NEWEST_OF_SEVERITY for _ in severities)
        clause = f"WHERE entry IN ({each})"
        parameters = [value for rank in severities for value in (rank, limit)]
    return " ".join([_COLUMNS, clause, "ORDER BY entry DESC LIMIT ?"]), [*parameters, limit]


def count(call_id: str | None, level: str | None) -> tuple[str, Parameters]:
    """The statement for how many there are.

    Raises:
        ConfigError: No such level.
    """
    clause, parameters = _where(call_id, level)
    return " ".join(["SELECT count(*) FROM logs", clause]), parameters


def _where(call_id: str | None, level: str | None) -> tuple[str, Parameters]:
    if level is not None and level not in LEVELS:
        raise ConfigError(f"no log level {level!r}; known: {', '.join(LEVELS)}")
    terms: list[str] = []
    parameters: Parameters = []
    if level is not None:
        terms.append("severity >= ?")
        parameters.append(severity(level))
    if call_id is not None:
        terms.append(_OF_CALL)
        parameters.append(call_id)
    return ("WHERE " + " AND ".join(terms) if terms else ""), parameters
