"""The dojo: checks katas, keeps time and history, rehearses the questions."""
