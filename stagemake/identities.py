"""What the functions of a project are, asked once for each: where their sources are, and under which imports."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.stage import Call
from stagemake.stagefile.imports import undisturbed_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stagemake.fingerprint.function import FunctionIdentifier
    from stagemake.model.stage import Stage, Surroundings
    from stagemake.plan.declaration import Identity
    from stagemake.stagefile.loader import Evaluation


@define(eq=False, repr=False)
class Identities:
    """Remembers what it parsed, until what it is of changes.

    Args:
        root: The project's directory, absolute.
        evaluations: Those of the project, in order; may grow, after which `clear` comes.
        recorded: Returns what has the reads in a block noted, if anybody asks.
    """

    root: str
    evaluations: Sequence[Evaluation]
    recorded: Callable[[], contextlib.AbstractContextManager[None]]
    # By the id of a function's home, which is kept so that the id stays its own.
    _identifiers: dict[int, tuple[Surroundings | None, FunctionIdentifier]] = field(factory=dict)
    _texts: dict[str, str] = field(factory=dict)  # sources of the program's modules, by file

    def of(self, stage: Stage) -> Identity | None:
        """Return the identity of a stage's function; None for commands."""
        action = stage.action
        if not isinstance(action, Call):
            return None
        with undisturbed_imports():
            return self._identified(action.home, (action,)).known(action.function)

    def look_at(self, stages: Iterable[Stage]) -> None:
        """Identify the functions of many stages in one go.

        To make modules importable, and to note what is read, takes longer than most functions do.
        """
        by_home: dict[int, list[Call]] = {}
        for stage in stages:
            action = stage.action
            if isinstance(action, Call) and not stage.ignore_code:
                by_home.setdefault(id(action.home), []).append(action)
        if not by_home:
            return
        with undisturbed_imports():
            for actions in by_home.values():
                self._identified(actions[0].home, actions)

    def _identified(self, home: Surroundings | None, actions: Sequence[Call]) -> FunctionIdentifier:
        """Return what knows these functions, all of one home."""
        # One for each home: the same import may lead elsewhere in another one.
        if id(home) not in self._identifiers:
            from stagemake.fingerprint.function import FunctionIdentifier  # noqa: PLC0415 - gate, 20 ms, with functions only

            made = FunctionIdentifier(self.root, _Sources(self.evaluations, self._texts))
            self._identifiers[id(home)] = home, made
        _, identifier = self._identifiers[id(home)]
        # Many stages may share a function.
        new = [one.function for one in actions if identifier.known(one.function) is None]
        if new:
            with contextlib.ExitStack() as stack:  # late imports resolve as they will in the stage
                for surroundings in self.evaluations if home is None else (home,):
                    stack.enter_context(surroundings.active())
                stack.enter_context(self.recorded())
                for function in new:
                    identifier.identify(function)
        return identifier

    def clear(self) -> None:
        """Forget all: there is another evaluation."""
        self._identifiers.clear()

    def forget_programs(self) -> None:
        """Forget functions from outside of any Stagefile: what they refer to may have changed."""
        self._identifiers.pop(id(None), None)

    def looked_up(self) -> Iterable[str]:
        """Yield names of modules, dotted, that late imports were resolved by."""
        for _, identifier in self._identifiers.values():
            yield from identifier.looked_up


class _Sources:
    """Texts as they were compiled. What is read from disk is what a late import will compile.

    Else a module edited between plan and run would be imported under the identity it had before; and a
    program that lives on would run its old code under the identity of what has been edited since.
    """

    def __init__(self, evaluations: Sequence[Evaluation], loaded_texts: dict[str, str]) -> None:
        self._evaluations = evaluations
        self._loaded_texts = loaded_texts
        self._loaded_files: set[str] | None = None
        from stagemake.fingerprint.sources import FileSources  # noqa: PLC0415 - gate, with functions only

        self._files = FileSources()

    def text_of(self, filename: str) -> str | None:
        for evaluation in self._evaluations:
            text = evaluation.text_of(filename)
            if text is not None:
                return text
        text = self._loaded_texts.get(filename)
        if text is not None:
            return text
        text = self._files.text_of(filename)
        if text is not None:
            for evaluation in self._evaluations:
                evaluation.pin(filename, text)
            if self._is_loaded(filename):
                self._loaded_texts[filename] = text
        return text

    def _is_loaded(self, filename: str) -> bool:
        if self._loaded_files is None:
            files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
            self._loaded_files = {os.path.abspath(file) for file in files if isinstance(file, str)}
        return filename in self._loaded_files
