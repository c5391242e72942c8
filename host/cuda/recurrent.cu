// One step of recurrent layers (Elman 1990; GRU: Cho et al., arXiv 1406.1078; LSTM: Hochreiter & Schmidhuber 1997) for
// all sequences, after its products. A gate's parts have `hidden` columns each.
//
// Launch of all of them: any grid of one dimension, blocks of 256 threads, no dynamic shared memory.
#include "common.cuh"

enum Kind { TANH, RELU, GRU, LSTM };  // as in host/src/ops/recurrent

// 1 / (1 + e^-x): 0 or 1 far out, where e^-x is infinite or 0.
template <typename S> __device__ inline S sigmoid(S x) { return 1 / (1 + exp(-x)); }

// Row s of a matrix, whose rows are `stride` elements apart, is at x + s * stride. kept [sequences, gates * hidden]
// holds x w_ihᵀ and becomes what the backward needs: the gates, and then the u of n (GRU). u [sequences, gates * hidden]
// is h w_hhᵀ; null where all sequences begin a document. Where `offsets` is not null, a sequence with offset 0 begins
// one: its h and c before are 0. Biases may be null. h_after, if it is not null, gets h too.
template <typename T>
__device__ void recurrent_forward(i64 kind, i64 sequences, i64 hidden, T *kept, i64 kept_stride, const wide<T> *u,
                                  const T *b_ih, const T *b_hh, const u32 *offsets, i64 offset_stride,
                                  const T *h_before, i64 h_stride, const T *c_before, T *c, i64 c_stride, T *out,
                                  i64 out_stride, T *h_after) {
    typedef wide<T> S;
    i64 parts = kind == LSTM ? 4 : kind == GRU ? 3 : 1;
    for (i64 i = thread_index(); i < sequences * hidden; i += thread_count()) {
        i64 s = i / hidden, j = i % hidden;
        bool begins = !u || (offsets && offsets[s * offset_stride] == 0);
        T *row = kept + s * kept_stride + j;
        S a[4], v[4];
        for (i64 k = 0; k < parts; k++) {
            i64 column = k * hidden + j;
            a[k] = widen(row[k * hidden]) + (b_ih ? widen(b_ih[column]) : S(0));
            v[k] = (begins ? S(0) : u[s * parts * hidden + column]) + (b_hh ? widen(b_hh[column]) : S(0));
        }
        S h;
        if (kind == LSTM) {
            S input = sigmoid(a[0] + v[0]), forget = sigmoid(a[1] + v[1]), output = sigmoid(a[3] + v[3]);
            S cell = tanh(a[2] + v[2]), before = begins ? S(0) : widen(c_before[s * c_stride + j]);
            row[0] = narrow<T>(input);
            row[hidden] = narrow<T>(forget);
            row[2 * hidden] = narrow<T>(cell);
            row[3 * hidden] = narrow<T>(output);
            cell = forget * before + input * cell;
            c[s * c_stride + j] = narrow<T>(cell);
            h = output * tanh(cell);
        } else if (kind == GRU) {
            S reset = sigmoid(a[0] + v[0]), update = sigmoid(a[1] + v[1]), fresh = tanh(a[2] + reset * v[2]);
            S before = begins ? S(0) : widen(h_before[s * h_stride + j]);
            row[0] = narrow<T>(reset);
            row[hidden] = narrow<T>(update);
            row[2 * hidden] = narrow<T>(fresh);
            row[3 * hidden] = narrow<T>(v[2]);
            h = fresh + update * (before - fresh);
        } else {
            S sum = a[0] + v[0];
            h = kind == TANH ? tanh(sum) : sum < 0 ? S(0) : sum;  // NaN stays
        }
        out[s * out_stride + j] = narrow<T>(h);
        if (h_after) h_after[s * h_stride + j] = narrow<T>(h);
    }
}
#define K(T, suffix) \
    KERNEL(recurrent_forward_##suffix, \
           (i64 kind, i64 sequences, i64 hidden, T *kept, i64 kept_stride, const wide<T> *u, const T *b_ih, \
            const T *b_hh, const u32 *offsets, i64 offset_stride, const T *h_before, i64 h_stride, const T *c_before, \
            T *c, i64 c_stride, T *out, i64 out_stride, T *h_after), \
           recurrent_forward(kind, sequences, hidden, kept, kept_stride, u, b_ih, b_hh, offsets, offset_stride, \
                             h_before, h_stride, c_before, c, c_stride, out, out_stride, h_after))
FOR_ACTIVATIONS(K)
#undef K

// What was kept becomes the gradient of x w_ihᵀ and, in its fourth part, of the u of n (GRU). dproduct
// [sequences, hidden] is the gradient of u times w_hh of the row after, null after the last; carry [sequences, hidden]
// the part of the state's gradient that does not go through u, read and written. Where the offset in `next_offsets` is
// 0 the row after is of another document; where that in `offsets` is 0, or h_before is null, this row begins one. h and
// h_before have one stride, as have c_before and kept, where c is the fifth part.
template <typename T>
__device__ void recurrent_backward(i64 kind, i64 sequences, i64 hidden, T *kept, i64 kept_stride,
                                   const wide<T> *dproduct, wide<T> *carry, const u32 *offsets,
                                   const u32 *next_offsets, i64 offset_stride, const T *h, const T *h_before,
                                   i64 h_stride, const T *c_before, const T *dout, i64 dout_stride) {
    typedef wide<T> S;
    for (i64 i = thread_index(); i < sequences * hidden; i += thread_count()) {
        i64 s = i / hidden, j = i % hidden;
        bool begins = !h_before || offsets[s * offset_stride] == 0;
        bool ends = !dproduct || next_offsets[s * offset_stride] == 0;
        T *row = kept + s * kept_stride + j;
        S dh = widen(dout[s * dout_stride + j]) + (ends ? S(0) : dproduct[i]), carried = ends ? S(0) : carry[i];
        if (kind == LSTM) {
            S input = widen(row[0]), forget = widen(row[hidden]), fresh = widen(row[2 * hidden]);
            S output = widen(row[3 * hidden]), squashed = tanh(widen(row[4 * hidden]));
            S before = begins ? S(0) : widen(c_before[s * kept_stride + j]);
            S dc = carried + dh * output * (1 - squashed * squashed);
            carry[i] = dc * forget;
            row[0] = narrow<T>(dc * fresh * input * (1 - input));
            row[hidden] = narrow<T>(dc * before * forget * (1 - forget));
            row[2 * hidden] = narrow<T>(dc * input * (1 - fresh * fresh));
            row[3 * hidden] = narrow<T>(dh * squashed * output * (1 - output));
        } else if (kind == GRU) {
            S reset = widen(row[0]), update = widen(row[hidden]), fresh = widen(row[2 * hidden]);
            S u = widen(row[3 * hidden]), before = begins ? S(0) : widen(h_before[s * h_stride + j]);
            dh += carried;
            carry[i] = dh * update;
            S dfresh = dh * (1 - update) * (1 - fresh * fresh);
            row[0] = narrow<T>(dfresh * u * reset * (1 - reset));
            row[hidden] = narrow<T>(dh * (before - fresh) * update * (1 - update));
            row[2 * hidden] = narrow<T>(dfresh);
            row[3 * hidden] = narrow<T>(dfresh * reset);
        } else {
            S y = widen(h[s * h_stride + j]);
            row[0] = narrow<T>(kind == TANH ? dh * (1 - y * y) : y > 0 ? dh : S(0));
        }
    }
}
#define K(T, suffix) \
    KERNEL(recurrent_backward_##suffix, \
           (i64 kind, i64 sequences, i64 hidden, T *kept, i64 kept_stride, const wide<T> *dproduct, wide<T> *carry, \
            const u32 *offsets, const u32 *next_offsets, i64 offset_stride, const T *h, const T *h_before, \
            i64 h_stride, const T *c_before, const T *dout, i64 dout_stride), \
           recurrent_backward(kind, sequences, hidden, kept, kept_stride, dproduct, carry, offsets, next_offsets, \
                              offset_stride, h, h_before, h_stride, c_before, dout, dout_stride))
FOR_ACTIVATIONS(K)
#undef K
