"""Lesson 4: a task for each item of a channel.    第 4 课：通道任务

A photo lab: pictures come faster than the machine can print. Do the TODOs in order; after each, run this file again.
照相馆：照片来得快，机器印得慢。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson04 import Counter, Customer, Film, Machine, Picture, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

counter = Counter()


class Printer(gotask.ChannelTask[Picture]):
    """Prints each picture that it is sent, one after another."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    async def start(self) -> None:
        await self.machine.warm_up()

    ## TODO 1/5: `tick` is called for each item, in order, never two at a time. Print it: uncomment 2 lines
    ## 每来一个数据就调用一次 `tick`，按顺序，绝不重叠。把照片印出来：取消 2 行注释
    # async def tick(self, picture: Picture) -> None:
    #     await self.machine.print(picture)

    def dispose(self) -> None:
        self.machine.switch_off()


class Bell(gotask.ChannelTask[Customer]):
    """Greets each customer who comes in."""

    ## TODO 2/5: what it is called for is its signal, such as any async iterable. Here, customers: uncomment 2 lines
    ## 触发它的就是信号，可以是任何异步可迭代对象；这里是进门的顾客：取消 2 行注释
    # def get_signal(self) -> object:
    #     return counter.customers()

    def tick(self, customer: Customer) -> None:
        customer.greet()


class Clerk(gotask.Task):
    """Takes the pictures of a film, and hands them to the printer."""

    def __init__(self, film: Film, printer: gotask.Channel[Picture]) -> None:
        self.film = film
        self.printer = printer

    async def go(self) -> None:
        while picture := self.film.cut_next():
            picture.number_it()
            ## TODO 3/5: `send` waits while there is no room, so nothing is lost or piles up: uncomment 1 line
            ## 没有空位时 `send` 会等待，所以什么也不会丢，也不会越堆越多：取消 1 行注释
            # await self.printer.send(picture)


async def main(root: gotask.RootManager) -> None:
    bell = root.add_task(Bell())
    lab = root.add_task(gotask.Work(), name="Lab")
    printer = Printer(Machine())
    channel = printer.open(2)
    lab.add_task(printer)
    for picture in counter.test_pictures():
        await channel.send(picture)
    await lab.add_task(Clerk(Film(), channel)).wait_stopped()
    ## TODO 4/5: no more pictures. Close the channel: what is in it is still printed, then it is over: uncomment 3 lines
    ## 不会再有照片了。关闭通道；里面剩下的仍会印完，然后任务结束：取消 3 行注释
    # await channel.aclose()
    # if isinstance(await printer.wait_stopped(), gotask.TaskComplete):
    #     counter.note("printer", "all pictures are printed")
    await anyio.sleep(0.03)
    ## TODO 5/5: customers never end. A stop does, at once, also while nobody comes: uncomment 3 lines
    ## 顾客没有尽头；停止却立即生效，哪怕此刻没有人来：取消 3 行注释
    # bell.stop("closing time")
    # if isinstance(reason := await bell.wait_stopped(), gotask.StopByUser):
    #     counter.note("bell", reason)


if __name__ == "__main__":
    lesson.run(main)
