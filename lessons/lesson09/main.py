"""Lesson 9: who hears of what.    第 9 课：事件监听与回调

An evening at the theatre: lights, a call board, a critic and a screen in the foyer follow what happens on stage.
剧院之夜：灯光、签到板、剧评人和大厅的屏幕，都要跟上台上发生的一切。
"""

try:
    import anyio

    import gotask
    from gotask_learn.course.lesson09 import CallBoard, Chronicle, Lights, Monitor, Newspaper, Script, lesson
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

lights, board, monitor = Lights(), CallBoard(), Monitor()
newspaper, chronicle = Newspaper(), Chronicle()


class Actor(gotask.Task[int]):
    """Plays a role; who stumbles begins again."""

    retry = gotask.RetryPolicy(max_retry=1, interval=0.01)

    def __init__(self, role: str, script: Script) -> None:
        self.key = role
        self.script = script
        ## TODO 1/6: listeners. The light goes on whenever the actor has started, off at the end: uncomment 2 lines
        ## 监听器。演员每次启动后亮灯，结束时灭灯：取消 2 行注释
        # self.on_start(lambda: lights.up(role))
        # self.on_dispose(lambda: lights.down(role))

    async def go(self) -> int:
        spoken: list[str] = []
        async for line in self.script.lines():
            spoken.append(line)
            ## TODO 2/6: say how far you are: a step for each line, a description with their number: uncomment 2 lines
            ## 说明进展：每句台词记一个步骤，并用描述信息记下句数：取消 2 行注释
            # self.step("line", line)
            # self.set_description("spoken", len(spoken))
        return len(spoken)


class Scene(gotask.Job):
    """Over when the last of its actors is."""

    def __init__(self, *actors: Actor) -> None:
        self.actors = actors

    def start(self) -> None:
        for actor in self.actors:
            self.add_task(actor)


class Play(gotask.Job):
    """Two scenes at a time, on two stages."""

    def __init__(self) -> None:
        self.owner_type = "Hamlet"
        ## TODO 3/6: the board hears of everybody in the play, however deep in the tree: uncomment 2 lines
        ## 剧中每个人，不论在树的哪一层，签到板都要知道：取消 2 行注释
        # self.on_descendants_start(board.arrived)
        # self.on_descendants_dispose(board.left)

    def start(self) -> None:
        self.add_task(Scene(Actor("Hamlet", Script(nervous=True)), Actor("Horatio", Script())))
        self.add_task(Scene(Actor("Ophelia", Script(nervous=True)), Actor("Polonius", Script())))


class Critic(gotask.Observer):
    """Hears of everything in the house, and writes about some of it."""

    def step_recorded(self, task: gotask.Task, step: gotask.Step) -> None:
        newspaper.send(f"{task.key}, after {step.at:.3f} s: {step.detail}")

    ## TODO 4/6: a life failed, and another one follows: the critic wants to hear of that, too: uncomment 2 lines
    ## 一次生命失败了，还会再来一次：这件事剧评人也想知道：取消 2 行注释
    # def retry_planned(self, task: gotask.Task, error: BaseException, delay: float) -> None:
    #     newspaper.send(f"{task.key} {error}! Again in {delay:g} s")


class Foyer(gotask.TickTask):
    """Keeps the screen in the foyer up to date."""

    tick_interval = 0.005

    def __init__(self, reader: gotask.Subscription) -> None:
        self.reader = reader
        self.using(reader)

    def caption(self, row: gotask.TaskRow) -> str:
        return f"{row.owner_type} {row.key}: {row.state.name}"

    def tick(self, due_at: float) -> None:
        self.set_description("looked_at", due_at)
        ## TODO 5/6: take what has changed since the last look; put it on the screen, or off it: uncomment 5 lines
        ## 取出上次查看以来的变化，放到屏幕上，或从屏幕上拿掉：取消 5 行注释
        # changes: gotask.Changes = self.reader.take()
        # for row in changes.rows:
        #     monitor.put(row.id, self.caption(row))
        # for task_id in changes.removed:
        #     monitor.take_off(task_id)


async def main(root: gotask.RootManager) -> None:
    tree = gotask.LiveTree()
    for observer in (tree, Critic()):
        root.observe(observer)
    root.add_task(Foyer(tree.subscribe()))
    await root.add_task(Play()).wait_stopped()
    await anyio.sleep(0.02)
    print(f"The curtain falls after {len(root.history)} lives.")
    ## TODO 6/6: history. The chronicle gets only the lives of actors that went wrong: uncomment 2 lines
    ## 历史。只把演员出了差错的那几次生命写进编年史：取消 2 行注释
    # for record in gotask.get_task_history(owner_type="Actor", failed=True):
    #     chronicle.write(f"{record.key} {record.reason}, {record.timings.body:.3f} s into the play")


if __name__ == "__main__":
    lesson.run(main)
