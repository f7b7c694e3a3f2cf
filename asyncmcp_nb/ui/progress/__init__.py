"""Bars of groups that are waited for, in a notebook and in a terminal."""
