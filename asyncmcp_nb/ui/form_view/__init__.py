"""The form of ``ui.form`` drawn with widgets: a view for each kind of place."""
