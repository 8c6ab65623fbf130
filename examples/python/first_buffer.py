"""Shows: the life of a pooled array. It is filled and returned, and a later one gets the same memory back.

A returned array can still be read while its name lives on, so its memory is not reused before the name is gone.
"""

import numapool
import numpy as np

pool = numapool.MemoryPool(name="first-buffer")

# 1000 x 2000 doubles, 15.3 MiB, aligned to 64 bytes; the contents are undefined until written.
table = pool.get_buffer((1000, 2000))
table[:] = np.arange(2_000_000).reshape(1000, 2000)
address = table.ctypes.data
print(f"table[999, 1999] = {table[999, 1999]:.0f}")
print(f"its pages lie on  {numapool.where(table)}")

pool.return_buffer(table)
print(f"returned: it can be read ({table[0, 1]:.0f}) but not written ({table.flags.writeable = })")
del table  # from here on its memory may serve another array

again = pool.get_buffer((1000, 2000))
print(f"the next one has  {'the same memory' if again.ctypes.data == address else 'other memory'}")
pool.return_buffer(again)
del again

# A context manager returns the array at its end, also after an error.
with pool.buffer((64,), np.float32, zeroed=True) as zeros:
    print(f"zeros sum up to   {zeros.sum():.1f}")

# Like NumPy, from a default pool; an array that is dropped goes back by itself.
print(f"numapool.zeros    {numapool.zeros((2, 2)).tolist()}")

statistics = pool.get_statistics()
print(
    f"{statistics['total_allocations']} allocations, {statistics['cache_hits']} of them from returned memory; "
    f"{statistics['memory_usage_mb']:.1f} MiB held"
)
