"""Challenge 8: a courier.    挑战 8：快递员

The same idea, but now you write the code. Three parcels, a town full of sheep, and one address that is wrong.
同样的道理，这次由你来写代码。三个包裹，满城的羊群，还有一个写错的地址。
"""

try:
    import gotask
    from gotask_learn.course.lesson08 import Book, Jam, Town, WrongAddress, challenge
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

town = Town()
book = Book()


class Courier(gotask.Task[str]):
    """Delivers one parcel; its result is the receipt."""

    def __init__(self, name: str) -> None:
        self.name = name
        ## TODO 1/4: when the road is blocked (Jam), try again: 5 times at most, first after 2 ms (0.002), each
        ## wait twice as long as the one before, but never longer than 12 ms.
        ## 道路堵塞（Jam）时再试：最多 5 次，第一次等 2 毫秒（0.002），以后每次加倍，但绝不超过 12 毫秒。

        ## TODO 2/4: a wrong address does not get right by trying again: give up at once on WrongAddress.
        ## 地址错了，再试也没用：遇到 WrongAddress 立即放弃。

        ## TODO 3/4: what cannot be delivered goes to the depot: `town.store`, whose receipt is then the result.
        ## 送不到的包裹存进仓库：`town.store`，它的回执就成为任务的结果。

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
        ## TODO 4/4: write each receipt into the book: `book.write(...)`; and if the parcel is in the depot, why.
        ## 把每张回执写进登记簿 `book.write(...)`；包裹进了仓库的，还要写明原因。


if __name__ == "__main__":
    challenge.run(main)
