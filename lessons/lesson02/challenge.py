"""Challenge 2: a concert.    挑战 2：音乐会

The same idea, but now you write the code. A quartet and an orchestra play at the same time, in two halls.
同样的道理，这次由你来写代码。一个四重奏和一个管弦乐团同时在两个音乐厅演奏。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson02 import Hall, challenge, halls
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Tuning(gotask.Task):
    """Before anybody plays, the instruments are tuned."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    ## TODO 1/4: the body: `await self.hall.tune()`. All others on the stage wait until it is over.
    ## 任务主体：`await self.hall.tune()`。在它结束之前，台上的其他人都要等待。


class Musician(gotask.Task):
    """Plays."""

    def __init__(self, hall: Hall, name: str) -> None:
        self.hall = hall
        self.name = name

    async def go(self) -> None:
        await self.hall.play(self.name)


class Concert(gotask.Job):
    """A tuning, then as many musicians as find a place."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    ## TODO 2/4: add a Tuning, then a Musician for each name in `self.hall.musicians`, in that order. The stage has
    ## `self.hall.places` places, the tuner's included: let this Job have no more children. `self.hall.turn_away(name)`
    ## whoever finds no place; that is when there would be a TooManyChildrenError.
    ## 先添加一个 Tuning，再按顺序为 `self.hall.musicians` 中的每个名字添加一个 Musician。舞台只有 `self.hall.places`
    ## 个位置（包括调音者），这个 Job 的子任务不能更多；超出时会抛出 TooManyChildrenError。
    ## 没有位置的人：`self.hall.turn_away(name)`。


class Quartet(gotask.Job):
    """Four who cannot play without one another."""

    ## TODO 3/4: when the string of one of them breaks, all of them stop
    ## 只要有一人断了弦，所有人都停止演奏

    def __init__(self, hall: Hall) -> None:
        self.hall = hall

    def start(self) -> None:
        self.add_task(Tuning(self.hall))
        for name in self.hall.musicians:
            self.add_task(Musician(self.hall, name))


async def main(root: gotask.RootManager) -> None:
    small, large = halls()
    quartet = root.add_task(Quartet(small))
    concert = root.add_task(Concert(large))
    ## TODO 4/4: the quartet ends with what went wrong: `small.announce(...)` it. The concert ends with its last
    ## musician: then `large.announce(...)` each failure there was.
    ## 四重奏会以出错的原因结束：用 `small.announce(...)` 宣布它。最后一位乐手演奏完，音乐会也就结束：
    ## 这时用 `large.announce(...)` 逐个宣布发生过的失败。
    await anyio.sleep(0.1)


if __name__ == "__main__":
    challenge.run(main)
