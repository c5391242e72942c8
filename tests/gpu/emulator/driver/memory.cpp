// The emulated driver: memory of the device and of the host, copies.
//
// An allocation ends (up to 15 bytes for alignment) at a page that cannot be accessed, and begins after one; the bytes
// between are checked after each launch. Fresh memory is full of 0xff: NaN in any format. What is freed cannot be
// accessed, and its addresses are not used again soon.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace driver {

constexpr size_t PAGE = 4096, ALIGNMENT = 16, CHECKED = 128, KEPT_FREED = 1024;
constexpr unsigned char UNWRITTEN = 0xff;
// Around allocations, by the address: NaN as well, but such that any arithmetic changes it.
constexpr uint64_t AROUND = 0x7ff57fa57fa57fa5;

static unsigned char around(Address address) { return (unsigned char)(AROUND >> 8 * (address % 8)); }

struct Pool {
    uint64_t release_threshold = 0, used = 0, used_high = 0;
    int reuse[3] = {1, 1, 1};
};

struct Allocation {
    Address mapping;
    size_t mapped;  // with a page on both sides that cannot be accessed
    size_t bytes;
    Pool *pool;
    bool freed;
};

struct Memory {
    std::map<Address, Allocation> allocations;
    std::deque<Address> freed;
    std::map<const char *, size_t> pinned;
    Pool default_pool, plain;
    size_t in_use = 0;
};
static Memory &memory() {
    static Memory *memory = new Memory();
    return *memory;
}

// The allocation that holds `address`, or whose guard pages do.
static const std::pair<const Address, Allocation> *find(Address address) {
    auto after = memory().allocations.upper_bound(address + PAGE + ALIGNMENT);
    for (int steps = 0; after != memory().allocations.begin() && steps < 3; steps++) {
        --after;
        const Allocation &a = after->second;
        if (address >= a.mapping && address < a.mapping + a.mapped) return &*after;
    }
    return nullptr;
}

static bool in_allocation(Address address, size_t bytes) {
    const auto *found = find(address);
    return found && !found->second.freed && address >= found->first &&
           address + bytes <= found->first + found->second.bytes;
}

std::string describe_address(Address address) {
    const auto *found = find(address);
    if (!found) return "";
    long long offset = (long long)(address - found->first);
    return std::string(found->second.freed ? "freed device memory" : "device memory") + ", byte " +
           std::to_string(offset) + " of an allocation of " + std::to_string(found->second.bytes) + " bytes";
}

static void check(Address address, const Allocation &a, const std::string &after) {
    Address first = std::max(a.mapping + PAGE, address - CHECKED), end = a.mapping + a.mapped - PAGE;
    auto touched = [&](Address from, Address to) {
        for (Address at = from; at < to; at++) {
            if (*reinterpret_cast<unsigned char *>(at) == around(at)) continue;
            fprintf(stderr, "emulator: %s wrote byte %lld of an allocation of %zu bytes\n", after.c_str(),
                    (long long)(at - address), a.bytes);
            abort();
        }
    };
    bool untouched = true;
    for (Address at = first; at < address; at += 8) untouched &= *reinterpret_cast<uint64_t *>(at) == AROUND;
    if (!untouched) touched(first, address);
    touched(address + a.bytes, end);
}

void check_memory(const std::string &after) {
    for (const auto &[address, a] : memory().allocations) {
        if (!a.freed) check(address, a, after);
    }
}

static Result allocate(Address *out, size_t bytes, Pool *pool) {
    if (bytes == 0) return INVALID_VALUE;
    if (memory().in_use + bytes > device().memory) return OUT_OF_MEMORY;
    size_t aligned = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t mapped = (aligned + PAGE - 1) / PAGE * PAGE + 2 * PAGE;
    void *mapping = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return OUT_OF_MEMORY;
    unsigned char *inside = static_cast<unsigned char *>(mapping) + PAGE;
    if (mprotect(inside, mapped - 2 * PAGE, PROT_READ | PROT_WRITE)) return OUT_OF_MEMORY;
    for (size_t at = 0; at < PAGE; at++) inside[at] = inside[mapped - 3 * PAGE + at] = around(at);
    *out = reinterpret_cast<Address>(mapping) + mapped - PAGE - aligned;
    memset(reinterpret_cast<void *>(*out), UNWRITTEN, bytes);
    memory().allocations[*out] = {reinterpret_cast<Address>(mapping), mapped, bytes, pool, false};
    memory().in_use += bytes;
    pool->used += bytes;
    pool->used_high = std::max(pool->used_high, pool->used);
    return SUCCESS;
}

static void release(Address address) {
    Allocation &a = memory().allocations[address];
    check(address, a, "something before it was freed");
    a.freed = true;
    memory().in_use -= a.bytes;
    void *mapping = reinterpret_cast<void *>(a.mapping);
    madvise(mapping, a.mapped, MADV_DONTNEED);
    mprotect(mapping, a.mapped, PROT_NONE);
    memory().freed.push_back(address);
    if (memory().freed.size() <= KEPT_FREED) return;
    Address oldest = memory().freed.front();
    memory().freed.pop_front();
    munmap(reinterpret_cast<void *>(memory().allocations[oldest].mapping), memory().allocations[oldest].mapped);
    memory().allocations.erase(oldest);
}

static Allocation *allocation(Address address) {
    auto found = memory().allocations.find(address);
    return found == memory().allocations.end() || found->second.freed ? nullptr : &found->second;
}

static bool is_pinned(const void *start, size_t bytes) {
    const char *from = static_cast<const char *>(start);
    auto after = memory().pinned.upper_bound(from);
    if (after == memory().pinned.begin()) return false;
    --after;
    return from + bytes <= after->first + after->second;
}

static void *pointer(Address address) { return reinterpret_cast<void *>(address); }

// What a synchronous call does before its work: on the default stream, after all that is bound to it.
static Result begin_synchronous() {
    if (Result refused = refuse_in_capture()) return refused;
    run_with_default();
    return SUCCESS;
}

template <typename T> static Result set(Address to, T value, size_t count, Stream *stream) {
    if (!in_allocation(to, count * sizeof(T)) || to % sizeof(T)) return INVALID_VALUE;
    return enqueue(stream, [=] { std::fill_n(static_cast<T *>(pointer(to)), count, value); });
}

}  // namespace driver

using namespace driver;

// --- Allocation ---

API int cuMemAlloc_v2(Address *out, size_t bytes) {
    ENTER();
    if (Result refused = refuse_in_capture()) return refused;
    return allocate(out, bytes, &memory().plain);
}

API int cuMemFree_v2(Address address) {
    ENTER();
    if (address == 0) return SUCCESS;
    if (Result refused = refuse_in_capture()) return refused;
    if (!allocation(address)) return INVALID_VALUE;
    run_all();
    Allocation *found = allocation(address);
    if (!found) return INVALID_VALUE;
    found->pool->used -= found->bytes;
    release(address);
    return SUCCESS;
}

API int cuMemAllocFromPoolAsync(Address *out, size_t bytes, Pool *pool, Stream *stream) {
    ENTER();
    if (Result refused = refuse_in_capture(stream)) return refused;
    return allocate(out, bytes, pool);
}
API int cuMemAllocAsync(Address *out, size_t bytes, Stream *stream) {
    return cuMemAllocFromPoolAsync(out, bytes, &memory().default_pool, stream);
}

API int cuMemFreeAsync(Address address, Stream *stream) {
    ENTER();
    if (address == 0) return INVALID_VALUE;
    if (Result refused = refuse_in_capture(stream)) return refused;
    Allocation *found = allocation(address);
    if (!found) return INVALID_VALUE;
    found->pool->used -= found->bytes;
    return enqueue(stream, [=] {
        if (allocation(address)) release(address);
    });
}

API int cuMemGetInfo_v2(size_t *free, size_t *total) {
    ENTER();
    *total = device().memory;
    *free = *total - memory().in_use;
    return SUCCESS;
}

API int cuMemHostAlloc(void **out, size_t bytes, unsigned) {
    ENTER();
    if (Result refused = refuse_in_capture()) return refused;
    if (bytes == 0) return INVALID_VALUE;
    *out = malloc(bytes);
    memset(*out, UNWRITTEN, bytes);
    memory().pinned[static_cast<char *>(*out)] = bytes;
    return SUCCESS;
}
API int cuMemAllocHost_v2(void **out, size_t bytes) { return cuMemHostAlloc(out, bytes, 0); }

API int cuMemFreeHost(void *address) {
    ENTER();
    if (Result refused = refuse_in_capture()) return refused;
    if (!memory().pinned.count(static_cast<char *>(address))) return INVALID_VALUE;
    run_all();
    memory().pinned.erase(static_cast<char *>(address));
    free(address);
    return SUCCESS;
}

// --- Pools ---

API int cuDeviceGetDefaultMemPool(Pool **pool, int) {
    ENTER(false);
    *pool = &memory().default_pool;
    return SUCCESS;
}
API int cuDeviceGetMemPool(Pool **pool, int index) { return cuDeviceGetDefaultMemPool(pool, index); }

API int cuDeviceSetMemPool(int, Pool *pool) { return pool == &memory().default_pool ? SUCCESS : NOT_SUPPORTED; }

API int cuMemPoolCreate(Pool **pool, const void *) {
    ENTER();
    *pool = new Pool();
    return SUCCESS;
}

API int cuMemPoolDestroy(Pool *) { return SUCCESS; }  // its memory may outlive it

API int cuMemPoolTrimTo(Pool *, size_t) {
    ENTER();
    return SUCCESS;
}

// By the numbers of CUmemPool_attribute: 1 to 3 reuse, 4 release threshold, 5 and 6 reserved now and at most, 7 and 8
// used now and at most. Here nothing is reserved that is not used.
API int cuMemPoolGetAttribute(Pool *pool, int attribute, void *value) {
    ENTER();
    uint64_t *out = static_cast<uint64_t *>(value);
    switch (attribute) {
        case 1: case 2: case 3: *static_cast<int *>(value) = pool->reuse[attribute - 1]; return SUCCESS;
        case 4: *out = pool->release_threshold; return SUCCESS;
        case 5: case 7: *out = pool->used; return SUCCESS;
        case 6: case 8: *out = pool->used_high; return SUCCESS;
        default: return INVALID_VALUE;
    }
}

API int cuMemPoolSetAttribute(Pool *pool, int attribute, void *value) {
    ENTER();
    switch (attribute) {
        case 1: case 2: case 3: pool->reuse[attribute - 1] = *static_cast<int *>(value); return SUCCESS;
        case 4: pool->release_threshold = *static_cast<uint64_t *>(value); return SUCCESS;
        case 6: case 8:
            if (*static_cast<uint64_t *>(value)) return INVALID_VALUE;  // it can only be reset
            pool->used_high = pool->used;
            return SUCCESS;
        default: return INVALID_VALUE;
    }
}

// --- Copies ---

API int cuMemcpyHtoD_v2(Address to, const void *from, size_t bytes) {
    ENTER();
    if (Result refused = begin_synchronous()) return refused;
    if (!in_allocation(to, bytes)) return INVALID_VALUE;
    memcpy(pointer(to), from, bytes);
    return SUCCESS;
}

API int cuMemcpyDtoH_v2(void *to, Address from, size_t bytes) {
    ENTER();
    if (Result refused = begin_synchronous()) return refused;
    if (!in_allocation(from, bytes)) return INVALID_VALUE;
    memcpy(to, pointer(from), bytes);
    return SUCCESS;
}

API int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
    ENTER();
    if (Result refused = begin_synchronous()) return refused;
    if (!in_allocation(to, bytes) || !in_allocation(from, bytes)) return INVALID_VALUE;
    memmove(pointer(to), pointer(from), bytes);
    return SUCCESS;
}

// From pinned memory the bytes are read when the stream comes to the copy, from other memory at once.
API int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Stream *stream) {
    ENTER();
    if (!in_allocation(to, bytes)) return INVALID_VALUE;
    if (is_pinned(from, bytes)) return enqueue(stream, [=] { memcpy(pointer(to), from, bytes); });
    if (Result refused = refuse_in_capture(stream)) return refused;
    const char *start = static_cast<const char *>(from);
    auto copied = std::make_shared<std::vector<char>>(start, start + bytes);
    return enqueue(stream, [=] { memcpy(pointer(to), copied->data(), bytes); });
}

// To pinned memory the bytes come when something waits for the stream, to other memory at once.
API int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream *stream) {
    ENTER();
    if (!in_allocation(from, bytes)) return INVALID_VALUE;
    bool pinned = is_pinned(to, bytes);
    if (!pinned) {
        if (Result refused = refuse_in_capture(stream)) return refused;
    }
    Result result = enqueue(stream, [=] { memcpy(to, pointer(from), bytes); });
    if (!pinned && !result) run_stream(stream);
    return result;
}

API int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *stream) {
    ENTER();
    if (!in_allocation(to, bytes) || !in_allocation(from, bytes)) return INVALID_VALUE;
    return enqueue(stream, [=] { memmove(pointer(to), pointer(from), bytes); });
}

API int cuMemsetD8_v2(Address to, unsigned char value, size_t count) {
    ENTER();
    if (Result refused = begin_synchronous()) return refused;
    return set(to, value, count, nullptr);
}
API int cuMemsetD32_v2(Address to, unsigned value, size_t count) {
    ENTER();
    if (Result refused = begin_synchronous()) return refused;
    return set(to, value, count, nullptr);
}
API int cuMemsetD8Async(Address to, unsigned char value, size_t count, Stream *stream) {
    ENTER();
    return set(to, value, count, stream);
}
API int cuMemsetD16Async(Address to, unsigned short value, size_t count, Stream *stream) {
    ENTER();
    return set(to, value, count, stream);
}
API int cuMemsetD32Async(Address to, unsigned value, size_t count, Stream *stream) {
    ENTER();
    return set(to, value, count, stream);
}
