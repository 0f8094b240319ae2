"""An option in one place: absl flags made from the fields of frozen dataclasses, and the dataclasses from their values.

@dataclasses.dataclass(frozen=True)
class Config:
    num_steps: int = option(100, "Steps in total.", low=1)

config_flags.define(Config)                       # --num_steps, an integer of at least 1
config = config_flags.build(Config, flags.FLAGS)  # Config(num_steps=100)
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from absl import flags

from openpose_tf.common.errors import UserError

flags.disclaim_key_flags()  # --help of the command shows these flags as its own
MAKERS = {bool: flags.DEFINE_bool, int: flags.DEFINE_integer, float: flags.DEFINE_float}
Config = TypeVar("Config")


def option(
    default: Any,
    text: str,
    *,
    name: str | None = None,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    derived: bool = False,
    required: bool = False,
) -> Any:
    """Returns a dataclass field that is also a flag; the field's type, without None, decides the kind of flag.

    A path is made absolute: worker processes may run in another folder.

    Args:
        default: of field and flag; `dataclasses.MISSING`: the field has none, the flag's is None.
        text: help of the flag, with the unit.
        name: of the flag, if not the field's.
        low, high: bounds of a number.
        choices: values that a string may have; those of an enum are its members.
        required: a command line without the flag is refused.
        derived: a flag that is not given is None, and the caller of `build` decides what the field is then.
    """
    spec: dict[str, Any] = {"text": text, "name": name, "bounds": (low, high), "choices": choices}
    spec |= {"derived": derived, "required": required}
    return dataclasses.field(default=default, metadata=spec)


def define(*configs: Any, flag_values: flags.FlagValues = flags.FLAGS, prefix: str = "") -> None:
    """Defines the flags of dataclasses and of the dataclasses in their fields; one they share is defined once.

    Args:
        *configs: the dataclasses.
        flag_values: where the flags go.
        prefix: stands before each help text, such as the one case in which the flags have a meaning.
    """
    for field, kind in (entry for config in configs for entry in _fields(config)):
        if not field.metadata:
            define(kind, flag_values=flag_values, prefix=prefix)
            continue
        name, text, choices = _name(field), field.metadata["text"], field.metadata["choices"]
        default = None if field.metadata["derived"] or field.default is dataclasses.MISSING else field.default
        default = str(default) if isinstance(default, (enum.Enum, Path)) else default
        if name in flag_values and flag_values[name].help.endswith(text):
            continue
        make, extra = MAKERS.get(kind, flags.DEFINE_string), {"required": field.metadata["required"]}
        if typing.get_origin(kind) is tuple:
            make, default = flags.DEFINE_list, default and [str(item) for item in default]
        elif choices or issubclass(kind, enum.Enum):
            make = flags.DEFINE_enum
            extra["enum_values"] = [str(choice) for choice in choices or kind]
        elif kind in (int, float):
            extra["lower_bound"], extra["upper_bound"] = field.metadata["bounds"]
        make(name=name, default=default, help=prefix + text, flag_values=flag_values, **extra)


def build(config: type[Config], /, values: Any, **others: Any) -> Config:
    """Returns the dataclass that parsed flags make.

    Args:
        config: the dataclass.
        values: `flags.FLAGS`, parsed; only a `main` has it.
        **others: fields that no flag decides, or not alone.

    Raises:
        UserError: an entry of a list is not a number.
    """
    made = {}
    for field, kind in _fields(config):
        if field.name not in others:
            is_flag = bool(field.metadata)
            made[field.name] = _parse(kind, _name(field), values) if is_flag else build(kind, values)
    return config(**made, **others)


def _fields(config: Any) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    """Yields the fields that are flags or hold dataclasses, with their types without None."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if isinstance(kind, types.UnionType):
            kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
        if field.metadata or dataclasses.is_dataclass(kind):
            yield field, kind


def _name(field: dataclasses.Field[Any]) -> str:
    return field.metadata["name"] or field.name


def _parse(kind: Any, name: str, values: Any) -> Any:
    value = getattr(values, name)
    is_parsed = typing.get_origin(kind) is tuple or (isinstance(kind, type) and issubclass(kind, (enum.Enum, Path)))
    if value is None or not is_parsed:
        return value
    if kind is Path:
        return Path(value).resolve()
    if typing.get_origin(kind) is not tuple:
        return kind(value)
    entry, text = typing.get_args(kind)[0], ""
    try:
        return tuple(entry(text := item) for item in value)
    except ValueError:
        raise UserError(f"--{name}: {text!r} is not a {'whole ' if entry is int else ''}number") from None
