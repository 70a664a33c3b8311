"""Challenge 3: a warehouse.    挑战 3：仓库

The same idea, but now you write the code. Robots come and go with their shifts; the warehouse stays, and knows them by
name.
同样的道理，这次由你来写代码。机器人随班次来来去去；仓库一直都在，并且按名字认得它们。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson03 import Machine, Order, Yard, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Robot(gotask.Task):
    """A robot at work. It has no body: it stays until it is stopped."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def start(self) -> None:
        await self.machine.switch_on()

    def dispose(self) -> None:
        self.machine.switch_off()


class Warehouse(gotask.Job):
    """The robots that are at work now, by name."""

    def admit(self, machine: Machine) -> None:
        """Let a robot in."""
        ## TODO 1/4: add a Robot for this machine, with the key `machine.name`. If a robot of that name is at work, the
        ## new one takes its place.
        ## 为这台机器添加一个 Robot，键为 `machine.name`。如果已有同名的机器人在工作，就由新的接替它。

    ## TODO 2/4: after the night shift no robot is left. Still the warehouse is to be there in the morning, and to find
    ## its robots by name: choose another class for `Warehouse` to be derived from.
    ## 夜班结束后，仓库里一个机器人也没有。可是到了早上，仓库应当还在，并且能按名字找到机器人：
    ## 请为 `Warehouse` 另选一个基类。

    def fetch(self, order: Order) -> None:
        """Have a robot fetch something."""
        ## TODO 3/4: the robot with the name `order.robot`: `.machine.drive_to(order.shelf)`. If there is none:
        ## `order.reject()`.
        ## 让名为 `order.robot` 的机器人执行 `.machine.drive_to(order.shelf)`；如果没有这个机器人：`order.reject()`。


async def main(root: gotask.RootManager) -> None:
    yard = Yard()
    warehouse = root.add_task(Warehouse())
    await warehouse.wait_started()
    async for machine in yard.night_shift():
        warehouse.admit(machine)
    for robot in warehouse.children:
        if robot.state is gotask.TaskState.STARTED:
            robot.stop("the night is over")
    await anyio.sleep(0.02)
    if warehouse.task_type is gotask.TaskType.JOB:
        print(f"in the morning the warehouse is {warehouse.state.name}")
    async for machine in yard.day_shift():
        warehouse.admit(machine)
    for order in yard.orders():
        warehouse.fetch(order)
    late = yard.late()
    ## TODO 4/4: stop the warehouse and wait until it is closed. Then try to let `late` in, as the others; as that is
    ## not possible any more: `late.send_away()`.
    ## 关闭仓库，并等到它真正关闭。然后像对待别的机器人一样让 `late` 进去；这时已经进不去了：`late.send_away()`。


if __name__ == "__main__":
    challenge.run(main)
