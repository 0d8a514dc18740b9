"""The screens of practice and interview, a file each.

Each screen is one `push_screen_wait` in the flow of its application, and ends with what the
learner wants next. All of it fits into 80 by 24, and says without colour what colour says.
"""

from pathlib import Path

STYLESHEET = Path(__file__).with_name("screens.tcss")
