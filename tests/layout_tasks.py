"""The trees behind the tests and pictures of the layouts: a bakery, and halls with many orders."""

from __future__ import annotations

import itertools
from typing import Any

import anyio

import gotask


class Shop(gotask.Work):
    """All of it."""


class Kitchen(gotask.Work):
    """Where it is baked."""


class Counter(gotask.Work):
    """Where it is sold."""


class Order(gotask.Task[None]):
    """Goes on, or fails after so many seconds."""

    def __init__(self, fails_after: float | None = None) -> None:
        self.fails_after = fails_after

    async def go(self) -> None:
        await anyio.sleep(10**9 if self.fails_after is None else self.fails_after)
        raise ConnectionError("the line is down")


class Oven(gotask.Task[None]):
    """Heats, bakes and cools, every few seconds."""

    async def go(self) -> None:
        for name in itertools.cycle(("heat", "bake", "cool")):
            self.step(name)
            await anyio.sleep(3)


class Till(gotask.Task[None]):
    """Takes its time to stop."""

    async def go(self) -> None:
        await anyio.sleep(10**9)

    async def dispose(self) -> None:
        await anyio.sleep(3600)


class Printer(gotask.Task[None]):
    """Holds up the loop of its parent."""

    async def run(self) -> None:
        await anyio.sleep(10**9)


def bakery(root: Any) -> dict[str, Any]:
    """Eight tasks with the root, all of them well."""
    shop = root.add_task(Shop())
    kitchen, counter = shop.add_task(Kitchen()), shop.add_task(Counter())
    made = {
        "left": kitchen.add_task(Oven(), key="left"), "right": kitchen.add_task(Oven(), key="right"),
        "ann": counter.add_task(Order(), key="ann"), "bob": counter.add_task(Order(), key="bob"),
    }  # fmt: skip
    return {"shop": shop, "kitchen": kitchen, "counter": counter, **made}


def trouble(root: Any) -> dict[str, Any]:
    """One fails and is retried, one is slow to stop, one holds up a loop."""
    tasks = bakery(root)
    phone = Order(2.0)
    phone.set_retry(5, 4.0, backoff=1.0)
    tasks["phone"] = tasks["kitchen"].add_task(phone, key="phone")
    tasks["till"] = tasks["counter"].add_task(Till(), key="till")
    tasks["printer"] = tasks["counter"].add_task(Printer(), key="printer")
    tasks["late"] = tasks["counter"].add_task(Order(), key="late")
    return tasks


def halls(root: Any, count: int, orders: int) -> list[Any]:
    """Many tasks; in each third hall one order fails again and again."""
    made = [root.add_task(Counter(), key=f"hall-{number}") for number in range(1, count + 1)]
    for number, hall in enumerate(made):
        for index in range(orders):
            order = Order(3.0 if number % 3 == 1 and index == 1 else None)
            order.set_retry(-1, 4.0, backoff=1.0)
            hall.add_task(order, key=f"o{number + 1}-{index + 1}")
    return made
