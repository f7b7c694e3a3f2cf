"""The form made from a JSON Schema: what is asked for, what was typed, and what is wrong with it.

Above: ``ui.form_view`` draws it with widgets; the forms of tools and of questions are built on
that. Below: ``session.schema_check``, the one judge of what is valid. All of it is pure: it knows
no widgets, no IPython and no queue.

``schema`` resolves references and merges, ``classify`` decides which field a schema gets, ``node``
and ``contents`` are the places of the form with their state, ``model`` is the whole, ``problems``
puts errors into plain words, ``codes`` writes a call as the text of a cell.
"""
