"""Sittings at the terminal: practice, interview, rehearsal."""
