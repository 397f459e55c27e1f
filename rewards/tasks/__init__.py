"""Tasks are declared in YAML files: this package's, or the user's own. A declaration is read once, by `load_task`."""

from rewards.tasks.cases import warm_up
from rewards.tasks.load import Task, load_task, route_task, task_names, task_parts

__all__ = ["Task", "load_task", "route_task", "task_names", "task_parts", "warm_up"]
