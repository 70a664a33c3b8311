"""Challenge 7: a film set.    挑战 7：片场

Whatever a shot takes it gives back, each time it is taken, whatever breaks. Now you write the code.
每拍一次，镜头拿走的东西都要还回来，不管途中坏了什么。这次由你来写代码。
"""

try:
    import gotask
    from gotask_learn.course.lesson07 import Producer, Stage, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Shot(gotask.Task):
    """A shot from the crane, with sound."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def start(self) -> None:
        self.microphone = self.stage.microphone()
        ## TODO 1/4: go up with `self.stage.crane()`, an async context manager; then `await self.stage.camera()`, which
        ## has a `close`. Have both given back at the end, the camera first.
        ## 先用 `self.stage.crane()`（异步上下文管理器）升上去，再 `await self.stage.camera()`，它有 `close`。
        ## 结束时两样都要归还，先还摄影机。

        ## TODO 2/4: the thread below listens, and cannot be cancelled: have the microphone closed at the stop
        ## 下面的线程一直在听，而且无法取消：让麦克风在请求停止时就关闭

    def go(self) -> int:
        words = 0
        while self.microphone.read() is not None:
            words += 1
        return words


class Lights(gotask.Task):
    """The lights of the set."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def start(self) -> None:
        self.stage.lights_on()

    def dispose(self) -> None:
        self.stage.lights_off()


def retake(day: gotask.Job, shot: Shot) -> str:
    """The same shot once more."""
    try:
        day.add_task(shot)
    except gotask.TaskStateError:
        return "it is still being taken"
    except gotask.GotaskError as error:
        return f"no more today: {error}"
    return "once more"


async def main(root: gotask.RootManager) -> None:
    stage, producer = Stage(), Producer()
    day = root.add_task(gotask.Work())
    ## TODO 3/4: add `Lights` to the day, so that they burn before the first shot begins and until the last one is over
    ## 把 `Lights` 添加到 `day`，让灯在第一个镜头开始之前就亮着，直到最后一个镜头结束
    shot = day.add_task(Shot(stage))
    print("director:", retake(day, shot))
    await stage.take()
    shot.stop("cut")
    await shot.wait_stopped()
    ## TODO 4/4: tell the producer all that broke as the shot gave things back: `producer.tell(...)`
    ## 把镜头归还东西时损坏的一切都告诉制片人：`producer.tell(...)`
    print("director:", retake(day, shot))
    await stage.take()
    day.stop("that's a wrap")
    await day.wait_stopped()
    print("director:", retake(day, shot))


if __name__ == "__main__":
    challenge.run(main)
