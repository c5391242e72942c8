// The relative bias of T5: bias [heads, width] from a table [n, heads], where distance i of `width` has row rows[i].
//
// Launch: any grid of one dimension, blocks of 256, no dynamic shared memory.
#include "common.cuh"

template <typename S>
__device__ void relative_bias_forward(const u32 *rows, const S *table, S *bias, i64 width, i64 heads) {
    for (i64 i = thread_index(); i < heads * width; i += thread_count())
        bias[i] = table[rows[i % width] * heads + i / width];
}

// dtable += the gradients of the distances that have its rows, in their order. A thread takes one number of the table.
template <typename S>
__device__ void relative_bias_backward(const u32 *rows, const S *dbias, S *dtable, i64 width, i64 heads, i64 n) {
    for (i64 i = thread_index(); i < n * heads; i += thread_count()) {
        S sum = dtable[i];
        for (i64 distance = 0; distance < width; distance++)
            if (rows[distance] == i / heads) sum += dbias[i % heads * width + distance];
        dtable[i] = sum;
    }
}

#define K(S, suffix) \
    KERNEL(relative_bias_forward_##suffix, \
           (const u32 *rows, const S *table, S *bias, i64 width, i64 heads, i64 n), \
           (void)n; relative_bias_forward(rows, table, bias, width, heads)) \
    KERNEL(relative_bias_backward_##suffix, \
           (const u32 *rows, const S *dbias, S *dtable, i64 width, i64 heads, i64 n), \
           relative_bias_backward(rows, dbias, dtable, width, heads, n))
FOR_PARAMETERS(K)
#undef K
