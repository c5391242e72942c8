// Checks of emulated.h: known results of warps, barriers, tensor cores and number formats, and mistakes that must end
// the process with a line that names them. Run by check.sh.
#include "emulated.h"
#include "expect.h"

typedef long long i64;

// --- Warps ---

KERNEL(shuffles, (int *out), {
    int lane = threadIdx.x;
    out[lane] = __shfl_sync(0xffffffffu, lane, 5);
    out[32 + lane] = __shfl_sync(0xffffffffu, lane, 9, 8);
    out[64 + lane] = __shfl_xor_sync(0xffffffffu, lane, 3);
    out[96 + lane] = __shfl_up_sync(0xffffffffu, lane, 2, 16);
    out[128 + lane] = __shfl_down_sync(0xffffffffu, lane, 2, 16);
    out[160 + lane] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
    out[192 + lane] = __any_sync(0xffffffffu, lane == 7) + 2 * __all_sync(0xffffffffu, lane < 31);
    if (lane < 16) out[224 + lane] = (int)(__shfl_xor_sync(0x0000ffffu, (double)lane, 15) + 0.5);
    else out[224 + lane] = __shfl_down_sync(0xffff0000u, lane, 1, 16);
    __syncwarp();
})

static void check_shuffles() {
    int out[256];
    emulator::run("shuffles", shuffles, 1, 32, 0, out);
    int votes = 0;
    for (int lane = 0; lane < 32; lane += 3) votes |= 1 << lane;
    for (int lane = 0; lane < 32; lane++) {
        expect(out[lane] == 5, "shuffle from a lane");
        expect(out[32 + lane] == lane / 8 * 8 + 1, "shuffle from a lane of eight");
        expect(out[64 + lane] == (lane ^ 3), "shuffle xor");
        expect(out[96 + lane] == (lane % 16 < 2 ? lane : lane - 2), "shuffle up");
        expect(out[128 + lane] == (lane % 16 > 13 ? lane : lane + 2), "shuffle down");
        expect(out[160 + lane] == votes, "ballot");
        expect(out[192 + lane] == 1, "any and all");
        expect(out[224 + lane] == (lane < 16 ? 15 - lane : lane < 31 ? lane + 1 : 31), "shuffles of half a warp");
    }
}

// Lanes that return early have no vote, and the others do not wait for them.
KERNEL(early_returns, (int *out), {
    if (threadIdx.x % 2) return;
    out[threadIdx.x] = __syncthreads_count(threadIdx.x < 10) + (__popc(__ballot_sync(0xffffffffu, 1)) << 8);
    __syncwarp();
})

static void check_early_returns() {
    int out[96];
    emulator::run("early_returns", early_returns, 1, 96, 0, out);
    for (int i = 0; i < 96; i += 2) expect(out[i] == 5 + (16 << 8), "returned threads have no vote");
}

// --- Blocks ---

// The sum over a block in a tree, for each block of a grid in three dimensions.
KERNEL(tree, (const float *x, float *out), {
    DYNAMIC_SHARED(float, sums);
    int threads = blockDim.x * blockDim.y, thread = threadIdx.y * blockDim.x + threadIdx.x;
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    sums[thread] = x[block * threads + thread];
    for (int half = threads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half) sums[thread] += sums[thread + half];
    }
    if (thread == 0) out[block] = sums[0];
})

static void check_tree() {
    const int blocks = 2 * 3 * 4, threads = 64 * 4;
    static float x[blocks * threads], out[blocks];
    for (int i = 0; i < blocks * threads; i++) x[i] = i % 1000;
    const float *from = x;
    emulator::run("tree", tree, {2, 3, 4}, {64, 4}, threads * sizeof(float), from, (float *)out);
    for (int block = 0; block < blocks; block++) {
        float sum = 0;
        for (int i = 0; i < threads; i++) sum += x[block * threads + i];
        expect(out[block] == sum, "sum over a block");
    }
}

// With a barrier left out, one of the orders of threads shows it.
KERNEL(reverse, (int *out, i64 rounds, i64 barrier), {
    __shared__ int values[64];
    for (i64 round = 0; round < rounds; round++) {
        values[threadIdx.x] = (int)round * 100 + (int)threadIdx.x;
        if (barrier) __syncthreads();
        out[round * 64 + threadIdx.x] = values[63 - threadIdx.x];
        __syncthreads();
    }
})

static bool reverses(i64 barrier) {
    static int out[640];
    emulator::run("reverse", reverse, 1, 64, 0, (int *)out, (i64)10, barrier);
    bool right = true;
    for (int i = 0; i < 640; i++) right &= out[i] == i / 64 * 100 + 63 - i % 64;
    return right;
}

KERNEL(count, (unsigned *total, double *sum), {
    atomicAdd(total, 1u);
    atomicAdd(sum, 0.5);
})

static void check_atomics() {
    unsigned total = 0;
    double sum = 0;
    emulator::run("count", count, 100, 64, 0, &total, &sum);
    expect(total == 6400 && sum == 3200, "atomics over all threads");
}

// --- Tensor cores ---

// One warp: d = a b, a by rows [16, 16], b [16, 8] by rows, through shared memory as real kernels do.
KERNEL(product, (const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *d), {
    __shared__ __align__(16) __nv_bfloat16 a_tile[16][16];
    __shared__ __align__(16) __nv_bfloat16 b_tile[16][8];
    int lane = threadIdx.x;
    cp_async_16(&a_tile[lane / 2][lane % 2 * 8], a + lane * 8);
    cp_async_commit();
    if (lane < 16) cp_async_16(&b_tile[lane][0], b + lane * 8);
    cp_async_commit();
    cp_async_wait<0>();
    __syncwarp();
    unsigned a_part[4];
    unsigned b_part[2];
    ldmatrix_x4(a_part, &a_tile[lane % 16][lane / 16 * 8]);
    ldmatrix_x2_trans(b_part, &b_tile[lane % 16][0]);
    float sum[4] = {0, 0, 0, 0};
    mma_bf16_16816(sum, a_part, b_part);
    for (int r = 0; r < 4; r++) d[(lane / 4 + r / 2 * 8) * 8 + lane % 4 * 2 + r % 2] = sum[r];
})

// The same with operands laid out by hand as in the PTX manual.
KERNEL(product_by_hand, (const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *d), {
    int group = threadIdx.x / 4, place = threadIdx.x % 4;
    auto pair = [](__nv_bfloat16 low, __nv_bfloat16 high) { return (unsigned)high.bits << 16 | low.bits; };
    const __nv_bfloat16 *upper = a + group * 16 + place * 2, *lower = upper + 8 * 16;
    unsigned a_part[4] = {pair(upper[0], upper[1]), pair(lower[0], lower[1]), pair(upper[8], upper[9]),
                          pair(lower[8], lower[9])};
    const __nv_bfloat16 *column = b + place * 2 * 8 + group;
    unsigned b_part[2] = {pair(column[0], column[8]), pair(column[64], column[72])};
    float sum[4] = {0, 0, 0, 0};
    mma_bf16_16816(sum, a_part, b_part);
    d[group * 8 + place * 2] = sum[0];
    d[group * 8 + place * 2 + 1] = sum[1];
    d[(group + 8) * 8 + place * 2] = sum[2];
    d[(group + 8) * 8 + place * 2 + 1] = sum[3];
})

static void check_products() {
    alignas(16) static __nv_bfloat16 a[256], b[128];
    for (int i = 0; i < 256; i++) a[i] = (float)(i * 7 % 23 - 11);
    for (int i = 0; i < 128; i++) b[i] = (float)(i * 5 % 19 - 9);
    const __nv_bfloat16 *from_a = a, *from_b = b;
    float one[128], other[128];
    emulator::run("product", product, 1, 32, 0, from_a, from_b, (float *)one);
    emulator::run("product_by_hand", product_by_hand, 1, 32, 0, from_a, from_b, (float *)other);
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 8; j++) {
            float sum = 0;
            for (int k = 0; k < 16; k++) sum += (float)a[i * 16 + k] * (float)b[k * 8 + j];
            expect(one[i * 8 + j] == sum, "product through ldmatrix");
            expect(other[i * 8 + j] == sum, "product of operands laid out by hand");
        }
    }
}

// A group of copies that nobody has waited for is not there yet.
KERNEL(copies, (const float *x, float *out), {
    __shared__ __align__(16) float first[4];
    __shared__ __align__(16) float second[4];
    cp_async_16(first, x);
    cp_async_commit();
    cp_async_16_zfill(second, x, false);
    cp_async_commit();
    cp_async_wait<1>();
    out[0] = first[3];
    out[1] = second[3];
    cp_async_wait<0>();
    out[2] = second[3];
})

static void check_copies() {
    alignas(16) float x[4] = {1, 2, 3, 4}, out[3];
    const float *from = x;
    emulator::run("copies", copies, 1, 1, 0, from, (float *)out);
    expect(out[0] == 4 && out[1] != out[1] && out[2] == 0, "copies are there once they are waited for");
}

// --- Numbers ---

static void check_numbers() {
    expect(__nv_bfloat16(1.0f + 1.0f / 256).bits == 0x3f80, "ties to even, down");
    expect(__nv_bfloat16(1.0f + 3.0f / 256).bits == 0x3f82, "ties to even, up");
    expect(__nv_bfloat16(1.0f + 1.01f / 256).bits == 0x3f81, "to the nearest");
    expect(__nv_bfloat16(3.4e38f).bits == 0x7f80, "beyond the largest is infinite");
    expect(__nv_bfloat16(NAN).bits == 0x7fff, "NaN stays NaN");
    expect(__double2bfloat16(1.0 + 1.0 / 256 + 1e-12).bits == 0x3f81, "double is rounded once");
    expect(__low2float(__floats2bfloat162_rn(1, 2)) == 1, "the first of a pair is the lower");
    expect(__umulhi(0x80000000u, 6u) == 3 && min(3, 2.5f) == 2.5f && max(-1, 1u) == 0xffffffffu, "integers");
    expect(__float_as_uint(-0.0f) == 0x80000000u && rsqrtf(4.0f) == 0.5f && rsqrt(4.0) == 0.5, "floats");
}

// --- Mistakes ---

inline void wait_at_two_places() {
    if (threadIdx.x < 16) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}
KERNEL(split_barrier, (), wait_at_two_places())
KERNEL(lone_barrier, (), {
    if (threadIdx.x < 16) __syncthreads();
    else __shfl_sync(0xffffffffu, 1, 0);
})
KERNEL(returned_lane, (), {
    if (threadIdx.x == 3) return;
    __shfl_xor_sync(0xffffffffu, 1, 1);
})
KERNEL(other_mask, (), __shfl_sync(threadIdx.x < 16 ? 0xffffffffu : 0xffff0000u, 1, 0))
KERNEL(shared_overrun, (i64 n), {
    DYNAMIC_SHARED(float, values);
    values[n] = 1;
})
inline void fill_stack(float *out) {
    volatile float local[16400];
    for (int i = 16399; i >= 0; i--) local[i] = 1;
    out[0] = local[0];
}
KERNEL(deep, (float *out), fill_stack(out))
KERNEL(misaligned, (char *x), cp_async_16(x, x + 1))

static void check_mistakes() {
    alignas(16) static char bytes[64];
    expect_end("split_barrier, block (0, 0, 0), thread (16, 0, 0): other threads wait at the barrier of line",
               [] { emulator::run("split_barrier", split_barrier, 1, 32, 0); });
    expect_end("lone_barrier, block (0, 0, 0), thread (16, 0, 0): deadlock: it waits in __shfl_sync",
               [] { emulator::run("lone_barrier", lone_barrier, 1, 32, 0); });
    expect_end("names lane 3, which has returned", [] { emulator::run("returned_lane", returned_lane, 1, 32, 0); });
    expect_end("names lane 24, which has returned or does not exist",
               [] { emulator::run("returned_lane", shuffles, 1, 24, 0, (int *)nullptr); });
    expect_end("other_mask, block (0, 0, 0), thread (", [] { emulator::run("other_mask", other_mask, 1, 32, 0); });
    expect_end("beyond the end of dynamic shared memory",
               [] { emulator::run("shared_overrun", shared_overrun, 1, 32, 64, (i64)16); });
    expect_end("deep, block (0, 0, 0), thread (0, 0, 0): its local variables take more than 64 KiB",
               [] { emulator::run("deep", deep, 1, 1, 0, (float *)bytes); });
    expect_end("not a multiple of 16", [] { emulator::run("misaligned", misaligned, 1, 1, 0, (char *)bytes); });
}

int main() {
    check_shuffles();
    check_early_returns();
    check_tree();
    expect(reverses(1), "a barrier orders reads after writes");
    expect(!reverses(0), "a missing barrier shows");
    check_atomics();
    check_products();
    check_copies();
    check_numbers();
    check_mistakes();
    return report("language");
}
