"""A pipeline of sensors: read at intervals, smoothed, watched, and every life kept in PostgreSQL.

    python examples/sensors.py boiler=127.0.0.1:7001 attic=127.0.0.1:7002 --history postgresql://user@host/db

A sensor is a device that answers "READ" with a number, over TCP. Each is a Job: a probe that reads it without drift, a
filter, an alarm. A device that does not answer makes its own probe fail and try again; the others never notice.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import deque

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

import gotask
from gotask.store import HistoryStore
from gotask_dashboard import Dashboard


class Probe(gotask.TickTask):
    """Reads one device at intervals. A lost connection is a failure: another life connects again."""

    retry = gotask.RetryPolicy(-1, interval=0.2, max_interval=5, retry_on=(OSError, TimeoutError, ValueError))

    def __init__(self, address: tuple[str, int], interval: float, output: gotask.Channel[float]) -> None:
        self.address, self.tick_interval, self.output = address, interval, output

    async def start(self) -> None:
        self.step("connect")
        connection: SocketStream = await self.enter(await anyio.connect_tcp(*self.address))
        self.connection, self.answers = connection, BufferedByteReceiveStream(connection)

    async def tick(self, due_at: float) -> None:
        with anyio.fail_after(1):
            await self.connection.send(b"READ\n")
            try:
                line = await self.answers.receive_until(b"\n", 100)
            except (anyio.IncompleteRead, anyio.BrokenResourceError) as error:
                raise ConnectionError("the device hung up") from error
        value = float(line)
        self.set_description("value", value)
        await self.output.send(value)


class Smooth(gotask.ChannelTask[float]):
    """Passes on the median of the last values: a single wild one does no harm."""

    def __init__(self, output: gotask.Channel[float], width: int = 3) -> None:
        self.output = output
        self.last: deque[float] = deque(maxlen=width)

    async def tick(self, value: float) -> None:
        self.last.append(value)
        await self.output.send(statistics.median(self.last))


class Alarm(gotask.ChannelTask[float]):
    """Says when a value goes over the limit, and when it is below again."""

    def __init__(self, name: str, limit: float) -> None:
        self.name, self.limit = name, limit
        self.ringing = False

    def tick(self, value: float) -> None:
        self.set_description("smoothed", value)
        if (value > self.limit) is not self.ringing:
            self.ringing = not self.ringing
            self.step("alarm" if self.ringing else "all clear", f"{value:g}")
            print(f"{self.name}: {'ALARM' if self.ringing else 'all clear'} at {value:g}", flush=True)


class Sensor(gotask.Work):
    """One device, and what becomes of its values."""

    def __init__(self, name: str, address: tuple[str, int], interval: float, limit: float) -> None:
        self.key = name
        self.address, self.interval, self.limit = address, interval, limit

    def start(self) -> None:
        alarm = self.add_task(Alarm(str(self.key), self.limit))
        smooth = self.add_task(Smooth(alarm.open()))
        self.add_task(Probe(self.address, self.interval, smooth.open()))


async def main(root: gotask.RootManager, options: argparse.Namespace) -> None:
    if options.history:
        root.add_task(HistoryStore(options.history))
    if options.dashboard is not None:
        root.add_task(Dashboard(port=options.dashboard, history=None))
    sensors = root.add_task(gotask.WorkCollection(), name="Sensors")
    for name, address in options.sensors:
        sensors.add_task(Sensor(name, address, options.interval, options.limit))
    await root.wait_stop_requested()


def sensor(text: str) -> tuple[str, tuple[str, int]]:
    """`name=host:port`, taken apart."""
    name, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and host and port.isdigit()):
        raise argparse.ArgumentTypeError(f"a sensor is given as name=host:port, not {text!r}")
    return name, (host, int(port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sensors", type=sensor, nargs="+", metavar="name=host:port", help="a device, and a name for it")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two readings")
    parser.add_argument("--limit", type=float, default=80.0, help="a value above it is an alarm")
    parser.add_argument("--history", metavar="URL", help="where the lives are kept: postgresql://… or a file")
    parser.add_argument("--dashboard", type=int, metavar="PORT", help="show the pipeline in the browser; 0: any port")
    parser.add_argument("--backend", default="asyncio", choices=("asyncio", "asyncio+uvloop", "trio"))
    options = parser.parse_args()
    sys.exit(gotask.run(main, options, backend=options.backend))
