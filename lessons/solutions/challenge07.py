"""Challenge 7, solved."""

import gotask
from gotask_learn.course.lesson07 import Producer, Stage, challenge


class Shot(gotask.Task):
    """A shot from the crane, with sound."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def start(self) -> None:
        self.microphone = self.stage.microphone()
        await self.enter(self.stage.crane())
        self.using(await self.stage.camera())

        self.on_stop(self.microphone)

    def go(self) -> int:
        words = 0
        while self.microphone.read() is not None:
            words += 1
        return words


class Lights(gotask.Task):
    """The lights of the set."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def start(self) -> None:
        self.stage.lights_on()

    def dispose(self) -> None:
        self.stage.lights_off()


def retake(day: gotask.Job, shot: Shot) -> str:
    """The same shot once more."""
    try:
        day.add_task(shot)
    except gotask.TaskStateError:
        return "it is still being taken"
    except gotask.GotaskError as error:
        return f"no more today: {error}"
    return "once more"


async def main(root: gotask.RootManager) -> None:
    stage, producer = Stage(), Producer()
    day = root.add_task(gotask.Work())
    day.add_task(Lights(stage))
    shot = day.add_task(Shot(stage))
    print("director:", retake(day, shot))
    await stage.take()
    shot.stop("cut")
    await shot.wait_stopped()
    for error in shot.dispose_errors:
        producer.tell(error)
    print("director:", retake(day, shot))
    await stage.take()
    day.stop("that's a wrap")
    await day.wait_stopped()
    print("director:", retake(day, shot))


if __name__ == "__main__":
    challenge.run(main)
