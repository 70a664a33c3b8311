"""Challenge 4, solved."""

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

    def get_signal(self) -> Belt:
        return self.belt

    async def tick(self, parcel: Parcel) -> None:
        await self.vans[parcel.district].send(parcel)


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
    for district, van in vans.items():
        await channels[district].aclose()
        await van.wait_stopped()
    sorter.stop("all parcels are sorted")
    await sorter.wait_stopped()
    await anyio.sleep(0.05)


if __name__ == "__main__":
    challenge.run(main)
