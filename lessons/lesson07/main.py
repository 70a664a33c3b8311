"""Lesson 7: giving back.    第 7 课：有借有还

A laboratory: what is opened there is closed again, in the right order. Do the TODOs in order; after each, run again.
在实验室里，打开的东西都要按正确的顺序关上。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import gotask
    from gotask_learn.course.lesson07 import Journal, Lab, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Experiment(gotask.Task):
    """Something that is looked at under a lamp, behind a door."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    async def start(self) -> None:
        ## TODO 1/5: the door is a context manager. Enter it for the whole life of this task: uncomment 1 line
        ## 门是一个上下文管理器。进入它，直到这次生命结束才离开：取消 1 行注释
        # await self.enter(self.lab.door())
        lamp = await self.lab.light()
        ## TODO 2/5: what has a `close` is taken over with `using`; last in, first out: uncomment 1 line
        ## 有 `close` 的东西，用 `using` 交给任务保管；后来的先释放：取消 1 行注释
        # self.using(lamp)


class Recorder(gotask.Task):
    """Counts what comes through a line. Reading blocks, so its body is a plain function, in a thread."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def start(self) -> None:
        self.line = self.lab.connect()
        ## TODO 3/5: a thread cannot be cancelled, but it wakes up when its line is closed at the stop: uncomment 1 line
        ## 线程无法取消；但如果一请求停止就关闭线路，它就会醒来：取消 1 行注释
        # self.on_stop(self.line)

    def go(self) -> int:
        count = 0
        while self.line.read() is not None:
            count += 1
        return count


class Machine(gotask.Task):
    """A machine that is on as long as it lives."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name

    async def start(self) -> None:
        await self.lab.switch_on(self.name)

    def dispose(self) -> None:
        self.lab.switch_off(self.name)


class Bench(gotask.Job):
    """A workbench, with a switch for the power of all its machines."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    async def start(self) -> None:
        await self.lab.switch_on("power")
        ## TODO 4/5: the laser needs the pump: it is started after it, and so goes before it: uncomment 2 lines
        ## 激光器离不开泵：它后启动，所以先清理：取消 2 行注释
        # self.add_task(Machine(self.lab, "pump"))
        # self.add_task(Machine(self.lab, "laser"))

    def dispose(self) -> None:
        self.lab.switch_off("power")


def in_words(reason: BaseException) -> str:
    """A StopReason is no failure."""
    return f"as planned ({reason})" if isinstance(reason, gotask.StopReason) else f"it failed: {reason!r}"


async def main(root: gotask.RootManager) -> None:
    lab, journal = Lab(), Journal()
    experiment = root.add_task(Experiment(lab))
    recorder = root.add_task(Recorder(lab))
    bench = root.add_task(Bench(lab))
    button = recorder.pointer  # all that the red button at the door knows: a number
    await lab.work()
    gotask.from_pointer(button).stop("the red button")
    bench.stop("evening")
    experiment.stop("evening")
    journal.write(in_words(await experiment.wait_stopped()))
    ## TODO 5/5: a lamp burst; the door was shut all the same. Write down what went wrong on the way: uncomment 2 lines
    ## 灯炸了，门照样关上了。把清理途中出的错写下来：取消 2 行注释
    # for error in experiment.dispose_errors:
    #     journal.write(error)
    await recorder.wait_stopped()
    await bench.wait_stopped()


if __name__ == "__main__":
    lesson.run(main)
