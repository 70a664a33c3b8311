"""Challenge 3, solved another way: each robot knows its key, a plain Work is searched by hand."""

import anyio

import gotask
from gotask_learn.course.lesson03 import Machine, Order, Yard, challenge


class Robot(gotask.Task):
    """A robot at work. It has no body: it stays until it is stopped."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.key = machine.name

    async def start(self) -> None:
        await self.machine.switch_on()

    def dispose(self) -> None:
        self.machine.switch_off()


class Warehouse(gotask.Work):
    """The robots that are at work now, by name."""

    def admit(self, machine: Machine) -> None:
        """Let a robot in."""
        self.replace_task(machine.name, Robot(machine))

    def fetch(self, order: Order) -> None:
        """Have a robot fetch something."""
        for robot in self.children:
            if isinstance(robot, Robot) and robot.key == order.robot:
                robot.machine.drive_to(order.shelf)
                return
        order.reject()


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
    warehouse.stop(gotask.TaskComplete("all is fetched"))
    await warehouse
    try:
        warehouse.admit(late)
    except gotask.TaskDisposedError:
        late.send_away()


if __name__ == "__main__":
    challenge.run(main)
