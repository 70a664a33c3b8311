"""Lesson 2: a Job holds tasks.    第 2 课：Job 任务容器

A crawler fetches the pages of a site and keeps them. Do the TODOs in order; after each, run this file again.
爬虫抓取一个网站的页面并保存下来。请按顺序完成各个 TODO，每完成一个就重新运行本文件。
"""

try:
    import gotask
    from gotask_learn.course.lesson02 import Disk, Report, Site, lesson, tapes
except ModuleNotFoundError as error:
    raise SystemExit(f"{error}. Run lessons with: make learn   (or: python3 do.py learn)") from None

report = Report()


class Rules(gotask.Task):
    """Reads what robots may do on this site. Its body is `run`: its siblings wait until it is over."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def run(self) -> None:
        await self.site.read_rules()


async def fetch(site: Site, path: str) -> None:
    """Fetches one page. An async function is a task too: its body is a `go`, so all of them run at the same time."""
    words = await site.fetch(path)
    report.write(gotask.current_task(), f"{path} has {words} words")


class Crawl(gotask.Job):
    """Fetches a whole site: a task for each page."""

    def start(self) -> None:
        site = Site()
        ## TODO 1/5: children are started in the order of `add_task`; put the rules before all pages: uncomment 1 line
        ## 子任务按 `add_task` 的顺序启动。让规则排在所有页面之前：取消 1 行注释
        # self.add_task(Rules(site))
        self.add_task(fetch, site, "/")
        ## TODO 2/5: a Job holds any number of tasks. Add one for each link: uncomment 2 lines
        ## 一个 Job 可以容纳任意多个任务。为每个链接添加一个：取消 2 行注释
        # for path in site.links:
        #     self.add_task(fetch, site, path)


class Volume(gotask.Task):
    """A disk that is mounted for as long as it is needed. It has no body: it stays until it is stopped."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    async def start(self) -> None:
        await self.disk.mount()

    async def dispose(self) -> None:
        await self.disk.unmount()


class Index(gotask.Task):
    """An index that lies on the disk: it can be opened and saved only while the disk is mounted."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    async def start(self) -> None:
        await self.disk.open_index()

    async def dispose(self) -> None:
        await self.disk.save_index()


class Archive(gotask.Job):
    """Where the pages are kept."""

    def start(self) -> None:
        disk = Disk()
        self.add_task(Volume(disk))
        ## TODO 3/5: what starts last is disposed first. So the index comes after the volume: uncomment 1 line
        ## 后启动的先清理，所以索引要排在磁盘卷之后：取消 1 行注释
        # self.add_task(Index(disk))


class Backup(gotask.Job):
    """Copies the pages to several tapes; a set with a hole in it is worth nothing."""

    ## TODO 4/5: by default the others go on when a child fails. Here its failure ends all of them: uncomment 1 line
    ## 默认情况下，一个子任务失败，其余的照常进行。这里要让它的失败结束全部：取消 1 行注释
    # on_child_failure = "escalate"

    def start(self) -> None:
        for tape in tapes():
            self.add_task(tape.copy)


async def main(root: gotask.RootManager) -> None:
    archive = root.add_task(Archive())
    crawl = root.add_task(Crawl())
    await crawl.wait_started()
    await crawl.children[0].wait_started()
    report.write("held up by", crawl.blocked)
    backup = root.add_task(Backup())
    report.write("backup", await backup.wait_stopped())
    for child in archive.children:
        await child.wait_started()
    archive.stop("all pages are kept")
    await archive.wait_stopped()
    ## TODO 5/5: a Job ends by itself with its last child, and tells which of them failed: uncomment 5 lines
    ## 最后一个子任务结束，Job 也自动结束，并告诉你哪些失败了：取消 5 行注释
    # ended = await crawl.wait_stopped()
    # report.write("crawl", ended)
    # if isinstance(ended, gotask.AutoStop):
    #     for failure in ended.failures:
    #         report.write("failed", failure)


if __name__ == "__main__":
    lesson.run(main)
