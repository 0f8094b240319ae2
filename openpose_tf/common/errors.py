"""The two kinds of failure a user sees: a wrong input and a failing machine."""


class UserError(Exception):
    """A mistake the user can fix; the message names the thing and the fix. Exit code 2."""


class MachineError(Exception):
    """The machine failed (disk, memory, a worker that died); calling again may help. Exit code 1."""
