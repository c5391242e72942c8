// Products of bf16 matrices by tensor cores: the PTX instructions (mma.sync.m16n8k16, ldmatrix, cp.async; sm_80 and
// later), and tiles in shared memory that they work on. The emulator has its own version of the instructions.
//
// Fragments of a warp, as the PTX manual has them: lane l holds, of a 16 x 8 product, columns 2 (l % 4) and the next of
// rows l / 4 ([0], [1]) and l / 4 + 8 ([2], [3]).
#pragma once
#include "common.cuh"

#ifndef TRAINYARD_EMULATED
__device__ inline u32 shared_address(const void *pointer) { return (u32)__cvta_generic_to_shared(pointer); }

// d [16, 8] += a [16, 16] b [16, 8].
__device__ inline void mma_bf16_16816(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 8 x 8 matrices: lane l gives the address of row l % 8 of matrix l / 8, and gets two elements of each.
__device__ inline void ldmatrix_x4(u32 (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ inline void ldmatrix_x2(u32 (&r)[2], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ inline void ldmatrix_x4_trans(u32 (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ inline void ldmatrix_x2_trans(u32 (&r)[2], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

// Copies to shared memory in the background.
__device__ inline void cp_async_16(void *shared, const void *global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
}

// Zeros unless `take`.
__device__ inline void cp_async_16_zfill(void *shared, const void *global, bool take) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(take ? 16 : 0)
                 : "memory");
}

__device__ inline void cp_async_4_zfill(void *shared, const void *global, bool take) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(take ? 4 : 0)
                 : "memory");
}

__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until at most the newest N groups are under way.
template <int N> __device__ inline void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// 2^x.
__device__ inline float fast_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// x, which the compiler now keeps in a register instead of computing it again in a loop.
__device__ inline int kept(int x) {
    asm("" : "+r"(x));
    return x;
}

// Two bf16, the first in the low half.
__device__ inline u32 pack(float low, float high) {
    u32 both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
#else
__device__ inline void cp_async_4_zfill(void *shared, const void *global, bool take) {
    *(u32 *)shared = take ? *(const u32 *)global : 0;
}
__device__ inline float fast_exp2(float x) { return exp2f(x); }
__device__ inline int kept(int x) { return x; }
__device__ inline u32 pack(float low, float high) {
    union {
        bf16 values[2];
        u32 both;
    } x = {{narrow<bf16>(low), narrow<bf16>(high)}};
    return x.both;
}
#endif

constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;
// √D.
template <int D> __device__ constexpr float root() {
    return D == 32 ? 5.656854249492381f : D == 64 ? 8.0f : 11.313708498984761f;
}

template <int M, int N> __device__ inline void clear(float (&x)[M][N][4]) {
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) x[m][n][i] = 0;
}

// left, right [16, 8] += a [16, 16] b [16, 16].
__device__ inline void multiply_add(float (&left)[4], float (&right)[4], const u32 (&a)[4], const u32 (&b)[4]) {
    const u32 b_left[2] = {b[0], b[1]}, b_right[2] = {b[2], b[3]};
    mma_bf16_16816(left, a, b_left);
    mma_bf16_16816(right, a, b_right);
}

// Where element (row, 8 * piece) of a tile [rows, D] lies in shared memory. The 16-byte pieces of a row are permuted,
// so that ldmatrix reads eight rows from different banks.
template <int D> __device__ inline int place(int row, int piece) {
    int swap = D == 32 ? row / 2 % 4 : row % 8;
    return row * D + (piece ^ swap) * 8;
}

// Where this lane's row of a fragment of 16 x 16 elements lies in a tile, and in any tile that a multiple of D elements
// goes before: `at`. That of columns 16 k on lies at `at ^ 16 * k`, that of rows 8 i on 8 i * D further.
// As the left factor of a product, or transposed as the right factor:
template <int D> __device__ inline int left_place() {
    int lane = threadIdx.x % 32;
    return kept(place<D>(lane % 16, lane / 16));
}
// As the right factor, given its transpose.
template <int D> __device__ inline int right_place() {
    int lane = threadIdx.x % 32;
    return kept(place<D>(lane % 8 + lane / 16 * 8, lane / 8 % 2));
}

// Begins to copy rows `first` on of x [length, width] into a tile [ROWS, D], with zeros past the end: nothing is read
// there.
template <int D, int ROWS, int THREADS>
__device__ inline void load_async(bf16 *tile, const bf16 *x, int width, int first, int length) {
    constexpr int PIECES = D / 8, STEP = THREADS / PIECES;
    const int piece = threadIdx.x % PIECES, row = threadIdx.x / PIECES;
    const bf16 *from = x + (i64)(first + row) * width + piece * 8;
#pragma unroll
    for (int i = 0; i < ROWS; i += STEP, from += STEP * width)
        cp_async_16_zfill(tile + place<D>(row + i, piece), from, first + row + i < length);
}

// Rows of a warp's product [16 M, D], times their factors, as rows `first` on of x [length, width]. `tile` [16 M, D] is
// a place in shared memory that only this warp uses.
template <int D, int M>
__device__ inline void store_rows(const float (&product)[M][D / 8][4], const float (&factors)[M][2], bf16 *tile,
                                  bf16 *x, int width, int first, int length) {
    const int lane = threadIdx.x % 32;
    __syncwarp();
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < D / 8; n++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const float *two = product[m][n] + 2 * half;
                bf16 *to = tile + place<D>(16 * m + 8 * half + lane / 4, n) + lane % 4 * 2;
                *(u32 *)to = pack(two[0] * factors[m][half], two[1] * factors[m][half]);
            }
    __syncwarp();
    constexpr int PIECES = D / 8;
#pragma unroll
    for (int n = 0; n < 16 * M * PIECES; n += 32) {
        int row = (n + lane) / PIECES, piece = (n + lane) % PIECES;
        if (first + row < length)
            *(uint4 *)(x + (i64)(first + row) * width + piece * 8) = *(const uint4 *)(tile + place<D>(row, piece));
    }
}
