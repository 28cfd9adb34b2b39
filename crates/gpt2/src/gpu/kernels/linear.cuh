// Linear layers, y = x W^T + b; results.cuh writes y.
//
// Every element of y is summed along k in the same order by all kernels below. The choice of kernel,
// and therefore the number of rows in a pass, does not change the result.

#pragma once

#include "results.cuh"

// A row of a tile in shared memory is 128 bytes: eight chunks of 16. Their order is swizzled from row
// to row, so a column's chunks in eight consecutive rows are in different banks.
const int CHUNKS = 8;
FN int in_tile(int row, int chunk) { return row * 128 + (chunk ^ row % CHUNKS) * 16; }

// A block computes ROWS by COLUMNS results on tensor cores with WARPS_M by WARPS_N warps. Shared memory
// holds STAGES steps of 64 inputs; while one step is used, the others are being copied.
template <class T, int ROWS, int COLUMNS, int WARPS_M, int WARPS_N, int STAGES>
FN void linear(const LinearArguments& a) {
    const int THREADS = WARPS_M * WARPS_N * 32, INPUTS = 64, STAGE = (ROWS + COLUMNS) * 128;
    // Number of tiles of 16 rows by 8 columns per warp.
    const int TILES_M = ROWS / WARPS_M / 16, TILES_N = COLUMNS / WARPS_N / 8;
    static_assert(TILES_N == 1 || TILES_N % 2 == 0, "columns come in pairs of tiles");
    char* shared = shared_memory();
    // Neighbouring blocks have the same columns, so weights are read from memory once.
    int first_row = block_x() * ROWS, first_column = block_y() * COLUMNS;
    int lane = thread() % 32, warp = thread() / 32;
    int warp_row = warp / WARPS_N * (TILES_M * 16), warp_column = warp % WARPS_N * (TILES_N * 8);
    int steps = a.inputs / INPUTS;
    // A thread copies one chunk of every APART-th row, so its addresses have a constant stride.
    const int APART = THREADS / CHUNKS;
    static_assert(ROWS % APART == 0 && COLUMNS % APART == 0 && APART % CHUNKS == 0, "whole rounds");
    int copied = thread() / CHUNKS, chunk_copied = thread() % CHUNKS;
    const T* x = (const T*)a.x + (uint64_t)(first_row + copied) * a.inputs + chunk_copied * 8;
    const T* weight =
        (const T*)a.weight + (uint64_t)(first_column + copied) * a.inputs + chunk_copied * 8;
    uint64_t apart = (uint64_t)APART * a.inputs;
    char* to = shared + in_tile(copied, chunk_copied);

    auto fetch = [&](int step) {
        char* stage = to + step % STAGES * STAGE;
        int k = step * INPUTS;
#pragma unroll
        for (int i = 0; i < ROWS / APART; i++) {
            copy_async(stage + i * APART * 128, x + k + i * apart);
        }
#pragma unroll
        for (int i = 0; i < COLUMNS / APART; i++) {
            copy_async(stage + (ROWS + i * APART) * 128, weight + k + i * apart);
        }
    };

    float sums[TILES_M][TILES_N][4] = {};
    for (int step = 0; step < STAGES - 1; step++) {
        if (step < steps) fetch(step);
        end_copies();
    }
    for (int step = 0; step < steps; step++) {
        wait_for_copies<STAGES - 2>();
        // After the barrier, this step's tiles have arrived, and no thread is still reading the
        // previous step's tiles.
        barrier();
        if (step + STAGES - 1 < steps) fetch(step + STAGES - 1);
        end_copies();
        const char* x_tile = shared + step % STAGES * STAGE;
        const char* weight_tile = x_tile + ROWS * 128;
#pragma unroll
        for (int chunk = 0; chunk < CHUNKS; chunk += 2) {
            uint32_t rows[TILES_M][4], columns[TILES_N][2];
#pragma unroll
            for (int m = 0; m < TILES_M; m++) {
                int row = warp_row + m * 16 + lane % 16;
                load_matrices(rows[m], x_tile + in_tile(row, chunk + lane / 16));
            }
            if constexpr (TILES_N == 1) {
                int column = warp_column + lane % 8;
                load_matrices(columns[0], weight_tile + in_tile(column, chunk + lane / 8 % 2));
            } else {
#pragma unroll
                for (int n = 0; n < TILES_N; n += 2) {
                    int column = warp_column + n * 8 + lane % 8 + lane / 16 * 8;
                    uint32_t pair[4];
                    load_matrices(pair, weight_tile + in_tile(column, chunk + lane / 8 % 2));
                    columns[n][0] = pair[0], columns[n][1] = pair[1];
                    columns[n + 1][0] = pair[2], columns[n + 1][1] = pair[3];
                }
            }
#pragma unroll
            for (int m = 0; m < TILES_M; m++) {
#pragma unroll
                for (int n = 0; n < TILES_N; n++) {
                    multiply_add(T{}, sums[m][n], rows[m], columns[n]);
                }
            }
        }
    }

    int row = first_row + warp_row + lane / 4;
    int column = first_column + warp_column + lane % 4 * 2;
    switch (a.to) {
    case TO_QKV: put_tile<T, TO_QKV>(a, row, column, sums); break;
    case TO_RESIDUAL: put_tile<T, TO_RESIDUAL>(a, row, column, sums); break;
    case TO_HIDDEN_TANH: put_tile<T, TO_HIDDEN_TANH>(a, row, column, sums); break;
    case TO_HIDDEN_ERF: put_tile<T, TO_HIDDEN_ERF>(a, row, column, sums); break;
    case TO_LOGITS: put_tile<T, TO_LOGITS>(a, row, column, sums); break;
    }
}

const int F32_THREADS = 256;
const int F32_COLUMNS = 64;

// Computes a linear layer in f32, without tensor cores, which would round the inputs.
template <int ROWS> FN void linear_f32(const LinearArguments& a) {
    // Inputs per step; one element of padding per row avoids bank conflicts.
    const int INPUTS = 16, STRIDE = INPUTS + 1;
    const int MINE_M = ROWS / 16, MINE_N = F32_COLUMNS / 16;
    float* x_tile = (float*)shared_memory();
    float* weight_tile = x_tile + ROWS * STRIDE;
    int first_row = block_x() * ROWS, first_column = block_y() * F32_COLUMNS;
    int m = thread() / 16, n = thread() % 16;
    const float* x = (const float*)a.x + (uint64_t)first_row * a.inputs;
    const float* weight = (const float*)a.weight + (uint64_t)first_column * a.inputs;
    float sums[MINE_M][MINE_N] = {};
    for (uint32_t step = 0; step < a.inputs; step += INPUTS) {
        for (int i = thread(); i < (ROWS + F32_COLUMNS) * INPUTS; i += F32_THREADS) {
            int row = i / INPUTS, k = i % INPUTS;
            // The weight tile directly follows the x tile.
            x_tile[row * STRIDE + k] = row < ROWS
                ? x[(uint64_t)row * a.inputs + step + k]
                : weight[(uint64_t)(row - ROWS) * a.inputs + step + k];
        }
        barrier();
#pragma unroll
        for (int k = 0; k < INPUTS; k++) {
#pragma unroll
            for (int i = 0; i < MINE_M; i++) {
#pragma unroll
                for (int j = 0; j < MINE_N; j++) {
                    sums[i][j] = fused(x_tile[(m + 16 * i) * STRIDE + k],
                                      weight_tile[(n + 16 * j) * STRIDE + k], sums[i][j]);
                }
            }
        }
        barrier();
    }
#pragma unroll
    for (int i = 0; i < MINE_M; i++) {
#pragma unroll
        for (int j = 0; j < MINE_N; j++) {
            put<float>(a, first_row + m + 16 * i, first_column + n + 16 * j, sums[i][j]);
        }
    }
}
