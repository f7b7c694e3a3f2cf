"""Views without widgets, as HTML and as text: what a saved notebook, a terminal and GitHub show."""
