// The threads of a block are fibers: they run one at a time, each until it waits (at a barrier, or for its warp) or
// returns. Part of emulated.h.
#pragma once

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace EMULATOR_HIDDEN emulator {

typedef void (*Kernel)(void **arguments);

struct Launch {
    const char *name;
    Kernel kernel;
    dim3 grid, block;
    size_t shared;
    void **arguments;
};

constexpr size_t STACK = 64 << 10, STACK_GUARD = 64;
constexpr unsigned WARP = 32, MOST_THREADS = 1024;
constexpr unsigned char CANARY = 0xa5, UNWRITTEN = 0xff;
constexpr size_t CANARY_BYTES = 256;

// A copy of 16 bytes that cp.async began: it takes place when the thread waits for it.
struct PendingCopy {
    void *to;
    const void *from;
    unsigned group;
    bool take;
};

enum class State { begins, ready, at_barrier, in_warp, returned };

struct Thread {
#if defined(__x86_64__)
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    State state;
    unsigned index;
    uint3 position;
    // What it waits for.
    int line;
    int vote, votes_and, votes_or, votes_count;
    unsigned mask;
    const char *operation;
    void *offer;
    bool done;
    PendingCopy *copies;
    unsigned copy_count, copy_room, copy_group;
};

// What one thread of the operating system needs to run blocks.
struct Engine {
    const Launch *launch;
    uint3 block;
    unsigned threads, alive, at_barrier, releases;
    Thread thread[MOST_THREADS];
    Thread *current;
    Thread host;
    unsigned ready[MOST_THREADS], first_ready, ready_count;
    // Of each warp: the lanes that have not returned, and those that wait for others of the warp.
    unsigned alive_lanes[MOST_THREADS / WARP], waiting_lanes[MOST_THREADS / WARP];
    unsigned char *stacks, *shared;
    Engine *next_idle;
};

inline thread_local Engine *engine = nullptr;

}  // namespace emulator

EMULATOR_HIDDEN inline thread_local uint3 threadIdx = {0, 0, 0}, blockIdx = {0, 0, 0};
EMULATOR_HIDDEN inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace EMULATOR_HIDDEN emulator {

// Kernel, block and thread that run on this thread of the operating system; empty where none does.
inline void describe(char *text, size_t size) {
    *text = 0;
    if (!engine) return;
    const Engine &e = *engine;
    int length = snprintf(text, size, "kernel %s, block (%u, %u, %u)", e.launch->name, e.block.x, e.block.y, e.block.z);
    if (!e.current) return;
    uint3 at = e.current->position;
    snprintf(text + length, size - length, ", thread (%u, %u, %u)", at.x, at.y, at.z);
}

// Says what is wrong, and where, and ends the process: a kernel that is wrong has no result.
[[noreturn]] inline void fail(const char *what) {
    char where[240];
    describe(where, sizeof where);
    fprintf(stderr, "emulator: %s: %s\n", where, what);
    abort();
}

// --- Stacks ---

// One after the other; the last bytes of each show whether the next one grew too deep. Those before the first are its
// guard too.
inline unsigned char *stack_of(const Engine &e, unsigned thread) { return e.stacks + STACK + thread * STACK; }

inline Engine *new_engine() {
    Engine *engine = static_cast<Engine *>(calloc(1, sizeof(Engine)));
    size_t bytes = (1 + MOST_THREADS) * STACK;
    void *stacks = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!engine || stacks == MAP_FAILED) {
        fprintf(stderr, "emulator: no memory for stacks\n");
        abort();
    }
    engine->stacks = static_cast<unsigned char *>(stacks);
    return engine;
}

inline void delete_engine(Engine *engine) {
    munmap(engine->stacks, (1 + MOST_THREADS) * STACK);
    for (Thread &thread : engine->thread) free(thread.copies);
    free(engine);
}

inline void check_stack(const Engine &e, unsigned thread) {
    const unsigned char *guard = stack_of(e, thread) - STACK_GUARD;
    for (size_t i = 0; i < STACK_GUARD; i++) {
        if (guard[i] != CANARY) fail("its local variables take more than 64 KiB");
    }
}

// --- Switching between fibers ---

#if defined(__x86_64__)
// Saves the registers that a call must keep and the stack pointer, and takes up those saved at `load`.
__attribute__((naked, noipa)) inline void switch_stacks(void ** /*save: rdi*/, void * /*load: rsi*/) {
    asm("pushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
        "movq %rsp, (%rdi)\n\tmovq %rsi, %rsp\n\t"
        "popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\tret");
}
inline void switch_threads(Thread &from, Thread &to) { switch_stacks(&from.stack_pointer, to.stack_pointer); }

inline void prepare_stack(Thread &thread, unsigned char *stack, void (*entry)()) {
    // Tops of stacks at different places in their pages: the cache holds more of them.
    void **top = reinterpret_cast<void **>(stack + STACK - STACK_GUARD - thread.index % 32 * 192);
    *--top = nullptr;  // keeps the stack aligned as a call does
    *--top = reinterpret_cast<void *>(entry);
    for (int saved = 0; saved < 6; saved++) *--top = nullptr;
    thread.stack_pointer = top;
}
#else
inline void switch_threads(Thread &from, Thread &to) { swapcontext(&from.context, &to.context); }

inline void prepare_stack(Thread &thread, unsigned char *stack, void (*entry)()) {
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stack;
    thread.context.uc_stack.ss_size = STACK - STACK_GUARD;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, entry, 0);
}
#endif

// Goes on with the thread that has been ready longest; where there is none, with the host.
inline void run_another() {
    Engine &e = *engine;
    Thread *from = e.current, *to = nullptr;
    if (e.ready_count) {
        to = &e.thread[e.ready[e.first_ready]];
        e.first_ready = (e.first_ready + 1) % MOST_THREADS;
        e.ready_count--;
    }
    e.current = to;
    if (to != from) switch_threads(*from, to ? *to : e.host);
    threadIdx = from->position;
}

inline void make_ready(Thread &thread) {
    Engine &e = *engine;
    if (thread.state == State::ready) return;
    thread.state = State::ready;
    e.ready[(e.first_ready + e.ready_count++) % MOST_THREADS] = thread.index;
}

// Threads that wait together go on in rising or falling order, by turns without a pattern: where a barrier is missing,
// one of the orders shows it. TRAINYARD_EMULATOR_ORDER is `mixed` (unless set), `rising` or `falling`.
inline bool falling_order() {
    static const int fixed = [] {
        const char *order = getenv("TRAINYARD_EMULATOR_ORDER");
        return !order || !strcmp(order, "mixed") ? -1 : !strcmp(order, "falling");
    }();
    if (fixed >= 0) return fixed;
    Engine &e = *engine;
    unsigned seed = (e.releases++ * 7 + e.block.x * 3 + e.block.y * 5 + e.block.z) * 2654435761u;
    return seed >> 31;
}

template <typename Each> inline void in_some_order(unsigned count, Each each) {
    bool falling = falling_order();
    for (unsigned i = 0; i < count; i++) each(falling ? count - 1 - i : i);
}

}  // namespace emulator
