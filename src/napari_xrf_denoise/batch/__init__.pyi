from .runner import plan as plan
from .runner import run as run
from .sources import Sources as Sources
from .task import Task as Task
