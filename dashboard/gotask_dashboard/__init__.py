"""gotask_dashboard: the tree of a program, live: in the browser (extra `dashboard`), or in a notebook (`notebook`).

root.add_task(Dashboard())                          # in any program: the log says where to look

app.mount("/gotask", create_app(root))              # in a FastAPI or Starlette application

TaskTree(root)                                      # in a cell of a notebook

Stepper(root)                                       # the events of a Job one by one, in a cell
"""

import typing

if typing.TYPE_CHECKING:
    from gotask_dashboard.app import create_app
    from gotask_dashboard.dashboard import Dashboard
    from gotask_dashboard.stepping import Stepper
    from gotask_dashboard.widget import TaskTree
else:
    _PLACES = {"create_app": "app", "Dashboard": "dashboard", "Stepper": "stepping", "TaskTree": "widget"}

    def __getattr__(name):
        """Import a name when it is first used: FastAPI and SQLAlchemy take half a second (PEP 562)."""
        if name not in _PLACES:
            raise AttributeError(f"module 'gotask_dashboard' has no attribute {name!r}")
        try:
            module = __import__(f"gotask_dashboard.{_PLACES[name]}", fromlist=[name])
        except ModuleNotFoundError as error:
            if error.name not in ("anywidget", "ipywidgets", "traitlets"):
                raise
            needs = f"a view in a notebook needs the package {error.name}: pip install 'gotask[notebook]'"
            raise ModuleNotFoundError(needs, name=error.name) from None
        return globals().setdefault(name, getattr(module, name))

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = ["Dashboard", "Stepper", "TaskTree", "create_app"]
