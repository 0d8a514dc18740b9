"""Takes comparisons through their stages: from the store what it has, the rest in the pool."""

from collections.abc import Mapping, Sequence

from dojo.compare.comparison import Report, Stages
from dojo.compare.display import Display
from dojo.compare.numbers import Numbers
from dojo.compare.pool import News, Pool
from dojo.compare.run import Run
from dojo.compare.store import Store


class Executor:
    """Does lists of runs."""

    def __init__(self, store: Store, pool: Pool, display: Display) -> None:
        self.store = store
        self.pool = pool
        self.display = display

    def drive(self, comparisons: Mapping[str, Stages]) -> dict[str, Report]:
        """Takes all comparisons through their stages abreast, and returns their reports.

        Abreast, so that a core that one stage has no more runs for takes the next's.
        """
        wanted = {name: next(stages) for name, stages in comparisons.items()}
        reports = {}
        while wanted:
            done = self.numbers([run for runs in wanted.values() for run in runs])
            for name in list(wanted):
                try:
                    wanted[name] = comparisons[name].send(done)
                except StopIteration as end:
                    reports[name] = end.value
                    del wanted[name]
        return {name: reports[name] for name in comparisons}

    def numbers(self, runs: Sequence[Run]) -> dict[str, Numbers]:
        """Returns key to numbers. Each run's are stored the moment they are there."""
        done: dict[str, Numbers] = {}
        waiting = {}
        for run in runs:
            stored = self.store.get(run)
            if stored is None:
                waiting[run.key] = run
            else:
                done[run.key] = stored
                self.display.kept(run)
        for news in self.pool.run(list(waiting.values())):
            self._take(news, done)
            self.display.refresh()
        return done

    def _take(self, news: News, done: dict[str, Numbers]) -> None:
        if news.run is None:
            return
        if news.numbers is None:
            self.display.start(news.run)
            return
        self.store.put(news.run, news.numbers)
        self.display.finish(news.run)
        done[news.run.key] = news.numbers
