// Barriers, blocks and launches. Blocks run one after the other on each thread of the operating system. Part of
// emulated.h.
#pragma once

namespace EMULATOR_HIDDEN emulator {

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
    Thread &self = *e.current;
    check_stack(e, self.index);
    unsigned warp = self.index / WARP;
    self.state = State::returned;
    e.alive--;
    e.alive_lanes[warp] &= ~(1u << self.index % WARP);
    if (e.alive && e.at_barrier == e.alive) release_barrier();
    // Others of the warp may have waited for no one but this lane.
    unsigned waiting = e.waiting_lanes[warp];
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (waiting >> lane & 1) make_ready(e.thread[warp * WARP + lane]);
    }
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

inline unsigned char *dynamic_shared() { return engine->shared; }

// The static shared memory of this module on this thread: all of its thread-local storage.
struct StaticShared {
    char *start = nullptr;
    size_t bytes = 0;
};

inline int find_static_shared(dl_phdr_info *module, size_t, void *out) {
    uintptr_t here = reinterpret_cast<uintptr_t>(&find_static_shared);
    const ElfW(Phdr) *storage = nullptr;
    bool ours = false;
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) &segment = module->dlpi_phdr[i];
        uintptr_t start = module->dlpi_addr + segment.p_vaddr;
        ours |= segment.p_type == PT_LOAD && here >= start && here < start + segment.p_memsz;
        if (segment.p_type == PT_TLS) storage = &segment;
    }
    if (!ours) return 0;
    // A program has variables of its own there; a module has none.
    if (storage && *module->dlpi_name) {
        *static_cast<StaticShared *>(out) = {static_cast<char *>(module->dlpi_tls_data), storage->p_memsz};
    }
    return 1;
}

// Nobody may read what no thread of the block has written.
inline void forget_static_shared(const StaticShared &shared) {
    if (!shared.start) return;
    Engine *kept_engine = engine;
    uint3 kept_thread = threadIdx, kept_block = blockIdx;
    dim3 kept_block_size = blockDim, kept_grid = gridDim;
    memset(shared.start, UNWRITTEN, shared.bytes);
    engine = kept_engine;
    threadIdx = kept_thread, blockIdx = kept_block;
    blockDim = kept_block_size, gridDim = kept_grid;
}

inline void run_block(Engine &e, uint3 block) {
    e.block = blockIdx = block;
    e.alive = e.threads;
    e.at_barrier = e.first_ready = e.ready_count = e.releases = 0;
    memset(e.waiting_lanes, 0, sizeof e.waiting_lanes);
    memset(e.alive_lanes, 0, sizeof e.alive_lanes);
    memset(e.shared, UNWRITTEN, e.launch->shared);
    for (unsigned i = 0; i < e.threads; i++) {
        Thread &thread = e.thread[i];
        thread.index = i;
        thread.state = State::begins;
        e.alive_lanes[i / WARP] |= 1u << i % WARP;
        thread.position = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        thread.copy_count = thread.copy_group = 0;
        memset(stack_of(e, i) - STACK_GUARD, CANARY, STACK_GUARD);
        prepare_stack(thread, stack_of(e, i), thread_main);
    }
    in_some_order(e.threads, [&](unsigned i) { make_ready(e.thread[i]); });
    e.current = &e.host;
    run_another();
    if (e.alive) fail_of_deadlock();
    for (size_t i = e.launch->shared; i < e.launch->shared + CANARY_BYTES; i++) {
        if (e.shared[i] != CANARY) fail("a thread wrote beyond the end of dynamic shared memory");
    }
}

// Engines are kept until the module goes: their stacks are large.
struct IdleEngines {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    Engine *first = nullptr;

    Engine *take() {
        pthread_mutex_lock(&lock);
        Engine *engine = first;
        if (engine) first = engine->next_idle;
        pthread_mutex_unlock(&lock);
        return engine ? engine : new_engine();
    }
    void give_back(Engine *engine) {
        pthread_mutex_lock(&lock);
        engine->next_idle = first;
        first = engine;
        pthread_mutex_unlock(&lock);
    }
    ~IdleEngines() {
        while (Engine *engine = first) {
            first = engine->next_idle;
            delete_engine(engine);
        }
    }
};
inline IdleEngines idle_engines;

// A launch whose blocks are shared out: `next` is the first that nobody has begun.
struct SharedLaunch {
    const Launch &launch;
    size_t next;
};

inline void *run_blocks(void *shared_launch) {
    SharedLaunch &shared = *static_cast<SharedLaunch *>(shared_launch);
    const Launch &launch = shared.launch;
    Engine &e = *(engine = idle_engines.take());
    e.launch = &launch;
    e.threads = launch.block.x * launch.block.y * launch.block.z;
    e.shared = static_cast<unsigned char *>(aligned_alloc(16, (launch.shared + CANARY_BYTES + 15) / 16 * 16));
    memset(e.shared + launch.shared, CANARY, CANARY_BYTES);
    blockDim = launch.block;
    gridDim = launch.grid;
    StaticShared static_shared;
    dl_iterate_phdr(find_static_shared, &static_shared);
    size_t x = launch.grid.x, y = launch.grid.y, blocks = x * y * launch.grid.z;
    while (true) {
        size_t i = __atomic_fetch_add(&shared.next, 1, __ATOMIC_RELAXED);
        if (i >= blocks) break;
        forget_static_shared(static_shared);
        run_block(e, {(unsigned)(i % x), (unsigned)(i / x % y), (unsigned)(i / x / y)});
    }
    free(e.shared);
    engine = nullptr;
    idle_engines.give_back(&e);
    return nullptr;
}

// TRAINYARD_EMULATOR_THREADS: threads of the operating system that share the blocks of a launch; all cores unless set.
constexpr size_t MOST_WORKERS = 64;
inline size_t workers() {
    static const size_t count = [] {
        const char *set = getenv("TRAINYARD_EMULATOR_THREADS");
        long wanted = set ? atol(set) : sysconf(_SC_NPROCESSORS_ONLN);
        return wanted < 1 ? 1 : min((size_t)wanted, MOST_WORKERS);
    }();
    return count;
}

inline void launch(const Launch &launch) {
    SharedLaunch shared = {launch, 0};
    size_t blocks = (size_t)launch.grid.x * launch.grid.y * launch.grid.z;
    // Not for little work: to start a thread takes time too.
    bool little = blocks * launch.block.x * launch.block.y * launch.block.z <= 2048;
    size_t others = little ? 0 : min(workers(), blocks) - 1;
    pthread_t thread[MOST_WORKERS];
    for (size_t i = 0; i < others; i++) {
        if (pthread_create(&thread[i], nullptr, run_blocks, &shared)) others = i;
    }
    run_blocks(&shared);
    for (size_t i = 0; i < others; i++) pthread_join(thread[i], nullptr);
}

}  // namespace emulator

inline void __syncthreads(int line = __builtin_LINE()) { emulator::barrier(0, line); }
inline int __syncthreads_or(int vote, int line = __builtin_LINE()) { return emulator::barrier(vote, line).votes_or; }
inline int __syncthreads_and(int vote, int line = __builtin_LINE()) { return emulator::barrier(vote, line).votes_and; }
inline int __syncthreads_count(int vote, int line = __builtin_LINE()) {
    return emulator::barrier(vote, line).votes_count;
}
