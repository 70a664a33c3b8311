"""Challenge 1: a lighthouse.    挑战 1：灯塔

The same idea, but now you write the code. Its lamp burns while the keeper is on duty, and never longer.
同样的道理，这次由你来写代码。守塔人值班时灯亮着，不值班时灯必须熄灭。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson01 import Lamp, Logbook, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Keeper(gotask.Task):
    """On duty: lights the lamp, turns the lens and counts the ships, puts the lamp out."""

    def __init__(self, lamp: Lamp) -> None:
        self.lamp = lamp

    ## TODO 1/3: when the keeper starts, `await self.lamp.light()`; however the duty ends, `self.lamp.put_out()`
    ## 守塔人上岗时 `await self.lamp.light()`；无论值班如何结束，都要 `self.lamp.put_out()`

    ## TODO 2/3: the body: `await self.lamp.turn()` 4 times; each gives a number of ships; the result is their sum
    ## 任务主体：`await self.lamp.turn()` 四次，每次返回看到的船数；结果是总和


async def main(root: gotask.RootManager) -> None:
    logbook = Logbook()
    first = root.add_task(Keeper(Lamp("north")))
    second = root.add_task(Keeper(Lamp("south")))
    ## TODO 3/3: log the first keeper's ships: `logbook.write(...)`. Then stop the second, for a reason of yours, and
    ## log that reason, once the keeper is off duty.
    ## 把第一位守塔人看到的船数写进日志 `logbook.write(...)`；再以你选定的理由停止第二位，等他离岗后把该理由写进日志。
    await anyio.sleep(0.1)


if __name__ == "__main__":
    challenge.run(main)
