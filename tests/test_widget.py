"""TaskTree: what its views are told and answered, in the tree's own loop; on all back ends, in virtual time."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import anyio
import ipywidgets
import pytest
from dashboards import Broken, Camera
from traitlets import TraitError
from widgets import View, until

import gotask
from gotask import RootManager, TaskState
from gotask_dashboard import TaskTree, cells, models
from gotask_dashboard.feed import PART
from gotask_dashboard.hub import SILENT

Root = RootManager[Any, Any]


async def living(root: Root, task: Any, **options: Any) -> Any:
    """A task that is STARTED."""
    added = root.add_task(task, **options)
    await added.wait_started()
    return added


# News


async def test_a_view_is_told_the_tree_and_what_changes(root: Root) -> None:
    """H6: first all of it, then each change of state, and what has gone."""
    first = await living(root, Camera())
    view = await View(TaskTree(root)).open()
    assert view.states() == {root.task_id: "STARTED", first.task_id: "GOING"}
    second = await living(root, Camera())
    await until(lambda: view.states().get(second.task_id) == "GOING")
    first.stop()
    await until(lambda: first.task_id not in view.page.rows)


async def test_nothing_is_sent_while_nobody_looks(root: Root) -> None:
    """Neither before a view is open, nor after it has gone."""
    view = View(TaskTree(root))
    await living(root, Camera())
    await anyio.sleep(5)
    assert view.heads == []
    await view.open()
    view.tell("unsubscribe")
    await anyio.sleep(1)
    heard = len(view.heads)
    await living(root, Camera())
    await anyio.sleep(5)
    assert len(view.heads) == heard


async def test_many_changes_are_few_messages(root: Root) -> None:
    """A server of notebooks drops messages above 1,000 a second: here it is 20 at most, whatever happens."""
    camera = await living(root, Camera())
    view = await View(TaskTree(root)).open()
    heard = len(view.heads)
    for number in range(1_000):
        camera.set_description("frame", number)
        await anyio.sleep(0.001)
    await until(lambda: view.page.rows[camera.task_id]["descriptions"] == {"frame": "999"})
    assert 2 <= len(view.heads) - heard <= 20


async def test_a_look_that_takes_long_is_followed_by_a_longer_pause(root: Root) -> None:
    """The feed takes less than a tenth of the loop's time, however much there is to tell."""
    camera = await living(root, Camera())
    widget = TaskTree(root)
    view = await View(widget).open()
    widget._hub._took = 100.0
    camera.set_description("frame", 1)
    heard = len(view.heads)
    await anyio.sleep(1_000)
    assert len(view.heads) == heard
    await anyio.sleep(300)
    assert view.page.rows[camera.task_id]["descriptions"] == {"frame": "1"}
    assert widget._hub._took < 100


async def test_a_large_tree_comes_in_parts_that_are_deflated(root: Root) -> None:
    """A server of notebooks lets through a megabyte a second."""
    view = View(TaskTree(root))
    for _ in range(PART + 10):
        root.add_task(Camera())
    await view.open()
    assert len(view.page.rows) == PART + 11
    assert [part["parts"] for part in view.parts] == [2, 2]
    assert all(head["deflated"] for head in view.heads if head["event"] == "snapshot")


async def test_each_view_is_told_for_itself(root: Root) -> None:
    """One that comes later is told the whole tree, and the others only what changes."""
    widget = TaskTree(root)
    first = await View(widget, "first").open()
    second = await View(widget, "second").open()
    camera = await living(root, Camera())
    await until(lambda: camera.task_id in first.page.rows and camera.task_id in second.page.rows)
    assert first.events.count("snapshot") == second.events.count("snapshot") == 1


async def test_a_view_that_says_nothing_is_forgotten_until_it_speaks(root: Root) -> None:
    """A browser that was closed does not say so; one that slept is told the whole tree again."""
    widget = TaskTree(root)
    view = await View(widget).open()
    widget._hub._clients[view.client].heard_at -= 2 * SILENT
    await living(root, Camera())
    await until(lambda: not widget._hub.is_watched)
    view.tell("alive")
    await until(lambda: view.events.count("snapshot") == 2)


# Answers

PATHS = [
    ("/api/tasks", models.TaskList), ("/api/tasks?state=GOING&type=TASK&limit=1&sort=-id", models.TaskList),
    ("/api/tasks?state=STARTED&state=GOING&owner=Camera&q=cam&parent=0", models.TaskList),
    ("/api/tasks/tree?depth=1", models.Tree), ("/api/tasks/stats", models.TaskStats),
    ("/api/tasks/{camera}", models.TaskDetail), ("/api/tasks/{broken}", models.TaskDetail),
    ("/api/tasks/{broken}/history?limit=5", models.LifeList),
    ("/api/session", models.SessionOut), ("/api/sessions", models.SessionList), ("/api/process", models.ProcessOut),
    ("/api/history?failed=true&startTime=0", models.LifeList), ("/api/history/stats", models.HistoryStats),
    ("/api/history/stats?by=reason_type&taskType=TASK&sessionId=1", models.HistoryStats),
]  # fmt: skip


@pytest.mark.parametrize(("path", "model"), PATHS, ids=[path for path, _ in PATHS])
async def test_a_path_answers_as_the_server_does(root: Root, path: str, model: Any) -> None:
    """With what the description of the server's API says, and nothing else."""
    camera, broken = await living(root, Camera()), root.add_task(Broken())
    await broken.wait_stopped()
    content = await View(TaskTree(root)).get(path.format(camera=camera.task_id, broken=broken.task_id))
    model.model_validate(content)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/nothing", None, 404), ("GET", "/api/tasks/999999999", None, 404),
        ("GET", "/api/tasks/999999999/history", None, 404), ("POST", "/api/tasks/999999999/stop", {}, 404),
        ("POST", "/api/session", {}, 405), ("GET", "/api/tasks/x", None, 422), ("GET", "/api/tasks/-1", None, 422),
        ("GET", "/api/tasks?colour=red", None, 422), ("GET", "/api/tasks?state=ASLEEP", None, 422),
        ("GET", "/api/tasks?limit=1001", None, 422), ("GET", "/api/tasks?sort=colour", None, 422),
        ("GET", f"/api/tasks?q={'x' * 1_001}", None, 422), ("GET", f"/api/tasks?{'state=1&' * 51}", None, 422),
        ("GET", "/api/history?failed=perhaps", None, 422), ("GET", "/api/history?startTime=soon", None, 422),
        ("GET", "/api/history/stats?by=colour", None, 422), ("GET", "/api/tasks/tree?depth=51", None, 422),
        ("POST", "/api/tasks/stop", {}, 422), ("POST", "/api/tasks/stop", {"filter": {}}, 422),
        ("POST", "/api/tasks/stop", {"filter": {"colour": 1}}, 422),
        ("POST", "/api/tasks/stop", {"filter": {"owner": 1}}, 422),
        ("POST", "/api/tasks/stop", {"filter": {"parent": "1"}}, 422),
        ("POST", "/api/tasks/stop", {"filter": {"state": [{}]}}, 422),
        ("POST", "/api/tasks/stop", {"filter": {"q": "x"}, "dryRun": 1}, 422),
        ("POST", "/api/tasks/{root}/stop", {"reason": 5}, 422), ("POST", "/api/tasks/{root}/stop", [], 422),
        ("POST", "/api/tasks/{root}/stop", {"colour": "red"}, 422), ("POST", "/api/tasks/{root}/restart", {}, 409),
        ("POST", "/api/tasks/{root}/start", None, 409), ("POST", "/api/tasks/{broken}/stop", None, 409),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_a_problem(root: Root, method: str, path: str, body: Any, status: int) -> None:
    """RFC 9457, with the status that the server has for it, and a sentence."""
    broken = root.add_task(Broken())
    await broken.wait_stopped()
    path = path.format(root=root.task_id, broken=broken.task_id)
    answered, content = await View(TaskTree(root)).ask(method, path, body)
    models.ProblemDetails.model_validate(content)
    assert (answered, content["status"]) == (status, status)
    assert content["detail"]


async def test_stop_restart_and_start(root: Root) -> None:
    """S1, R6: accepted at once, and done by the tree."""
    camera = await living(root, Camera())
    view = View(TaskTree(root))
    path = f"/api/tasks/{camera.task_id}"
    status, content = await view.ask("POST", f"{path}/restart", {})
    assert (status, content) == (202, {"accepted": True, "id": camera.task_id, "command": "restart"})
    await until(lambda: root.history.records(id=camera.task_id) and camera.state is TaskState.GOING)
    assert (await view.ask("POST", f"{path}/stop", {"reason": "for today"}))[0] == 202
    await camera.wait_stopped()
    assert str(camera.stop_reason) == "for today"
    assert (await view.ask("POST", f"{path}/start"))[0] == 202
    await until(lambda: camera.state is TaskState.GOING)


async def test_many_are_stopped_at_once(root: Root) -> None:
    """First only counted, then stopped; the root is spared."""
    cameras = [await living(root, Camera()) for _ in range(3)]
    view = View(TaskTree(root))
    wanted = {"filter": {"state": ["STARTED", "GOING"]}, "dryRun": True}
    status, content = await view.ask("POST", "/api/tasks/stop", wanted)
    assert (status, content["accepted"], content["count"]) == (200, False, 3)
    assert (await view.ask("POST", "/api/tasks/stop", {**wanted, "dryRun": False}))[0] == 202
    for camera in cameras:
        await camera.wait_stopped()
    assert root.state is TaskState.STARTED


async def test_what_comes_of_a_command_is_told_soon(root: Root) -> None:
    """Not only with the next look."""
    camera = await living(root, Camera())
    view = await View(TaskTree(root)).open()
    await view.ask("POST", f"/api/tasks/{camera.task_id}/stop")
    with anyio.fail_after(0.2):
        await until(lambda: camera.task_id not in view.page.rows)


async def test_a_forgotten_task_is_known_by_its_history(root: Root) -> None:
    """H5: shown without the means to start it; a command for it comes too late."""
    broken = root.add_task(Broken())
    await broken.wait_stopped()
    widget = TaskTree(root)  # it has not seen the task itself
    view = View(widget)
    shown = await view.get(f"/api/tasks/{broken.task_id}")
    assert (shown["stateName"], shown["canStart"], shown["stopReason"]) == ("DISPOSED", False, "no line")
    assert (await view.ask("POST", f"/api/tasks/{broken.task_id}/start"))[0] == 409


async def test_a_widget_that_is_read_only_refuses_commands(root: Root) -> None:
    """403, and the session says so, so that no button is shown."""
    view = View(TaskTree(root, read_only=True))
    assert (await view.ask("POST", f"/api/tasks/{root.task_id}/stop"))[0] == 403
    assert (await view.get("/api/session"))["readOnly"] is True
    assert root.state is TaskState.STARTED


async def test_descriptions_are_redacted(root: Root) -> None:
    """In the stream, and in the answers."""
    camera = Camera()
    camera.set_description("password", "secret")
    await living(root, camera)
    view = await View(TaskTree(root, redact=lambda name, text: None)).open()
    assert view.page.rows[camera.task_id]["descriptions"] == {}
    assert (await view.get(f"/api/tasks/{camera.task_id}"))["descriptions"] == {}


async def test_an_error_of_ours_is_an_answer(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    """500, and the log says why: a view never waits for ever."""

    class Failing(TaskTree):
        def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
            raise ZeroDivisionError

    status, content = await View(Failing(root)).ask("GET", "/api/session")
    assert (status, content["status"]) == (500, 500)
    assert "GET /api/session failed" in caplog.text


async def test_a_kernel_that_cannot_be_told_harms_no_tree(root: Root) -> None:
    """A comm that fails is the notebook's trouble alone."""
    widget = TaskTree(root)

    def send(content: Any, buffers: Any) -> None:
        raise OSError("the socket is closed")

    widget.send = send
    view = View(widget)
    view.tell("subscribe")
    view.tell("ask", id=1, method="GET", path="/api/session", body=None)
    await living(root, Camera())
    await until(lambda: view.parts)
    assert root.state is TaskState.STARTED


async def test_a_message_may_come_on_any_thread(root: Root) -> None:
    """M6: it is handed over to the tree's loop, and answered from there."""
    camera = await living(root, Camera())
    view = View(TaskTree(root))
    stop = {"id": 1, "method": "POST", "path": f"/api/tasks/{camera.task_id}/stop", "body": {}}

    def browse() -> None:
        view.tell("subscribe")
        view.tell("ask", **stop)

    thread = threading.Thread(target=browse)
    thread.start()
    await camera.wait_stopped()
    await until(lambda: 1 in view._answers and view.parts)
    thread.join()
    assert view.threads == {threading.get_ident()}


# The end


async def test_the_end_of_the_tree_is_told(root: Root) -> None:
    """What is shown then is how it ended: those that have stopped can still be asked for."""
    camera = await living(root, Camera())
    view = await View(TaskTree(root)).open()
    await root.shutdown()
    assert view.events[-1] == "bye"
    assert view.page.rows == {}
    stopped = (await view.get("/api/tasks?state=DISPOSED"))["list"]
    assert {row["id"]: row["stopReason"] for row in stopped} == {camera.task_id: "shutdown", root.task_id: "shutdown"}


async def test_a_view_that_comes_after_the_end_is_told_so(root: Root) -> None:
    """A notebook that is loaded again."""
    widget = TaskTree(root)
    await root.shutdown()
    view = await View(widget).open()
    assert view.events[-1] == "bye"


async def test_a_widget_that_is_closed_is_gone(root: Root) -> None:
    """The tree does not tell it any more, and nothing holds it."""
    widget = TaskTree(root)
    view = await View(widget).open()
    widget.close()
    widget.close()
    heard = len(view.heads)
    await living(root, Camera())
    await anyio.sleep(1)
    assert len(view.heads) == heard
    gone = weakref.ref(widget)
    del widget, view
    gc.collect()
    assert gone() is None


async def test_a_widget_may_be_closed_after_the_end(root: Root) -> None:
    """It was shown to the last."""
    widget = TaskTree(root)
    await root.shutdown()
    widget.close()
    assert widget.comm is None


async def test_a_cell_that_is_run_again_replaces_its_widget(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before is closed, once nobody looks at it; those of other cells stay, and those beside it."""
    where = [("cell 1", 1)]
    monkeypatch.setattr(cells, "current", lambda: where[0])
    unseen, seen = TaskTree(root), TaskTree(root)
    view = await View(seen).open()
    where[0] = ("cell 2", 2)
    other = TaskTree(root)
    where[0] = ("cell 1", 3)
    again, beside = TaskTree(root), TaskTree(root)
    assert [one.comm is None for one in (unseen, seen, other, again, beside)] == [True, False, False, False, False]
    view.tell("unsubscribe")
    await until(lambda: seen.comm is None)


async def test_a_widget_adds_no_task(root: Root) -> None:
    """It is a guest of the tree."""
    await View(TaskTree(root)).open()
    assert (root.size, root.event_loop_running) == (0, False)


# What it is told


async def test_what_is_no_root_is_refused(root: Root) -> None:
    """In the caller, with what to do."""
    camera = await living(root, Camera())
    for wrong in (camera, RootManager, None):
        with pytest.raises(TypeError, match="takes the root of a tree"):
            TaskTree(wrong)


async def test_a_root_that_is_not_open_is_refused(root: Root) -> None:
    """Before and after, each with what would help."""
    with pytest.raises(gotask.TaskStateError, match=r"await root.init\(\)` first"):
        TaskTree(RootManager())
    with pytest.raises(gotask.TaskStateError, match="inside `with BlockingRoot"):
        TaskTree(gotask.BlockingRoot())
    await root.shutdown()
    with pytest.raises(gotask.TaskStateError, match="opens it again"):
        TaskTree(root)


async def test_options_that_cannot_be_are_refused(root: Root) -> None:
    """In the caller, with what can be."""
    with pytest.raises(ValueError, match="layout is one of 'tree', 'diagram', 'timeline'"):
        TaskTree(root, layout="circle")
    with pytest.raises(ValueError, match="120 or more"):
        TaskTree(root, height=3)
    with pytest.raises(TypeError, match="redact is a function"):
        TaskTree(root, redact="password")  # type: ignore[arg-type]
    with pytest.raises(TraitError, match="view is one of"):
        TaskTree(root).view = "circle"


async def test_the_layout_names_the_view(root: Root) -> None:
    """ipywidgets has a trait of that name: a Layout is still taken."""
    assert TaskTree(root, layout="diagram").view == "diagram"
    both = TaskTree(root, layout=ipywidgets.Layout(width="50%"), view="timeline")
    assert (both.layout.width, both.view) == ("50%", "timeline")


async def test_the_choice_of_a_view_is_known_in_python(root: Root) -> None:
    """A trait as any other: `selected` can be observed, and set."""
    widget = TaskTree(root)
    heard: list[int] = []
    widget.observe(lambda change: heard.append(change["new"]), "selected")
    widget.set_state({"selected": root.task_id})
    assert heard == [root.task_id]


async def test_it_composes_with_other_widgets(root: Root) -> None:
    """In boxes, beside sliders, and in what `interactive` makes."""
    row = ipywidgets.HBox([TaskTree(root), ipywidgets.IntSlider()])
    assert row.children[0].view == "tree"
    assert repr(row) == "HBox(children=(TaskTree('tree'), IntSlider(value=0)))"
    controls = ipywidgets.interactive(lambda n: None, n=ipywidgets.IntSlider())
    assert len(ipywidgets.VBox([controls, TaskTree(root)]).children) == 2
