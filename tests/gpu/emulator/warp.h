// What the threads of a warp do together. Each lane offers its operands and waits; the last to come computes the
// results of all. Part of emulated.h.
#pragma once

namespace EMULATOR_HIDDEN emulator {

inline unsigned lane_index() { return engine->current->index % WARP; }

// Lanes of the current warp that exist and have not returned.
inline unsigned lanes_alive() { return engine->alive_lanes[engine->current->index / WARP]; }

// Operations that go on without the lanes of their mask that have returned.
enum class Returned { not_allowed, left_out };

[[noreturn]] inline void fail_of_lane(const Thread &thread, unsigned lane, const char *what) {
    char text[160];
    snprintf(text, sizeof text, "the mask %08x of %s (line %d) names lane %u, which %s", thread.mask, thread.operation,
             thread.line, lane, what);
    fail(text);
}

// Waits until all lanes of `mask` have come to the same operation; then `compute` gets the offers of all of them, by
// lane, with null for lanes outside of `mask`.
template <typename Offer, typename Compute>
inline void together(const char *operation, unsigned mask, int line, Returned returned, Offer &offer,
                     Compute compute) {
    Engine &e = *engine;
    Thread &thread = *e.current;
    unsigned warp = thread.index / WARP, self = thread.index % WARP;
    Thread *lanes = e.thread + warp * WARP;
    thread.mask = mask;
    thread.operation = operation;
    thread.line = line;
    thread.offer = &offer;
    thread.done = false;
    if (!(mask >> self & 1)) fail("a lane waits in its warp, but its mask does not name it");
    e.waiting_lanes[warp] |= 1u << self;
    while (!thread.done) {
        unsigned missing = mask & ~e.alive_lanes[warp], needed = mask & ~missing;
        if (missing && returned == Returned::not_allowed) {
            fail_of_lane(thread, __builtin_ctz(missing), "has returned or does not exist");
        }
        if ((e.waiting_lanes[warp] & needed) != needed) {
            thread.state = State::in_warp;
            run_another();
            continue;
        }
        Offer *offers[WARP];
        for (unsigned i = 0; i < WARP; i++) {
            offers[i] = needed >> i & 1 ? static_cast<Offer *>(lanes[i].offer) : nullptr;
            if (!offers[i] || (lanes[i].mask == mask && lanes[i].operation == operation)) continue;
            fail_of_lane(thread, i, "waits in another operation, or with another mask");
        }
        compute(offers);
        e.waiting_lanes[warp] &= ~needed;
        thread.state = State::in_warp;
        in_some_order(WARP, [&](unsigned i) {
            if (!(needed >> i & 1)) return;
            lanes[i].done = true;
            make_ready(lanes[i]);
        });
        run_another();
    }
}

// Where lane `lane` reads, among `width` lanes; -1: from itself.
typedef int (*Source)(int lane, int argument, int width);

template <typename T> struct ShuffleOffer {
    T value, result;
    int argument, width;
};

template <typename T>
inline T shuffle(const char *operation, unsigned mask, T value, int argument, int width, int line, Source source) {
    if (width < 1 || width > 32 || (width & (width - 1))) fail("the width of a shuffle is a power of two up to 32");
    ShuffleOffer<T> offer = {value, value, argument, width};
    together(operation, mask, line, Returned::not_allowed, offer, [=](ShuffleOffer<T> **offers) {
        for (int lane = 0; lane < 32; lane++) {
            if (!offers[lane]) continue;
            int from = source(lane, offers[lane]->argument, offers[lane]->width);
            if (from < 0) from = lane;
            // The value of a lane outside of the mask is not defined.
            if (offers[from]) offers[lane]->result = offers[from]->value;
            else memset(static_cast<void *>(&offers[lane]->result), UNWRITTEN, sizeof(T));
        }
    });
    return offer.result;
}

inline int from_index(int lane, int index, int width) { return (lane & ~(width - 1)) | (index & (width - 1)); }
inline int from_xor(int lane, int mask, int width) {
    int from = lane ^ mask;
    return from <= (lane | (width - 1)) ? from : -1;
}
inline int from_below(int lane, int distance, int width) {
    int from = lane - distance;
    return from >= (lane & ~(width - 1)) ? from : -1;
}
inline int from_above(int lane, int distance, int width) {
    int from = lane + distance;
    return from <= (lane | (width - 1)) ? from : -1;
}

struct VoteOffer {
    bool value;
    unsigned result;
};

// Lanes that have returned have no vote.
inline unsigned ballot(const char *operation, unsigned mask, bool value, int line) {
    VoteOffer offer = {value, 0};
    together(operation, mask, line, Returned::left_out, offer, [](VoteOffer **offers) {
        unsigned votes = 0;
        for (int lane = 0; lane < 32; lane++) votes |= (unsigned)(offers[lane] && offers[lane]->value) << lane;
        for (int lane = 0; lane < 32; lane++) {
            if (offers[lane]) offers[lane]->result = votes;
        }
    });
    return offer.result;
}

}  // namespace emulator

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, int line = __builtin_LINE()) {
    return emulator::shuffle("__shfl_sync", mask, value, lane, width, line, emulator::from_index);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, int line = __builtin_LINE()) {
    return emulator::shuffle("__shfl_xor_sync", mask, value, lanes, width, line, emulator::from_xor);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32, int line = __builtin_LINE()) {
    return emulator::shuffle("__shfl_up_sync", mask, value, (int)distance, width, line, emulator::from_below);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32, int line = __builtin_LINE()) {
    return emulator::shuffle("__shfl_down_sync", mask, value, (int)distance, width, line, emulator::from_above);
}

inline unsigned __ballot_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return emulator::ballot("__ballot_sync", mask, vote != 0, line);
}
inline int __any_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return emulator::ballot("__any_sync", mask, vote != 0, line) != 0;
}
inline int __all_sync(unsigned mask, int vote, int line = __builtin_LINE()) {
    return emulator::ballot("__all_sync", mask, vote == 0, line) == 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE()) {
    emulator::ballot("__syncwarp", mask, false, line);
}
// All lanes that have not returned: here a warp has no other notion of lanes that run together.
inline unsigned __activemask() { return emulator::lanes_alive(); }
