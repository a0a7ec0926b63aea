"""Names of the queues of background work, each of which has processes of its own; see ``workers.py``."""

COMPILE, PUSH = "compile", "push"
#: Celery's default: tasks of libraries and of one's own, and all that is neither of the others.
REST = "celery"
QUEUES = (COMPILE, PUSH, REST)
