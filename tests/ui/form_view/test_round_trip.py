"""Values into the form's widgets and out again: showing a value changes nothing of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.view import FormView
from tests.ui.form.instances import Instances, with_change
from tests.ui.form.schemas import SCHEMAS

EXAMPLES = settings(
    max_examples=5,  # widgets are slow; the model alone has 200
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_value_that_the_widgets_show_comes_back_exactly(name: str) -> None:
    view = FormView(FormModel(SCHEMAS[name]))

    @EXAMPLES
    @given(with_change(Instances(SCHEMAS[name]).of_root()))
    def round_trips(values: tuple[Any, Any]) -> None:
        for value in values:
            kept = deepcopy(value)
            view.model.load(value)
            view.point_out()
            assert same(view.model.value(), kept)

    round_trips()
    view.close()
