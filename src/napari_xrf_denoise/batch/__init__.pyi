from .runner import plan as plan
from .runner import run as run
from .task import Task as Task
