"""Challenge 5: a band.    挑战 5：乐队

The drummer keeps the beat, whatever the others do. Now you write the code.
不管别人怎么演奏，鼓手都要守住节拍。这次由你来写代码。
"""

try:
    import gotask
    from gotask_learn.course.lesson05 import Concert, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Drummer(gotask.TickTask):
    """Beats the drum, as the conductor wants it."""

    def __init__(self, concert: Concert) -> None:
        self.concert = concert

    ## TODO 1/4: each `self.concert.beat` seconds `await self.concert.drum(due_at)`, with the moment the beat is due
    ## 每隔 `self.concert.beat` 秒 `await self.concert.drum(due_at)` 一次，把这一拍应该落下的时刻交给它

    ## TODO 2/4: in the middle of the piece `self.concert.beat` becomes shorter: follow it
    ## 曲子中途 `self.concert.beat` 会变短：跟上它


## TODO 3/4: a long note of the trumpet holds up the drummer, whose tick must wait for it. Let them play side by side
## 小号的长音把鼓手挡住了：小号的触发没结束，鼓手的触发就轮不到。让他们能同时演奏
class Trumpeter(gotask.TickTask):
    """Plays long notes."""

    tick_interval = 0.05

    def __init__(self, concert: Concert) -> None:
        self.concert = concert

    async def tick(self, due_at: float) -> None:
        await self.concert.blow()


async def main(root: gotask.RootManager) -> None:
    concert = Concert()
    drummer = root.add_task(Drummer(concert))
    trumpeter = root.add_task(Trumpeter(concert))
    await concert.end()
    ## TODO 4/4: tell the newspaper how many beats the drummer missed: `concert.review(...)`
    ## 告诉报社鼓手漏掉了多少拍：`concert.review(...)`
    drummer.stop("bravo")
    trumpeter.stop("bravo")


if __name__ == "__main__":
    challenge.run(main)
