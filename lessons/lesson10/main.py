"""Lesson 10: a whole application, a weather service on real sockets.    第 10 课：综合应用

`python main.py serve` lets it run until you press Ctrl-C.    `python main.py serve` 会让它一直运行，直到按下 Ctrl-C。
"""

try:
    import sys
    from contextlib import suppress

    import anyio.abc

    import gotask
    from gotask_learn.course.lesson10 import Ledger, Line, Town, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

town, ledger = Town(), Ledger()
Reading = tuple[str, float]


class Door(gotask.Task):
    """Lets sensors in: each gets a session, which is known by its name."""

    def __init__(self, sessions: gotask.Work, readings: gotask.Channel[Reading]) -> None:
        self.sessions, self.readings = sessions, readings

    async def start(self) -> None:
        self.listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self.using(self.listener)

    async def welcome(self, stream: anyio.abc.SocketStream) -> None:
        with suppress(ConnectionError):  # it may leave before it has said its name
            name, line = await Line.accept(stream)
            self.sessions.replace_task(name, Session(line, self.readings))

    ## TODO 1/6: the door listens, but lets nobody in. Serve for as long as it lives: uncomment 2 lines
    ## 门口在监听，却没人应门。只要它活着，就一直服务：取消 2 行注释
    # async def go(self) -> None:
    #     await self.listener.serve(self.welcome)


class Session(gotask.Task):
    """A sensor that is connected."""

    def __init__(self, line: Line, readings: gotask.Channel[Reading]) -> None:
        self.line, self.readings = line, readings

    async def start(self) -> None:
        ## TODO 2/6: whatever ends this session, hang up, so that the sensor knows: uncomment 1 line
        ## 无论会话因何结束，都要挂断，让传感器知道：取消 1 行注释
        # self.using(self.line)
        await self.line.send(f"welcome, {self.key}")

    ## TODO 3/6: hand each reading to the collector; over when the sensor hangs up: uncomment 3 lines
    ## 把每个读数交给收集任务；传感器挂断，会话就结束：取消 3 行注释
    # async def go(self) -> None:
    #     async for text in self.line:
    #         await self.readings.send((self.key, float(text)))


class Collector(gotask.ChannelTask[Reading]):
    """Enters what all sessions send, one reading at a time."""

    def tick(self, reading: Reading) -> None:
        ledger.enter(*reading)


class Uplink(gotask.ChannelTask[str]):
    """The line to the head office, which is busy at times, and hangs up at others."""

    ## TODO 4/6: one busy signal, and the line is dead for good. Dial again, ever more slowly: uncomment 1 line
    ## 遇到一次占线，线路就永远断了。让它重拨，而且越拨越慢：取消 1 行注释
    # retry = gotask.RetryPolicy(max_retry=-1, interval=0.005, max_interval=0.02)

    async def start(self) -> None:
        self.line = await Line.dial(town.office)
        self.using(self.line)

    async def tick(self, report: str) -> None:
        await self.line.send(report)
        await self.line.receive()


class Reporter(gotask.TickTask):
    """Tells the office, every now and then, how things are."""

    tick_interval = town.interval

    def __init__(self, reports: gotask.Channel[str]) -> None:
        self.reports = reports

    def tick(self, due_at: float) -> None:
        self.set_description("report", ledger.latest())
        ## TODO 5/6: send it, but do not wait: a line that is down must not hold up the service: uncomment 2 lines
        ## 把报告发出去，但不要等：线路断了，也不能拖住整个服务：取消 2 行注释
        # with suppress(gotask.TaskStateError):  # the channel is full: the next report will say it all
        #     self.reports.send_nowait(ledger.latest())


async def main(root: gotask.RootManager) -> None:
    uplink = root.add_task(Uplink())
    service = root.add_task(gotask.Work(), name="Service")  # who serves others comes first, and so goes last
    collector = service.add_task(Collector())
    sessions = service.add_task(gotask.WorkCollection(), name="Sessions")
    door = service.add_task(Door(sessions, collector.open()))
    service.add_task(Reporter(uplink.open()))
    await door.wait_started()
    try:
        await town.day(door.listener)
    finally:
        print(f"{len(root.history)} lives are over")
        ## TODO 6/6: what went wrong today? Ask the history about the uplink, and write it down: uncomment 2 lines
        ## 今天出过什么问题？向历史查询上行线路，并记下来：取消 2 行注释
        # for record in root.history.records(owner_type="Uplink", failed=True):
        #     ledger.write(f"uplink, life {record.life}: {record.reason}")


if __name__ == "__main__":
    gotask.run(main) if "serve" in sys.argv else lesson.run(main)
