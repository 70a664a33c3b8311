"""Challenge 4: a parcel depot.    挑战 4：包裹站

The same idea, but now you write the code. A belt brings parcels; a sorter hands each one to the van of its district.
同样的道理，这次由你来写代码。传送带送来包裹，分拣员把每个包裹交给对应区域的货车。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson04 import Belt, Depot, Parcel, Truck, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None


class Van(gotask.ChannelTask[Parcel]):
    """Loads what it is sent, and departs at the end."""

    def __init__(self, truck: Truck) -> None:
        self.truck = truck

    ## TODO 1/4: for each parcel that it is sent: `await self.truck.load(parcel)`, one after another
    ## 每收到一个包裹就 `await self.truck.load(parcel)`，一个接一个

    def dispose(self) -> None:
        self.truck.depart()


class Sorter(gotask.ChannelTask[Parcel]):
    """Takes parcels from the belt, and hands each to the van of its district."""

    def __init__(self, belt: Belt, vans: dict[str, gotask.Channel[Parcel]]) -> None:
        self.belt = belt
        self.vans = vans

    ## TODO 2/4: its signal is the belt, which is an `asyncio.Queue`
    ## 它的信号就是传送带：一个 `asyncio.Queue`

    ## TODO 3/4: hand each parcel to `self.vans[parcel.district]`; if that one has no room, wait
    ## 把每个包裹交给 `self.vans[parcel.district]`；如果没有空位，就等待


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
    ## TODO 4/4: the last parcel is on the belt. Wait until all are sorted: `await depot.belt.join()`. Let the vans load
    ## what they still have, and depart; and stop the sorter.
    ## 最后一个包裹已经上了传送带。等到全部分拣完：`await depot.belt.join()`。
    ## 让货车装完手头的包裹再出发，并停止分拣员。
    await anyio.sleep(0.05)


if __name__ == "__main__":
    challenge.run(main)
