"""Sittings at the terminal: one run of practice, interview or rehearse; a session in the record.

`practice`, `interview` and `rehearse` say what happens in order; `screens/` and `widgets/`
show it; the rest knows of no screen.
"""
