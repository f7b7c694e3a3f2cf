"""All benchmarks, in one table: ``python -m tests.benchmarks``."""

from tests.benchmarks import views
from tests.benchmarks.figures import main

raise SystemExit(main(views.figures))
