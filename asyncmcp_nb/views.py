"""The log's views, for the session's log: frames, exports, timelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asyncmcp_nb.ledger import CallFilter, CallRecord, LedgerReader
from asyncmcp_nb.session.log import By

if TYPE_CHECKING:
    import pandas as pd


class PandasViews:
    """The log's views, with pandas imported when one is asked for."""

    def frame(self, ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
        """See ``LogViews.frame``."""
        from asyncmcp_nb.frame import read_frame

        return read_frame(ledger, chosen)

    def results(self, ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
        """See ``LogViews.results``."""
        from asyncmcp_nb.frame import read_results

        return read_results(ledger, chosen)

    def export(self, records: Sequence[CallRecord], path: Path, redact: Any) -> Path:
        """See ``LogViews.export``."""
        from asyncmcp_nb.frame import export

        return export(records, path, redact=redact)

    def timeline(self, records: Sequence[CallRecord], by: By | None) -> Any:
        """See ``LogViews.timeline``."""
        from asyncmcp_nb.frame import timeline

        return timeline(records, by=by)

    def latency(self, records: Sequence[CallRecord]) -> Any:
        """See ``LogViews.latency``."""
        from asyncmcp_nb.frame import latency

        return latency(records)

    def throughput(self, records: Sequence[CallRecord]) -> Any:
        """See ``LogViews.throughput``."""
        from asyncmcp_nb.frame import throughput

        return throughput(records)

    def join(self, source: Any, records: Sequence[CallRecord]) -> pd.DataFrame:
        """See ``LogViews.join``."""
        from asyncmcp_nb.frame import join_answers

        return join_answers(source, records)
