"""Grades many people's answers."""
