"""Loads the plugins of a configuration, or says everything that is wrong with them."""

import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import pluggy

from mailcordon.config.plugin_source import is_file
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, HookError
from mailcordon.hooks.specs import NAMES, PROJECT, HookPoints
from mailcordon.hooks.view import Message


@dataclass(frozen=True, slots=True)
class Hook:
    """One function of one plugin."""

    plugin: str
    function: Callable[..., object]
    takes_message: bool

    def __call__(self, message: Message) -> None:
        """Call it in this thread; whatever it raises comes out."""
        self.function(*((message,) if self.takes_message else ()))


Hooks = Mapping[str, tuple[Hook, ...]]
"""For each hook point the functions in the order in which they are called."""


def load_plugins(settings: Settings) -> Hooks:
    """Run the modules of all plugins and collect their hooks.

    The supervisor does it before it starts workers: they all have what was checked, whatever becomes of the files.
    Raises ConfigError with one line for every problem.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookPoints)
    problems: list[str] = []
    # pluggy calls first what was registered last.
    for source in reversed(dict.fromkeys(settings.plugins)):
        try:
            found = _register(manager, source)
        except (HookError, pluggy.PluginValidationError) as error:
            found = [str(error)]
        problems = [*(f"plugins: {source}: {' '.join(reason.split())}" for reason in found), *problems]
    if problems:
        raise ConfigError(problems)
    return {name: tuple(_hooks(getattr(manager.hook, name))) for name in NAMES}


def _register(manager: pluggy.PluginManager, source: str) -> list[str]:
    """Everything that is wrong with the hooks of a plugin. Raises HookError when there is no plugin to look at."""
    name = Path(source).stem if is_file(source) else source
    if manager.has_plugin(name):
        raise HookError(f"another plugin has the name {name}, too")
    module = _load(source)
    problems = [*_hook_problems(manager, module)]
    if not problems:
        manager.register(module, name=name)
    return problems


def _hooks(caller: pluggy.HookCaller) -> Iterator[Hook]:
    for implementation in reversed(caller.get_hookimpls()):
        yield Hook(implementation.plugin_name, implementation.function, bool(implementation.argnames))


def find(source: str) -> Path:
    """The file of a plugin. Raises HookError when there is none."""
    return Path(_spec(source).origin or "")


class _AsItStands(importlib.machinery.SourceFileLoader):
    """Always the source: a compiled file would have to be written, and may be anybody's."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _spec(source: str) -> ModuleSpec:
    if is_file(source):
        name = f"mailcordon_plugin_{Path(source).stem}"
        spec = importlib.util.spec_from_file_location(name, source, loader=_AsItStands(name, source))
    else:
        try:
            spec = importlib.util.find_spec(source)
        except (ImportError, ValueError) as error:
            raise HookError(f"cannot be imported: {error}") from None
    if spec is None or spec.loader is None or not spec.has_location:
        raise HookError("there is no such module")
    return spec


def _load(source: str) -> ModuleType:
    """A fresh module, also when an earlier configuration has loaded that plugin already."""
    spec = _spec(source)
    module = importlib.util.module_from_spec(spec)
    former = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin's own code does
        if former is None:
            del sys.modules[spec.name]
        else:
            sys.modules[spec.name] = former
        raise HookError(_why(error, Path(spec.origin or ""))) from None
    return module


def _why(error: BaseException, path: Path) -> str:
    match error:
        case FileNotFoundError(filename=str(missing)) if missing == str(path):
            return "there is no such file"
        case OSError(filename=str(unreadable)) if unreadable == str(path):
            return f"cannot be read: {error.strerror}"
        case SyntaxError(msg=msg, lineno=lineno):
            return f"line {lineno}: {msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}"


def _hook_problems(manager: pluggy.PluginManager, module: ModuleType) -> Iterator[str]:
    """Hooks that are none of ours, or of a kind that cannot be called, or that there are none at all."""
    marked = {name: manager.parse_hookimpl_opts(module, name) for name in dir(module)}
    hooks = {attribute: options for attribute, options in marked.items() if options is not None}
    for attribute, options in hooks.items():
        name = options.get("specname") or attribute
        function = getattr(module, attribute)
        if name not in NAMES:
            near = get_close_matches(name, NAMES, n=1)
            yield f"there is no hook {name}; " + (f"did you mean {near[0]}?" if near else _all_hooks())
        elif options.get("wrapper") or options.get("hookwrapper"):
            yield f"{attribute} is a wrapper of hooks, which cannot be stopped when it hangs"
        elif inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            yield f"{attribute} must be a plain function: it runs in a thread of its own"
    if not hooks:
        unmarked = [name for name in NAMES if callable(getattr(module, name, None))]
        yield f"{unmarked[0]} lacks @hookimpl" if unmarked else f"has no hook in it; {_all_hooks()}"


def _all_hooks() -> str:
    return f"the hooks are {', '.join(NAMES)}"
