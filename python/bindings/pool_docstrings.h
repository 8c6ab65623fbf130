// Owns: the signatures and docstrings of PoolBase's methods, in NumPy's style.
// Must not know: how they work.
#pragma once

namespace numapool_python {

inline constexpr char kGetBufferDoc[] =
    R"(get_buffer($self, shape, dtype='float64', numa_node=None, *, order='C', alignment=64, zeroed=False, bind=None)
--

Hand out an array from the pool's memory.

Parameters
----------
shape : int or sequence of int
    The array's shape; ``()`` gives a 0-d array.
dtype : data-type, optional
    Any dtype of plain bytes; dtypes that hold Python objects are refused.
numa_node : int, None or Interleave, optional
    The node that the pages shall lie on; None: the node that the calling thread runs on.
order : {'C', 'F'}, optional
    Row-major or column-major.
alignment : int, optional
    Bytes, a power of two up to 2**30; less than 64 is raised to 64.
zeroed : bool, optional
    True: every byte is zero. False: contents are undefined.
bind : {'none', 'advisory', 'strict'}, optional
    Overrides the pool's bind mode for this array.

Returns
-------
numpy.ndarray
    A writable array. Give it back with `return_buffer`; dropped without that, it goes back by itself.

Raises
------
PoolValueError
    A negative or overflowing shape, an unknown node, order, alignment or bind mode. Also a ValueError.
PoolTypeError
    A dtype that holds Python objects, or an argument of the wrong kind. Also a TypeError.
PoolMemoryError
    The pool's limit or the system's memory is exhausted. Also a MemoryError.
PlacementError
    Strict binding, and a page is not on its node. Also an OSError.
PoolClosedError
    The pool is closed. Also a RuntimeError.

Notes
-----
Any thread may call this. An array that was returned is handed out again only when nothing refers to it any more.)";

inline constexpr char kReturnBufferDoc[] = R"(return_buffer($self, array, /)
--

Give an array back to the pool.

The array becomes read-only. Its memory keeps its contents, and is not handed out again, for as long as anything (a
name, a view, a memoryview, a tensor) refers to it.

Parameters
----------
array : numpy.ndarray or memoryview
    What `get_buffer` gave, or any view, slice, reshape or transpose of it.

Raises
------
PoolValueError
    The array was returned before, belongs to another pool or to none; nothing changes then. Also a ValueError.
PoolTypeError
    Not an array. Also a TypeError.

Notes
-----
Any thread may call this; of two that return the same array one succeeds.)";

inline constexpr char kInitializeDoc[] = R"(initialize($self, reserve_bytes=0)
--

Reserve the pool's address ranges now. Optional; calling it again only adds what is missing.

Memory is faulted in on all nodes at the same time, large amounts by several threads on each
node's CPUs. A request for zeroed memory need not write to it. Other Python threads run meanwhile.

Parameters
----------
reserve_bytes : int, optional
    If above 0, commit and fault in idle memory until every node has that many bytes.

Raises
------
PoolMemoryError
    The memory could not be had, or would not suffice: `max_bytes`, the machine, a control group.
    Nothing that this call added stays.
PlacementError
    The pool is strict, and a node has too little memory.
PoolClosedError
    The pool is closed.)";

inline constexpr char kTrimDoc[] = R"(trim($self, keep_bytes=0)
--

Give idle memory back to the system, the longest idle first.

Parameters
----------
keep_bytes : int, optional
    How many idle bytes to keep.

Returns
-------
int
    Bytes given back.)";

inline constexpr char kStatisticsDoc[] = R"(get_statistics($self)
--

Return the pool's figures.

Returns
-------
dict
    See `numapool.Statistics` for every key. Byte counts are exact integers; keys ending in ``_mb`` are MiB (2**20).)";

inline constexpr char kCloseDoc[] = R"(close($self)
--

Refuse further requests and give idle memory back. Arrays that are out stay valid. Calling it again does nothing.)";

inline constexpr char kResidentDoc[] = R"(resident_bytes($self)
--

Return how many bytes of the pool are in physical memory now, asked of the kernel page by page.)";

inline constexpr char kVerifyDoc[] = R"(verify_placement($self)
--

Look up on which node every page of the pool lies, and compare with where it should.

Returns
-------
list of PlacementCheck
    A dict for each node's part of the pool, live and idle memory together: ``node``, ``interleaved_over`` (a tuple, empty
    for one node's memory), ``interleave_weights``, ``pages_on`` (dict of node to pages), and the pages that lie at ``home``, ``elsewhere``, or
    are ``unknown`` because the kernel would not tell. A huge page counts as the many that it is.

Notes
-----
Costs about 0.1 microseconds a page; other Python threads run meanwhile.)";

}  // namespace numapool_python
