"""The embedded broker: each message arrives whole, once, and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

from triage.celery import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path


@pytest.fixture
def channel(folder: Path) -> Iterator[Any]:
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    with Connection("filesystem://", transport_options=options) as connection:
        yield connection.default_channel


def taken(channel: Any, queue: str) -> list[Any]:
    found = []
    while True:
        try:
            found.append(channel._get(queue))
        except Empty:
            return found


def test_messages_of_a_queue_arrive_in_order_and_leave_the_folder(channel: Any, folder: Path) -> None:
    for number in range(3):
        channel._put("triage", {"number": number})
        channel._put("triage-outside", {"number": -1})
    assert [message["number"] for message in taken(channel, "triage")] == [0, 1, 2]
    assert len(taken(channel, "triage-outside")) == 3
    assert not [path for path in folder.iterdir() if path.is_file()]


def test_many_writers_and_readers_lose_double_and_break_nothing(channel: Any) -> None:
    numbers, found, stop = range(400), [], threading.Event()

    def write(first: int) -> None:
        for number in range(first, len(numbers), 4):
            channel._put("triage", {"number": number, "body": "x" * 5000})

    def read() -> None:
        while not stop.is_set():
            found.extend(message["number"] for message in taken(channel, "triage"))

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert sorted(found + [message["number"] for message in taken(channel, "triage")]) == list(numbers)


def test_a_message_that_a_full_disk_cut_short_ends_no_worker(channel: Any, folder: Path) -> None:
    (folder / "0_cut.triage.msg").write_text('{"body": ')
    (folder / "1_empty.triage.msg").touch()
    channel._put("triage", {"number": 1})
    assert taken(channel, "triage") == [{"number": 1}]
    assert not list(folder.glob("*.msg"))


def test_a_folder_that_takes_no_message_is_an_error_of_the_broker(channel: Any, folder: Path) -> None:
    (folder / "control").rmdir()
    folder.rmdir()
    with pytest.raises(ChannelError, match="takes no message"):
        channel._put("triage", {"number": 1})


def test_the_desk_uses_this_broker_where_there_is_no_redis() -> None:
    with app.connection_for_write(url="filesystem://") as connection:
        assert type(connection.transport).__module__ == "triage.operations.broker"
