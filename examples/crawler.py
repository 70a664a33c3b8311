"""A crawler of a site: polite to each host, patient with pages that fail, over when nothing is left.

    python examples/crawler.py http://127.0.0.1:8000/ --limit 100

Each host is a Job, and its pages are tasks with a `run`: the loop of the host takes them one after another, so no
host is ever asked for two pages at once, while all hosts are crawled side by side. No semaphore, no lock, no queue.
"""

from __future__ import annotations

import argparse
import sys
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import anyio
import httpx

import gotask
from gotask_dashboard import Dashboard


class Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") if tag == "a" else None
        if address:
            self.found.append(urldefrag(urljoin(self.base, address)).url)


class Page(gotask.Task[None]):
    """Fetches one page; a server that is busy is asked again, a little later each time."""

    retry = gotask.RetryPolicy(max_retry=3, interval=0.2, jitter=0.2, retry_on=(httpx.TransportError, ConnectionError))

    def __init__(self, address: str, crawler: Crawler) -> None:
        self.key = address
        self.crawler = crawler

    async def run(self) -> None:
        answer = await self.crawler.client.get(str(self.key))
        if answer.status_code in (429, 503):
            raise ConnectionError(f"{self.key} is busy")
        self.crawler.status[str(self.key)] = answer.status_code
        self.set_description("status", answer.status_code)
        if answer.is_success and "html" in answer.headers.get("content-type", ""):
            links = Links(str(answer.url))
            links.feed(answer.text)
            for address in links.found:
                self.crawler.visit(address)
        await anyio.sleep(self.crawler.pause)


class Host(gotask.Job):
    """The pages of one host. It is over when the last of them is."""

    def __init__(self, name: str) -> None:
        self.key = name


class Crawler(gotask.Job):
    """Every host of the crawl, and what is known so far."""

    def __init__(self, address: str, limit: int, pause: float) -> None:
        self.address, self.limit, self.pause = address, limit, pause
        self.client = httpx.AsyncClient(timeout=5, follow_redirects=True)
        self.seen: set[str] = set()
        self.status: dict[str, int] = {}
        self.hosts: dict[str, Host] = {}

    async def start(self) -> None:
        await self.enter(self.client)
        self.visit(self.address)

    def visit(self, address: str) -> None:
        """Have a page fetched, if it is new and a page of the web."""
        parts = urlsplit(address)
        if address in self.seen or parts.scheme not in ("http", "https") or len(self.seen) >= self.limit:
            return
        self.seen.add(address)
        host = self.hosts.get(parts.netloc)
        if host is None or host.is_stopped:  # never seen, or it had nothing left to do
            host = self.hosts[parts.netloc] = self.replace_task(parts.netloc, Host(parts.netloc))
        host.add_task(Page(address, self))


async def main(root: gotask.RootManager, options: argparse.Namespace) -> None:
    if options.dashboard is not None:
        root.add_task(Dashboard(port=options.dashboard, history=None))
    crawler = root.add_task(Crawler(options.address, options.limit, options.pause))
    await crawler.wait_stopped()
    for address, status in sorted(crawler.status.items()):
        print(status, address)
    for address in sorted(crawler.seen - crawler.status.keys()):
        print("---", address)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address", help="where to begin: http://…")
    parser.add_argument("--limit", type=int, default=1_000, help="pages at most")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two pages of one host")
    parser.add_argument("--dashboard", type=int, metavar="PORT", help="show the crawl in the browser; 0: any port")
    sys.exit(gotask.run(main, parser.parse_args()))
