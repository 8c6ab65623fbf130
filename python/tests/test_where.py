"""Owns the tests of `where`: which pages a view is on, what it takes, and how it knows."""

from __future__ import annotations

import array
import ctypes
import mmap
import pathlib
from typing import Any

import numapool
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numapool.memory_layout import Layout, byte_ranges, layout_of
from processes import printed
from refusals import refusing

PAGE = mmap.PAGESIZE


def pages_of(ranges: np.ndarray[Any, Any], page: int) -> set[int]:
    return {
        number for at, size in ranges.tolist() for number in range(at // page, (at + size - 1) // page + 1)
    }


def pages_one_by_one(layout: Layout, page: int) -> set[int]:
    """Every element's pages, from its own address."""
    offsets = np.zeros(1, np.int64)
    for extent, stride in zip(layout.shape, layout.strides, strict=True):
        offsets = np.unique(np.add.outer(np.arange(extent) * stride, offsets))
    ends = range(layout.itemsize)
    return {(layout.address + int(offset) + byte) // page for offset in offsets for byte in ends}


small_axes = st.lists(
    st.tuples(st.integers(0, 9), st.one_of(st.integers(-40, 40), st.integers(-600, 600))), max_size=5
)


@settings(max_examples=600)
@given(
    axes=small_axes,
    itemsize=st.integers(1, 20),
    start=st.integers(0, 200),
    page=st.sampled_from([1, 2, 8, 16, 64]),
)
def test_ranges_overlap_the_pages_of_every_element_and_no_other(
    axes: list[tuple[int, int]], itemsize: int, start: int, page: int
) -> None:
    layout = Layout(100_000 + start, [e for e, _ in axes], [s for _, s in axes], itemsize)
    ranges = byte_ranges(layout, page)
    wanted = pages_one_by_one(layout, page)
    assert pages_of(ranges, page) == wanted
    assert len(ranges) <= len(wanted), "never more ranges than pages"
    assert (np.diff(ranges[:, 0].astype(np.int64)) > 0).all()


@pytest.mark.parametrize("seed", range(40))
def test_ranges_of_views_of_views(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = random.integers(1, 12, size=random.integers(1, 4))
    view: np.ndarray[Any, Any] = np.zeros(shape, random.choice(["u1", "f4", "c16", "S7"]))
    for _ in range(4):
        axis = int(random.integers(view.ndim))
        step = int(random.choice([-3, -2, -1, 1, 2, 5]))
        view = np.moveaxis(view, axis, 0)[::step]
        if random.random() < 0.3:
            view = np.broadcast_to(view, (3, *view.shape))
        elif random.random() < 0.3 and view.size:
            view = np.lib.stride_tricks.sliding_window_view(view, 1 + view.shape[0] // 2, axis=0)
    layout = layout_of(view)
    assert pages_of(byte_ranges(layout, 16), 16) == pages_one_by_one(layout, 16)


def test_sliding_windows_are_not_counted_one_by_one() -> None:
    windows = Layout(0, (10**6, 10**6), (8192, 8192), 8)  # 10^12 elements on 2 * 10^6 pages
    assert len(byte_ranges(windows, 4096)) == 2 * 10**6 - 1
    assert byte_ranges(Layout(0, (2**40, 2**20), (8, 8), 8), 4096).tolist() == [[0, 8 * (2**40 + 2**20 - 1)]]


def page_aligned(pages: int) -> np.ndarray[Any, Any]:
    """Bytes of a mapping of their own, none of which has memory yet; without huge pages."""
    mapped = mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE)
    mapped.madvise(15)  # MADV_NOHUGEPAGE
    return np.frombuffer(mapped, np.uint8)


def test_a_view_answers_for_its_own_pages() -> None:
    memory = page_aligned(64).reshape(64, PAGE)
    memory[::4, 5] = 1
    whole = numapool.where(memory)
    if whole.unknown:
        pytest.skip("this system will not tell where pages lie")
    assert (whole.total, whole.absent) == (64, 48)
    written = numapool.where(memory[::4])
    assert (written.total, written.absent, written.evidence) == (16, 0, "verified")
    assert numapool.where(memory[::-4, 3:9]).absent == 16, "others: every fourth from the end"
    assert numapool.where(memory[1::4]).absent == 16
    assert numapool.where(memory[:, 7]).total == 64
    assert numapool.where(memory.T[5]).total == 64
    assert numapool.where(np.broadcast_to(memory[0], (1000, PAGE))).total == 1
    assert numapool.where(memory[8, 5]).total == 1
    windows = np.lib.stride_tricks.sliding_window_view(memory[::4, 5], 3)
    assert (numapool.where(windows).total, numapool.where(windows).absent) == (16, 0)
    assert numapool.where(memory).absent == 48, "looking faults nothing in"


def test_the_repr_is_short() -> None:
    memory = page_aligned(15)
    memory[: 10 * PAGE] = 1
    found = numapool.where(memory)
    if found.unknown:
        pytest.skip("this system will not tell where pages lie")
    (node,) = found.pages_on
    assert repr(found) == f"{{{node}: 10 pages, absent: 5 pages}} verified"
    assert found.page_bytes == PAGE


class Interface:
    """An object with __array_interface__ and nothing else."""

    def __init__(self, **interface: Any) -> None:
        self.__array_interface__ = interface


class Lender:
    """An object with the DLPack protocol and nothing else."""

    def __init__(self, lent: np.ndarray[Any, Any], device: int = 1) -> None:
        self.lent, self.device = lent, device

    def __dlpack__(self, **options: Any) -> Any:
        return self.lent.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


def test_anything_with_memory_will_do(tmp_path: pathlib.Path) -> None:
    memory = page_aligned(40)
    memory[:] = 1
    address = memory.ctypes.data
    shown = Interface(version=3, shape=(9,), typestr="|u1", data=(address, False), strides=(PAGE,))
    for thing, pages in (
        (memory, 40),
        (memoryview(memory)[:: 2 * PAGE], 20),
        (memoryview(memory)[::-PAGE], 40),
        (memory.view([("a", "u1"), ("b", f"V{4 * PAGE - 1}")])["a"], 10),
        (shown, 9),
        (Lender(memory[: 3 * PAGE]), 3),
        ((address + 1, PAGE), 2),
        ((np.int64(address), np.int64(PAGE)), 1),
        ((ctypes.c_char * PAGE).from_address(address), 1),
        (memory[:0], 0),
        ((address, 0), 0),
        (b"", 0),
    ):
        assert numapool.where(thing).total == pages, thing
    for thing in (b"x" * PAGE, bytearray(PAGE), array.array("d", [0.0] * 1000), np.array(1.5), np.float64(3)):
        assert numapool.where(thing).total >= 1
    path = tmp_path / "file"
    path.write_bytes(b"x" * (5 * PAGE))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert numapool.where(mapped).total == 5
        assert mapped[0] == 120
        assert numapool.where(np.memmap(path, mode="r")).total == 5
    assert numapool.where((address, 40 * PAGE)).absent == 0


def test_unmapped_addresses_are_absent() -> None:
    assert repr(numapool.where((PAGE, 3 * PAGE))) in (
        "{absent: 3 pages} verified",
        "{absent: 3 pages} by mapping",
    )


def test_tensors_of_any_dtype_will_do() -> None:
    torch = pytest.importorskip("torch")
    memory = page_aligned(40)
    memory[:] = 1
    tensor = torch.from_numpy(memory)
    assert numapool.where(tensor).total == 40
    assert numapool.where(tensor.view(torch.bfloat16)).total == 40
    assert numapool.where(tensor.view(torch.float32).requires_grad_()).total == 40
    assert numapool.where(tensor.view(40, PAGE)[::2].t()).total == 20
    assert numapool.where(tensor.view(40, PAGE)[:, 3].expand(5, 40)).total == 40
    assert numapool.where(torch.empty(0)).total == 0
    with pytest.raises(numapool.PoolTypeError, match="meta"):
        numapool.where(torch.ones(3, device="meta"))
    with pytest.raises(numapool.PoolTypeError, match="storage"):
        numapool.where(torch.eye(3).to_sparse())


def test_what_has_no_memory_here_is_refused() -> None:
    class OnAGpu:
        __cuda_array_interface__ = {"shape": (1,)}  # noqa: RUF012

    released = memoryview(b"xy")
    released.release()
    copies = Interface(version=3, shape=(3,), typestr="|u1", data=b"abc")
    for thing in (3, "text", None, [1, 2], released, object(), copies, OnAGpu(), Lender(np.ones(3), 2)):
        with pytest.raises(numapool.PoolTypeError, match=type(thing).__name__):
            numapool.where(thing)
    for pair in ((1,), (1, 2, 3), (1.5, 2), ("a", 1)):
        with pytest.raises(numapool.PoolTypeError, match="pair"):
            numapool.where(pair)
    for address, size in ((-1, 5), (5, -1), (2**64, 1), (4096, 2**63), (2**64 - 1, 10)):
        with pytest.raises(numapool.PoolValueError, match=str(address)):
            numapool.where((address, size))


LADDER = """
import mmap
import numapool, numpy as np
page = mmap.PAGESIZE
mapped = mmap.mmap(-1, 100 * page, flags=mmap.MAP_PRIVATE)
mapped.madvise(15)
memory = np.frombuffer(mapped, np.uint8).reshape(100, page)
memory[:60, 0] = 1
print(numapool.where(memory))
print(numapool.where(memory[50:70]))
assert numapool.where(memory).absent == 40
"""


def test_f37_each_rung_of_the_ladder_says_what_it_knows() -> None:
    usual = printed(LADDER)
    if not usual[0].endswith("} verified"):
        pytest.skip("this system refuses by itself")
    assert printed(LADDER, refusing("move_pages")) == usual, "get_mempolicy tells the same, page by page"
    lines = printed(LADDER, refusing("move_pages", "get_mempolicy"))
    by_mapping = [line.replace("verified", "by mapping") for line in usual]
    unknown = [
        "{absent: 40 pages, unknown: 60 pages} unverified",
        "{absent: 10 pages, unknown: 10 pages} unverified",
    ]
    # Where the kernel spread a mapping over nodes, or has no numa_maps, unknown is the right answer.
    assert lines in (by_mapping, unknown) or all("unverified" in line for line in lines)
    if pathlib.Path("/proc/self/numa_maps").exists() and len(numapool.where(page_aligned(1)).pages_on) <= 1:
        assert lines == by_mapping


def test_f37_strict_requests_fail_where_pages_cannot_be_looked_up() -> None:
    code = """
import numapool
try:
    numapool.MemoryPool(bind="strict").get_buffer(1000)
except numapool.PlacementError as error:
    print(error)
"""
    (line,) = printed(code, refusing("move_pages", "get_mempolicy"))
    assert "move_pages" in line
