// The threads of a block are fibers: they run one at a time, each until it waits (at a barrier, or for its warp) or
// returns. Blocks run one after the other on each thread of the operating system. Part of emulated.h.
#pragma once

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {

typedef void (*Kernel)(void **arguments);

struct Launch {
    const char *name;
    Kernel kernel;
    dim3 grid, block;
    size_t shared;
    void **arguments;
};

constexpr size_t STACK = 64 << 10, GUARD = 4096;
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

enum class State { ready, at_barrier, in_warp, returned };

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
    std::vector<PendingCopy> copies;
    unsigned copy_group;
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
    unsigned char *stacks = nullptr;
    std::vector<unsigned char> shared;
};

inline thread_local Engine *engine = nullptr;

}  // namespace emulator

inline thread_local uint3 threadIdx = {0, 0, 0}, blockIdx = {0, 0, 0};
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulator {

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
    void **top = reinterpret_cast<void **>(stack + STACK);
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
    thread.context.uc_stack.ss_size = STACK;
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

// --- Barriers ---

inline void release_barrier() {
    Engine &e = *engine;
    int line = 0, all = 1, any = 0, count = 0;
    for (unsigned i = 0; i < e.threads; i++) {
        Thread &thread = e.thread[i];
        if (thread.state != State::at_barrier) continue;
        if (line && thread.line != line) {
            char text[120];
            snprintf(text, sizeof text, "other threads wait at the barrier of line %d, this one at line %d", line,
                     thread.line);
            e.current = &thread;
            fail(text);
        }
        line = thread.line;
        all &= thread.vote != 0;
        any |= thread.vote != 0;
        count += thread.vote != 0;
    }
    e.at_barrier = 0;
    in_some_order(e.threads, [&](unsigned i) {
        Thread &thread = e.thread[i];
        if (thread.state != State::at_barrier) return;
        thread.votes_and = all, thread.votes_or = any, thread.votes_count = count;
        make_ready(thread);
    });
}

// Waits for all threads of the block that have not returned.
inline Thread &barrier(int vote, int line) {
    Engine &e = *engine;
    Thread &thread = *e.current;
    thread.state = State::at_barrier;
    thread.vote = vote;
    thread.line = line;
    if (++e.at_barrier == e.alive) release_barrier();
    run_another();
    return thread;
}

// --- Blocks ---

inline void thread_main() {
    Engine &e = *engine;
    threadIdx = e.current->position;
    e.launch->kernel(e.launch->arguments);
    e.current->state = State::returned;
    e.alive--;
    if (e.alive && e.at_barrier == e.alive) release_barrier();
    run_another();
}

// Called when no thread is ready though some have not returned.
[[noreturn]] inline void fail_of_deadlock() {
    Engine &e = *engine;
    unsigned barriers = 0, in_warp = 0, returned = 0;
    for (unsigned i = 0; i < e.threads; i++) {
        barriers += e.thread[i].state == State::at_barrier;
        in_warp += e.thread[i].state == State::in_warp;
        returned += e.thread[i].state == State::returned;
        if (!e.current && e.thread[i].state == State::in_warp) e.current = &e.thread[i];
    }
    char text[240];
    snprintf(text, sizeof text,
             "deadlock: it waits in %s (line %d) for the lanes of mask %08x; %u threads wait at a barrier, %u in their "
             "warp, %u have returned",
             e.current->operation, e.current->line, e.current->mask, barriers, in_warp, returned);
    fail(text);
}

inline unsigned char *dynamic_shared() { return engine->shared.data(); }

inline void run_block(Engine &e, uint3 block) {
    e.block = blockIdx = block;
    e.alive = e.threads;
    e.at_barrier = e.first_ready = e.ready_count = e.releases = 0;
    memset(e.shared.data(), UNWRITTEN, e.launch->shared);
    for (unsigned i = 0; i < e.threads; i++) {
        Thread &thread = e.thread[i];
        thread.index = i;
        thread.position = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        thread.copies.clear();
        thread.copy_group = 0;
        prepare_stack(thread, e.stacks + i * (STACK + GUARD) + GUARD, thread_main);
    }
    in_some_order(e.threads, [&](unsigned i) { make_ready(e.thread[i]); });
    e.current = &e.host;
    run_another();
    if (e.alive) fail_of_deadlock();
    for (size_t i = e.launch->shared; i < e.launch->shared + CANARY_BYTES; i++) {
        if (e.shared[i] != CANARY) fail("a thread wrote beyond the end of dynamic shared memory");
    }
}

// Engines are kept: their stacks are large.
struct Engines {
    std::mutex lock;
    std::vector<Engine *> idle;

    Engine *take() {
        std::lock_guard<std::mutex> guard(lock);
        if (!idle.empty()) {
            Engine *engine = idle.back();
            idle.pop_back();
            return engine;
        }
        Engine *engine = new Engine();
        size_t bytes = MOST_THREADS * (STACK + GUARD);
        void *stacks = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) {
            fprintf(stderr, "emulator: no memory for stacks\n");
            abort();
        }
        engine->stacks = static_cast<unsigned char *>(stacks);
        for (unsigned i = 0; i < MOST_THREADS; i++) mprotect(engine->stacks + i * (STACK + GUARD), GUARD, PROT_NONE);
        return engine;
    }
    void give_back(Engine *engine) {
        std::lock_guard<std::mutex> guard(lock);
        idle.push_back(engine);
    }
};
inline Engines &engines() {
    static Engines *all = new Engines();
    return *all;
}

// Runs blocks until `next` has passed the last.
inline void run_blocks(const Launch &launch, std::atomic<size_t> &next) {
    Engine *outer = engine;
    Engine &e = *(engine = engines().take());
    e.launch = &launch;
    e.threads = launch.block.x * launch.block.y * launch.block.z;
    e.shared.assign(launch.shared + CANARY_BYTES, CANARY);
    blockDim = launch.block;
    gridDim = launch.grid;
    size_t x = launch.grid.x, y = launch.grid.y, blocks = x * y * launch.grid.z;
    for (size_t i = next++; i < blocks; i = next++) {
        run_block(e, {(unsigned)(i % x), (unsigned)(i / x % y), (unsigned)(i / x / y)});
    }
    engines().give_back(engine);
    engine = outer;
}

// TRAINYARD_EMULATOR_THREADS: threads of the operating system that share the blocks of a launch; all cores unless set.
inline size_t workers() {
    static const size_t count = [] {
        const char *set = getenv("TRAINYARD_EMULATOR_THREADS");
        return std::max<size_t>(1, set ? strtoul(set, nullptr, 10) : std::thread::hardware_concurrency());
    }();
    return count;
}

inline void launch(const Launch &launch) {
    std::atomic<size_t> next{0};
    size_t blocks = (size_t)launch.grid.x * launch.grid.y * launch.grid.z;
    std::vector<std::thread> others;
    for (size_t i = 1; i < std::min(workers(), blocks); i++) {
        others.emplace_back([&] { run_blocks(launch, next); });
    }
    run_blocks(launch, next);
    for (std::thread &other : others) other.join();
}

}  // namespace emulator

inline void __syncthreads(int line = __builtin_LINE()) { emulator::barrier(0, line); }
inline int __syncthreads_or(int vote, int line = __builtin_LINE()) { return emulator::barrier(vote, line).votes_or; }
inline int __syncthreads_and(int vote, int line = __builtin_LINE()) { return emulator::barrier(vote, line).votes_and; }
inline int __syncthreads_count(int vote, int line = __builtin_LINE()) {
    return emulator::barrier(vote, line).votes_count;
}
