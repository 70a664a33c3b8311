"""Challenge 3, solved."""

import anyio

import gotask
from gotask_learn.course.lesson03 import Machine, Order, Yard, challenge


class Robot(gotask.Task):
    """A robot at work. It has no body: it stays until it is stopped."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def start(self) -> None:
        await self.machine.switch_on()

    def dispose(self) -> None:
        self.machine.switch_off()


class Warehouse(gotask.WorkCollection[str, Robot]):
    """The robots that are at work now, by name."""

    def admit(self, machine: Machine) -> None:
        """Let a robot in."""
        try:
            self.add_task(Robot(machine), key=machine.name)
        except gotask.TaskExistsError:
            self.replace_task(machine.name, Robot(machine))

    def fetch(self, order: Order) -> None:
        """Have a robot fetch something."""
        robot = self.get(order.robot)
        if robot is None:
            order.reject()
        else:
            robot.machine.drive_to(order.shelf)


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
    warehouse.stop("closed")
    await warehouse.wait_stopped()
    try:
        warehouse.admit(late)
    except gotask.TaskDisposedError:
        late.send_away()


if __name__ == "__main__":
    challenge.run(main)
