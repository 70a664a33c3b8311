"""Lesson 8: trying again.    第 8 课：重试

A ground station listens to its satellites. Links break all the time, and each breaks in a way of its own.
地面站接收卫星发来的图片。链路时常中断，而且每条断法都不一样。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson08 import (
        Archive,
        Cloudy,
        Lost,
        Orbiter,
        Overheated,
        Satellite,
        Screen,
        Silent,
        lesson,
    )
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

screen = Screen()
archive = Archive()


class Link(gotask.Task[str]):
    """The link to one satellite; its result is a picture."""

    ## TODO 1/6: clouds pass by. Let a link that fails be started again, 4 times at most: uncomment 1 line
    ## 云总会飘走。链路失败后让它重新启动，最多 4 次：取消 1 行注释
    # retry = gotask.RetryPolicy(max_retry=4, interval=0.005)

    def __init__(self, satellite: Satellite) -> None:
        self.satellite = satellite

    async def start(self) -> None:
        await self.satellite.contact()

    async def go(self) -> str:
        return await self.satellite.receive()


class Tracker(Link):
    """Follows a satellite round the earth: each pass ends below the horizon, and the next one begins."""

    def __init__(self, satellite: Satellite) -> None:
        super().__init__(satellite)
        self.set_retry(
            max_retry=2,
            interval=0.005,
            ## TODO 2/6: a link that held for a while was well. Forget what was before it: uncomment 1 line
            ## 能维持一段时间的链路就是健康的，之前的失败不再计数：取消 1 行注释
            # healthy_after=0.01,
        )


async def main(root: gotask.RootManager) -> None:
    cloudy = root.add_task(Link(Cloudy("cloudy")))
    await cloudy.wait_stopped()
    screen.show("cloudy", cloudy.result)

    orbiter = root.add_task(Tracker(Orbiter("orbiter")))
    await orbiter.wait_stopped()
    screen.show("orbiter", orbiter.result)

    lost = root.add_task(Link(Lost("lost")))
    reason = await lost.wait_stopped()
    screen.show("lost", reason)
    ## TODO 3/6: the retries are spent. What was the last failure? Show the cause: uncomment 2 lines
    ## 重试次数用完了。最后一次失败究竟是什么？显示它的起因：取消 2 行注释
    # if isinstance(reason, gotask.RetryExhausted):
    #     screen.show("because", reason.__cause__)

    silent = root.add_task(Link(Silent("silent")))
    await silent.wait_started()
    await anyio.sleep(0.01)
    ## TODO 4/6: this link has not failed, it hangs. Have it live again: uncomment 3 lines
    ## 这条链路没有失败，只是卡住了。让它重新活一次：取消 3 行注释
    # silent.restart()
    # await silent.wait_stopped()
    # screen.show("silent", silent.result)

    dead = Link(Lost("dead"))
    dead.set_retry(
        max_retry=1,
        interval=0.005,
        ## TODO 5/6: nothing helps here. Give it something to fall back on: uncomment 1 line
        ## 这条怎么重试都没用。给它一条退路（降级）：取消 1 行注释
        # fallback=archive.last_picture,
    )
    await root.add_task(dead).wait_stopped()
    screen.show("dead", dead.result)

    gentle = gotask.RetryPolicy(
        max_retry=30,
        interval=0.003,
        backoff=1,
        ## TODO 6/6: each call heats it more. After 3 failures nobody is to call for 50 ms: uncomment 1 line
        ## 每次呼叫都会让它更烫。失败 3 次之后，50 毫秒内谁也不许呼叫：取消 1 行注释
        # breaker=gotask.CircuitBreaker(failures=3, reset_after=0.05),
    )
    hot = Overheated("hot")
    links = [root.add_task(Link(hot), retry=gentle) for _ in range(3)]
    for each in links:
        await each.wait_stopped()
        screen.show("hot", each.result)
    for kind in (gotask.Restart, gotask.CircuitOpenError):
        screen.show(f"lives that ended with {kind.__name__}", len(root.history.records(reason=kind)))


if __name__ == "__main__":
    lesson.run(main)
