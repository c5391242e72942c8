// Products of small matrices by a warp, and copies into shared memory, under the names of host/cuda/mma.cuh, with the
// layouts of the PTX manual (mma.sync.m16n8k16, ldmatrix, cp.async). Part of emulated.h.
#pragma once

namespace EMULATOR_HIDDEN emulator {

struct ProductOffer {
    float *sum;
    const unsigned *a, *b;
};

inline float bf16_half(unsigned pair, int half) { return __uint_as_float(half ? pair & 0xffff0000u : pair << 16); }

// Of the lanes of a warp: group = lane / 4, place = lane % 4. Register r, half h of a holds row group + 8 (r % 2),
// column 2 place + 8 (r / 2) + h; of b: row 2 place + 8 r + h, column group; sum r: row group + 8 (r / 2), column
// 2 place + r % 2.
inline void multiply(ProductOffer **offers) {
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; lane++) {
        int group = lane / 4, place = lane % 4;
        for (int h = 0; h < 2; h++) {
            for (int r = 0; r < 4; r++) {
                a[group + 8 * (r % 2)][2 * place + 8 * (r / 2) + h] = bf16_half(offers[lane]->a[r], h);
            }
            for (int r = 0; r < 2; r++) b[2 * place + 8 * r + h][group] = bf16_half(offers[lane]->b[r], h);
        }
    }
    for (int lane = 0; lane < 32; lane++) {
        for (int r = 0; r < 4; r++) {
            int row = lane / 4 + 8 * (r / 2), column = 2 * (lane % 4) + r % 2;
            double sum = offers[lane]->sum[r];
            for (int k = 0; k < 16; k++) sum += (double)a[row][k] * b[k][column];
            offers[lane]->sum[r] = (float)sum;
        }
    }
}

struct LoadOffer {
    const void *row;
    unsigned *result;
};

inline void check_alignment(const void *address, const char *operation) {
    if (reinterpret_cast<uintptr_t>(address) % 16 == 0) return;
    char text[80];
    snprintf(text, sizeof text, "an address of %s is not a multiple of 16", operation);
    fail(text);
}

// Lanes 8 m to 8 m + 7 give the rows of matrix m: 8 x 8 values of 16 bits.
template <int MATRICES, bool TRANSPOSED> inline void load_matrices(unsigned *result, const void *row, int line) {
    const char *operation = TRANSPOSED ? "ldmatrix.trans" : "ldmatrix";
    if (lane_index() < 8 * MATRICES) check_alignment(row, operation);
    LoadOffer offer = {row, result};
    together(operation, 0xffffffffu, line, Returned::not_allowed, offer, [](LoadOffer **offers) {
        for (int matrix = 0; matrix < MATRICES; matrix++) {
            unsigned short values[8][8];
            for (int i = 0; i < 8; i++) memcpy(values[i], offers[8 * matrix + i]->row, 16);
            for (int lane = 0; lane < 32; lane++) {
                int i = lane / 4, j = 2 * (lane % 4);
                unsigned low = TRANSPOSED ? values[j][i] : values[i][j];
                unsigned high = TRANSPOSED ? values[j + 1][i] : values[i][j + 1];
                offers[lane]->result[matrix] = high << 16 | low;
            }
        }
    });
}

}  // namespace emulator

// sum += a b, a: 16 x 16 by rows, b: 16 x 8 by columns.
inline void mma_bf16_16816(float (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                           int line = __builtin_LINE()) {
    emulator::ProductOffer offer = {sum, a, b};
    emulator::together("mma", 0xffffffffu, line, emulator::Returned::not_allowed, offer, emulator::multiply);
}

inline void ldmatrix_x4(unsigned (&result)[4], const void *row, int line = __builtin_LINE()) {
    emulator::load_matrices<4, false>(result, row, line);
}
inline void ldmatrix_x2(unsigned (&result)[2], const void *row, int line = __builtin_LINE()) {
    emulator::load_matrices<2, false>(result, row, line);
}
inline void ldmatrix_x4_trans(unsigned (&result)[4], const void *row, int line = __builtin_LINE()) {
    emulator::load_matrices<4, true>(result, row, line);
}
inline void ldmatrix_x2_trans(unsigned (&result)[2], const void *row, int line = __builtin_LINE()) {
    emulator::load_matrices<2, true>(result, row, line);
}

// Copies 16 bytes, or writes zeros where not `take`; nothing is there before the thread waits for it.
inline void cp_async_16_zfill(void *shared, const void *global, bool take) {
    emulator::check_alignment(shared, "cp.async");
    if (take) emulator::check_alignment(global, "cp.async");
    emulator::Thread &thread = *emulator::engine->current;
    memset(shared, emulator::UNWRITTEN, 16);
    if (thread.copy_count == thread.copy_room) {
        thread.copy_room = 2 * thread.copy_room + 8;
        size_t bytes = thread.copy_room * sizeof(emulator::PendingCopy);
        thread.copies = static_cast<emulator::PendingCopy *>(realloc(thread.copies, bytes));
    }
    thread.copies[thread.copy_count++] = {shared, global, thread.copy_group, take};
}
inline void cp_async_16(void *shared, const void *global) { cp_async_16_zfill(shared, global, true); }

inline void cp_async_commit() { emulator::engine->current->copy_group++; }

// Waits for all committed groups but the `LATEST` latest.
template <int LATEST> inline void cp_async_wait() {
    emulator::Thread &thread = *emulator::engine->current;
    unsigned kept = 0;
    for (unsigned i = 0; i < thread.copy_count; i++) {
        const emulator::PendingCopy &copy = thread.copies[i];
        if (copy.group + LATEST >= thread.copy_group) thread.copies[kept++] = copy;
        else if (copy.take) memcpy(copy.to, copy.from, 16);
        else memset(copy.to, 0, 16);
    }
    thread.copy_count = kept;
}
inline void cp_async_wait_all() {
    cp_async_commit();
    cp_async_wait<0>();
}
