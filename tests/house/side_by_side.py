"""How the tests are shared out among the processes of pytest-xdist.

By a scheduler of our own: pytest-xdist 3.8 writes a test's group into `_nodeid`, which pytest 9.2
no longer reads, so `--dist=loadgroup` groups nothing there, and says nothing.
"""

from xdist.scheduler import LoadScopeScheduling


class ByFile(LoadScopeScheduling):
    """Runs a file's tests in one process, files in the order in which they were collected."""

    def __init__(self, config, log):
        # What waits most is collected first, so that something else can be done meanwhile.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        return unit_of(nodeid)


def unit_of(nodeid):
    """Tests of one unit share fixtures; those of one kata's traps share nothing with another's."""
    file, _, test = nodeid.partition("::")
    alone = file.endswith("/test_traps.py")
    return f"{file} {test.partition('[')[2]}" if alone else file


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)
