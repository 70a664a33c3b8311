"""Challenge 4, solved another way: the sorter reads the belt itself, and closes the channels when it is disposed."""

from collections.abc import AsyncIterator

import anyio

import gotask
from gotask_learn.course.lesson04 import Belt, Depot, Parcel, Truck, challenge


class Van(gotask.ChannelTask[Parcel]):
    """Loads what it is sent, and departs at the end."""

    def __init__(self, truck: Truck) -> None:
        self.truck = truck

    async def tick(self, parcel: Parcel) -> None:
        await self.truck.load(parcel)

    def dispose(self) -> None:
        self.truck.depart()


class Sorter(gotask.ChannelTask[Parcel]):
    """Takes parcels from the belt, and hands each to the van of its district."""

    def __init__(self, belt: Belt, vans: dict[str, gotask.Channel[Parcel]]) -> None:
        self.belt = belt
        self.vans = vans

    async def get_signal(self) -> AsyncIterator[Parcel]:
        while True:
            parcel = await self.belt.get()
            yield parcel
            self.belt.task_done()

    async def tick(self, parcel: Parcel) -> None:
        await self.vans[parcel.district].send(parcel)

    async def dispose(self) -> None:
        for van in self.vans.values():
            await van.aclose()


async def main(root: gotask.RootManager) -> None:
    depot = Depot()
    yard = root.add_task(gotask.Work(), name="Yard")
    vans = {district: Van(Truck(district)) for district in depot.districts}
    channels = {}
    for district, van in vans.items():
        channels[district] = van.open(2)
        yard.add_task(van)
        await channels[district].send(depot.mail_bag(district))
    sorter = root.add_task(Sorter(depot.belt, channels))
    await root.add_task(depot.unload).wait_stopped()
    await depot.belt.join()
    sorter.stop(gotask.TaskComplete())
    for van in vans.values():
        await van
    await anyio.sleep(0.05)


if __name__ == "__main__":
    challenge.run(main)
