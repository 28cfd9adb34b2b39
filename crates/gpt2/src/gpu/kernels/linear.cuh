// Linear layers, y = x W^T + b, and what becomes of their results.
//
// Every number of y is one chain of sums along k, in the same order in each of the kernels below, so
// that which of them is used, and with it how many rows a pass has, changes no bit.

#pragma once

#include "pass.cuh"

// What becomes of a result.
const uint32_t TO_QKV = 0;
// It is added to the residual stream.
const uint32_t TO_RESIDUAL = 1;
// It is activated, for the next layer.
const uint32_t TO_HIDDEN_TANH = 2;
const uint32_t TO_HIDDEN_ERF = 3;
const uint32_t TO_LOGITS = 4;

struct LinearArguments {
    // (M, K): whole tiles of rows, with zeros after the last input.
    const void* x;
    // (N, K): whole tiles of rows, with zeros after the last input.
    const void* weight;
    // (N), or none.
    const float* bias;
    // (M, stride): f32, or what the next layer's x is kept as.
    void* y;
    // Only for queries, keys and values: where keys and values go, both (S, H, T, D), and whose they
    // are. Queries go to y, (M, H, D) f32.
    void* keys;
    void* values;
    const Place* places;
    // M and N without filling, K with it.
    uint32_t rows;
    uint32_t outputs;
    uint32_t inputs;
    // Numbers from one row of y to the next.
    uint32_t stride;
    uint32_t to;
    uint32_t heads;
    // Of a head, without and with filling.
    uint32_t head_dim;
    uint32_t head_stride;
    uint32_t positions;
    uint32_t unused;
};

FN float gelu_tanh(float x) {
    return 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
}
FN float gelu_erf(float x) { return 0.5f * x * (1.0f + erff(x * 0.7071067812f)); }

// Puts one result, without its bias, where it belongs.
template <class T> FN void put(const LinearArguments& a, int row, int column, float y) {
    if (row >= a.rows || column >= a.outputs) return;
    if (a.bias) y += a.bias[column];
    uint64_t at = (uint64_t)row * a.stride + column;
    switch (a.to) {
    case TO_RESIDUAL: ((float*)a.y)[at] += y; break;
    case TO_HIDDEN_TANH: from_float(gelu_tanh(y), ((T*)a.y)[at]); break;
    case TO_HIDDEN_ERF: from_float(gelu_erf(y), ((T*)a.y)[at]); break;
    case TO_LOGITS: ((float*)a.y)[at] = y; break;
    case TO_QKV: {
        uint32_t width = a.heads * a.head_dim;
        uint32_t third = column / width, head = column % width / a.head_dim;
        uint32_t d = column % a.head_dim;
        if (third == 0) {
            ((float*)a.y)[((uint64_t)row * a.heads + head) * a.head_stride + d] = y;
            break;
        }
        Place place = a.places[row];
        if (place.slot < 0) break;
        uint64_t text = ((uint64_t)place.slot * a.heads + head) * a.positions + place.position;
        from_float(y, ((T*)(third == 1 ? a.keys : a.values))[text * a.head_stride + d]);
    }
    }
}

// Rows of a tile in shared memory are 128 bytes: eight chunks of 16, which change places from row to row
// so that eight rows' chunks of one column lie in different banks.
const int CHUNKS = 8;
FN int in_tile(int row, int chunk) { return row * 128 + (chunk ^ row % CHUNKS) * 16; }

// A block computes ROWS by COLUMNS results on tensor cores with WARPS_M by WARPS_N warps, and has STAGES
// steps of 64 inputs in shared memory, all but one of which are on their way.
template <class T, int ROWS, int COLUMNS, int WARPS_M, int WARPS_N, int STAGES>
FN void linear(const LinearArguments& a) {
    const int THREADS = WARPS_M * WARPS_N * 32, INPUTS = 64, STAGE = (ROWS + COLUMNS) * 128;
    // Tiles of 16 rows by 8 columns that a warp computes.
    const int TILES_M = ROWS / WARPS_M / 16, TILES_N = COLUMNS / WARPS_N / 8;
    static_assert(TILES_N == 1 || TILES_N % 2 == 0, "columns come in pairs of tiles");
    char* shared = shared_memory();
    int first_row = block_y() * ROWS, first_column = block_x() * COLUMNS;
    int lane = thread() % 32, warp = thread() / 32;
    int warp_row = warp / WARPS_N * (TILES_M * 16), warp_column = warp % WARPS_N * (TILES_N * 8);
    int steps = a.inputs / INPUTS;
    const T* x = (const T*)a.x + (uint64_t)first_row * a.inputs;
    const T* weight = (const T*)a.weight + (uint64_t)first_column * a.inputs;

    auto fetch = [&](int step) {
        char* stage = shared + step % STAGES * STAGE;
        for (int i = thread(); i < (ROWS + COLUMNS) * CHUNKS; i += THREADS) {
            int row = i / CHUNKS, chunk = i % CHUNKS;
            uint64_t k = (uint64_t)step * INPUTS + chunk * 8;
            if (row < ROWS) {
                copy_async(stage + in_tile(row, chunk), x + (uint64_t)row * a.inputs + k);
            } else {
                row -= ROWS;
                copy_async(stage + ROWS * 128 + in_tile(row, chunk),
                           weight + (uint64_t)row * a.inputs + k);
            }
        }
    };

    float sums[TILES_M][TILES_N][4] = {};
    for (int step = 0; step < STAGES - 1; step++) {
        if (step < steps) fetch(step);
        end_copies();
    }
    for (int step = 0; step < steps; step++) {
        wait_for_copies<STAGES - 2>();
        // This step's tiles are there, and nobody reads the last step's any more.
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

#pragma unroll
    for (int m = 0; m < TILES_M; m++) {
#pragma unroll
        for (int n = 0; n < TILES_N; n++) {
            int row = first_row + warp_row + m * 16 + lane / 4;
            int column = first_column + warp_column + n * 8 + lane % 4 * 2;
            put<T>(a, row, column, sums[m][n][0]);
            put<T>(a, row, column + 1, sums[m][n][1]);
            put<T>(a, row + 8, column, sums[m][n][2]);
            put<T>(a, row + 8, column + 1, sums[m][n][3]);
        }
    }
}

const int F32_THREADS = 256;
const int F32_COLUMNS = 64;

// The same in f32, without tensor cores, which would round the inputs.
template <int ROWS> FN void linear_f32(const LinearArguments& a) {
    // Inputs of a step; a row's one more number puts its columns into different banks.
    const int INPUTS = 16, STRIDE = INPUTS + 1;
    const int MINE_M = ROWS / 16, MINE_N = F32_COLUMNS / 16;
    float* x_tile = (float*)shared_memory();
    float* weight_tile = x_tile + ROWS * STRIDE;
    int first_row = block_y() * ROWS, first_column = block_x() * F32_COLUMNS;
    int m = thread() / 16, n = thread() % 16;
    const float* x = (const float*)a.x + (uint64_t)first_row * a.inputs;
    const float* weight = (const float*)a.weight + (uint64_t)first_column * a.inputs;
    float sums[MINE_M][MINE_N] = {};
    for (uint32_t step = 0; step < a.inputs; step += INPUTS) {
        for (int i = thread(); i < (ROWS + F32_COLUMNS) * INPUTS; i += F32_THREADS) {
            int row = i / INPUTS, k = i % INPUTS;
            // The tiles follow each other.
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
