"""What a client asked and which answers it got, on a file that outlives its death.

The question is written before it is sent, the answer before anything else is done.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One request under its key. `hold_id` is for the verbs that end a hold."""

    key: str
    user_id: int
    verb: str
    credits: int
    hold_id: int = 0


class Journal:
    """Written by one process, a line at a time, with nothing kept back in a buffer."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def ask(self, question: Question) -> None:
        """It is about to be sent."""
        self._write({"ask": asdict(question)})

    def answer(self, question: Question, answer: Answer) -> None:
        """It was answered."""
        self._write({"of": question.key, "answer": answer})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


@dataclass(frozen=True)
class Told:
    """The questions of some journals by key, and the answers that were acknowledged."""

    questions: dict[str, Question]
    answers: dict[str, Answer]

    @property
    def open(self) -> list[Question]:
        """The questions without an answer: nobody knows whether they took effect."""
        return [asked for key, asked in self.questions.items() if key not in self.answers]

    def holds_left(self) -> list[Question]:
        """What would release the holds whose owner died before it ended them."""
        ended = {question.hold_id for question in self.questions.values()}
        held = [
            (question, self.answers[key]["id"])
            for key, question in self.questions.items()
            if question.verb == "hold" and "id" in self.answers.get(key, {})
        ]
        return [
            Question(f"{question.key}-left", question.user_id, "release", 0, hold_id)
            for question, hold_id in held
            if hold_id not in ended
        ]


def read(paths: list[Path]) -> Told:
    """What the journals tell; a key that got two different answers fails here."""
    told = Told({}, {})
    for path in paths:
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            if line.endswith(b"\n"):
                _add(told, json.loads(line))
    return told


def _add(told: Told, line: dict[str, Any]) -> None:
    if "ask" in line:
        question = Question(**line["ask"])
        told.questions[question.key] = question
        return
    key = line["of"]
    first = told.answers.setdefault(key, line["answer"])
    assert line["answer"] == first, f"{key} was answered twice, and differently"
