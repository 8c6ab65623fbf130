// Owns: nothing; includes the whole public face.
#pragma once

#include "numapool/aligned_allocator.h"
#include "numapool/array.h"
#include "numapool/buffer.h"
#include "numapool/call_place.h"
#include "numapool/diagnosis.h"
#include "numapool/errors.h"
#include "numapool/log.h"
#include "numapool/memory_pool.h"
#include "numapool/node_binding.h"
#include "numapool/numa_optimizer.h"
#include "numapool/options.h"
#include "numapool/page_map.h"
#include "numapool/placement.h"
#include "numapool/statistics.h"
#include "numapool/topology.h"
#include "numapool/version.h"
