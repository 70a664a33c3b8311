"""Lesson 5: again and again.    第 5 课：一次又一次

A game server moves its world on a hundred times a second. Do the TODOs in order; after each, run this file again.
游戏服务器每秒推进世界一百次。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import gotask
    from gotask_learn.course.lesson05 import Arena, Disk, Film, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Game(gotask.TickTask):
    """Moves the arena on, step by step."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    ## TODO 1/4: how often, and what to do each time? `due_at` is the moment the step belongs to: uncomment 3 lines
    ## 多久一次，每次做什么？`due_at` 是这一步本来应该发生的时刻：取消 3 行注释
    # tick_interval = 0.01
    # async def tick(self, due_at: float) -> None:
    #     await self.arena.advance(due_at)


class Replay(gotask.TickTask):
    """Shows the best scene again, and stops with its last frame."""

    tick_interval = 0.01

    def __init__(self, film: Film) -> None:
        self.film = film

    def tick(self, due_at: float) -> None:
        self.film.show(due_at)
        if self.film.is_over:
            self.stop("the end")

    ## TODO 2/4: an interval may change: this is asked before each deadline. Follow the film: uncomment 2 lines
    ## 间隔可以变化：每定下一个时刻之前，都会问一次这个方法。跟上影片的节奏：取消 2 行注释
    # def get_tick_interval(self) -> float:
    #     return self.film.pace


class Autosave(gotask.AsyncTickTask):
    """Saves the game. That is slow, so it ticks in a coroutine of its own, and the game goes on meanwhile."""

    tick_interval = 0.04

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    ## TODO 3/4: it is written like any other tick; the first one comes at once: uncomment 2 lines
    ## 写法与其他触发一样；第一次触发立即到来：取消 2 行注释
    # async def tick(self, due_at: float) -> None:
    #     await self.disk.save()


async def main(root: gotask.RootManager) -> None:
    arena, film = Arena(), Film()
    game = root.add_task(Game(arena))
    root.add_task(Autosave(Disk()))
    await arena.closing()
    replay = root.add_task(Replay(film))
    await replay.wait_stopped()
    ## TODO 4/4: while a fight is on, deadlines pass; they merge into one. Show how many were missed: uncomment 1 line
    ## 战斗还没打完，新的时刻又过去了，它们会合并为一次。显示错过了多少次：取消 1 行注释
    # arena.show_lag(game.missed_ticks)
    game.stop("closing time")


if __name__ == "__main__":
    lesson.run(main)
