"""Lesson 1: the life of a task.    第 1 课：任务的一生

A weather station reads its thermometer and shows the mean. Do the TODOs in order; after each, run this file again.
气象站读取温度计，并显示平均值。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson01 import Display, Fan, Sensor, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

display = Display()


class Thermometer(gotask.Task):
    """Reads the temperature a few times; its result is the mean."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor

    ## TODO 1/5: before a task works, it starts. Open the sensor in `start`: uncomment 2 lines
    ## 任务先启动，再工作。在 `start` 里打开传感器：取消 2 行注释
    # async def start(self) -> None:
    #     self.serial = await self.sensor.open()

    ## TODO 2/5: `go` is the body, what the task is for; what it returns is the result: uncomment 3 lines
    ## `go` 是任务主体，即任务要做的事；它的返回值就是任务的结果：取消 3 行注释
    # async def go(self) -> float:
    #     readings = [await self.sensor.read() for _ in range(3)]
    #     return round(sum(readings) / len(readings), 2)

    ## TODO 3/5: whatever was started is cleaned up. Close the sensor in `dispose`: uncomment 2 lines
    ## 启动过的东西都要清理。在 `dispose` 里关闭传感器：取消 2 行注释
    # async def dispose(self) -> None:
    #     await self.sensor.close()


class Cooler(gotask.Task):
    """Blows until it is told to stop."""

    def __init__(self, fan: Fan) -> None:
        self.fan = fan

    async def go(self) -> None:
        while True:
            self.fan.turn()
            await anyio.sleep(0.01)


async def main(root: gotask.RootManager) -> None:
    thermometer = root.add_task(Thermometer(Sensor()))
    ## TODO 4/5: adding a task does not wait for it. Wait for its start, then for its result: uncomment 3 lines
    ## 添加任务并不会等待它。先等它启动，再等它的结果：取消 3 行注释
    # await thermometer.wait_started()
    # display.show("sensor", thermometer.serial)
    # display.show("mean", await thermometer)
    cooler = root.add_task(Cooler(Fan()))
    await anyio.sleep(0.05)
    ## TODO 5/5: the cooler never ends by itself. Stop it, and wait until it has: uncomment 3 lines
    ## 风扇自己永远不会停。让它停止，并等到它真正停下：取消 3 行注释
    # cooler.stop("cool enough")
    # reason = await cooler.wait_stopped()
    # display.show("cooler", reason)


if __name__ == "__main__":
    lesson.run(main)
