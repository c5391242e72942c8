// Causal self-attention in bf16 on tensor cores, head widths 32, 64 and 128, without dropout: the forward of
// FlashAttention-2 (Dao, arXiv 2307.08691). Shapes as in attention.cu.
//
// A block has 128 queries of one head, a warp 32 of them: each fragment of keys or values that a warp reads from shared
// memory serves two products. Tiles of 64 keys and values are copied in the background, one ahead. Scores and
// probabilities stay in registers. Only tiles on the diagonal or on the border of a document are masked.
//
//   attention_forward_mma_D  grid (ceil(length / 128), heads, sequences)  block 128  shared 768 D
// More than 48 KiB of shared memory must be allowed first.
#include "attention.cuh"
#include "mma.cuh"

constexpr int WARPS = 4, M = 2, WARP_QUERIES = 16 * M, QUERIES = WARPS * WARP_QUERIES, KEYS = 64;
constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f, HIDDEN = -INFINITY;
// The highest score is only raised, and what was summed scaled, when exponentials would pass 2^8.
constexpr float HEADROOM = 8;

typedef float Scores[M][KEYS / 8][4];

// Rows of one warp.
struct Rows {
    int first, last;
    int first_start, last_start; // of the documents of the first and the last row
    int query[M][2], start[M][2]; // this lane's
};

__device__ inline Rows warp_rows(const u32 *positions, int block_first, int length) {
    Rows rows;
    const int lane = threadIdx.x % 32;
    // Rows past the end are computed like the last one, and not stored.
    rows.first = min(block_first + (int)threadIdx.x / 32 * WARP_QUERIES, length - 1);
    rows.last = min(rows.first + WARP_QUERIES, length) - 1;
    rows.first_start = document_start(positions, rows.first);
    rows.last_start = document_start(positions, rows.last);
    for (int m = 0; m < M; m++)
        for (int half = 0; half < 2; half++) {
            rows.query[m][half] = min(rows.first + 16 * m + 8 * half + lane / 4, length - 1);
            rows.start[m][half] = document_start(positions, rows.query[m][half]);
        }
    return rows;
}
