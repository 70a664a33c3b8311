"""Challenge 8, solved."""

import gotask
from gotask_learn.course.lesson08 import Book, Jam, Town, WrongAddress, challenge

town = Town()
book = Book()


class Courier(gotask.Task[str]):
    """Delivers one parcel; its result is the receipt."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.set_retry(5, 0.002, max_interval=0.012, give_up_on=WrongAddress, fallback=town.store)

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
        book.write(courier.result)
        if reason.__cause__ is not None:
            book.write(reason.__cause__)


if __name__ == "__main__":
    challenge.run(main)
