"""Challenge 8, solved another way: one policy for the class, with a rule for each error, and a task to fall back on."""

import gotask
from gotask_learn.course.lesson08 import Book, Jam, Town, WrongAddress, challenge

town = Town()
book = Book()


class Storing(gotask.Task[str]):
    """Brings one parcel to the depot."""

    async def go(self) -> str:
        return await town.store()


class Courier(gotask.Task[str]):
    """Delivers one parcel; its result is the receipt."""

    def __init__(self, name: str) -> None:
        self.name = name
        waits = gotask.RetryPolicy(5, 0.002, max_interval=0.012)
        self.retry = gotask.RetryPolicy(policies={Jam: waits}, fallback=Storing())

    async def go(self) -> str:
        try:
            return await town.deliver(self.name)
        except (Jam, WrongAddress) as error:
            self.step("in vain", str(error))
            raise


async def main(root: gotask.RootManager) -> None:
    couriers = [root.add_task(Courier(name)) for name in ("baker", "nobody", "hermit")]
    for courier in couriers:
        reason = await courier.wait_stopped()
        book.write(f"{courier.name}: {await courier} ({reason.__cause__ or 'delivered'})")


if __name__ == "__main__":
    challenge.run(main)
