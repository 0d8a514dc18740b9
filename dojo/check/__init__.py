"""Runs an answer against its suite, each kata in a process of its own, and says what came of it."""
