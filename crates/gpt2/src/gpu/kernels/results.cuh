// Writes a linear layer's results.

#pragma once

#include "pass.cuh"

// Destinations of a linear layer's results.
// Queries go to y, and keys and values to the KV cache.
const uint32_t TO_QKV = 0;
// Results are added to the residual stream.
const uint32_t TO_RESIDUAL = 1;
// Results go through the activation and become the next layer's input.
const uint32_t TO_HIDDEN_TANH = 2;
const uint32_t TO_HIDDEN_ERF = 3;
const uint32_t TO_LOGITS = 4;

struct LinearArguments {
    // (M, K): rows padded to whole tiles, inputs padded with zeros.
    const void* x;
    // (N, K): rows padded to whole tiles, inputs padded with zeros.
    const void* weight;
    // (N), or null.
    const float* bias;
    // (M, stride): f32, or the number format of the next layer's x.
    void* y;
    // For TO_QKV only: the KV cache's keys and values, (S, H, T, D) each, and the slots and positions of
    // the rows. Queries are written to y, (M, H, D) f32.
    void* keys;
    void* values;
    const SlotPosition* slot_positions;
    // M and N without padding, K with padding.
    uint32_t rows;
    uint32_t outputs;
    uint32_t inputs;
    // Row stride of y, in elements.
    uint32_t stride;
    uint32_t to;
    uint32_t heads;
    // Head width, without and with padding.
    uint32_t head_dim;
    uint32_t head_stride;
    uint32_t positions;
    uint32_t unused;
};

FN float gelu_tanh(float x) {
    return 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
}
FN float gelu_erf(float x) { return 0.5f * x * (1.0f + erff(x * 0.7071067812f)); }

// Adds the bias to one result and writes it. Used for f32 only, where the sums dominate the run time.
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
        SlotPosition place = a.slot_positions[row];
        if (place.slot < 0) break;
        uint64_t text = ((uint64_t)place.slot * a.heads + head) * a.positions + place.position;
        from_float(y, ((T*)(third == 1 ? a.keys : a.values))[text * a.head_stride + d]);
    }
    }
}

// Two neighbouring numbers, read or written in one access.
template <class T> struct alignas(2 * sizeof(T)) Two {
    T numbers[2];
};
template <class T> FN void put_two(T* to, float first, float second, bool both) {
    Two<T> two;
    from_float(first, two.numbers[0]);
    from_float(second, two.numbers[1]);
    if (both) {
        *(Two<T>*)to = two;
    } else {
        *to = two.numbers[0];
    }
}

// Writes a lane's part of its warp's tiles: two neighbouring columns of each tile, in two rows that are
// 8 apart. All reads precede all writes, so no read waits for a write.
template <class T, uint32_t TO, int TILES_M, int TILES_N>
FN void put_tile(const LinearArguments& a, int row, int column, float (&sums)[TILES_M][TILES_N][4]) {
    if (a.bias) {
#pragma unroll
        for (int n = 0; n < TILES_N; n++) {
#pragma unroll
            for (int j = 0; j < 2; j++) {
                uint32_t at = column + n * 8 + j;
                float bias = at < a.outputs ? a.bias[at] : 0.0f;
#pragma unroll
                for (int m = 0; m < TILES_M; m++) {
                    sums[m][n][j] += bias;
                    sums[m][n][j + 2] += bias;
                }
            }
        }
    }
    if constexpr (TO == TO_RESIDUAL) {
#pragma unroll
        for (int m = 0; m < TILES_M; m++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                uint32_t y_row = row + m * 16 + i * 8;
                const float* y = (const float*)a.y + (uint64_t)y_row * a.stride + column;
#pragma unroll
                for (int n = 0; n < TILES_N; n++) {
                    // Rows are padded to an even width.
                    if (y_row >= a.rows || column + n * 8 >= a.outputs) continue;
                    Two<float> old = *(const Two<float>*)(y + n * 8);
                    sums[m][n][i * 2] = old.numbers[0] + sums[m][n][i * 2];
                    sums[m][n][i * 2 + 1] = old.numbers[1] + sums[m][n][i * 2 + 1];
                }
            }
        }
    }
    if constexpr (TO == TO_QKV) {
        SlotPosition slot_positions[TILES_M][2];
#pragma unroll
        for (int m = 0; m < TILES_M; m++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                uint32_t y_row = row + m * 16 + i * 8;
                slot_positions[m][i] = {-1, 0};
                if (y_row < a.rows) slot_positions[m][i] = a.slot_positions[y_row];
            }
        }
        uint32_t width = a.heads * a.head_dim;
#pragma unroll
        for (int n = 0; n < TILES_N; n++) {
            uint32_t at = column + n * 8;
            uint32_t third = at / width, rest = at - third * width;
            uint32_t head = rest / a.head_dim, d = rest - head * a.head_dim;
            // If the head width is odd, neighbours may belong to two heads.
            bool both = d % 2 == 0 && d + 1 < a.head_dim;
#pragma unroll
            for (int j = 0; j < 2; j++) {
                if (j == 1) {
                    if (both) break;
                    if (++d == a.head_dim) {
                        d = 0;
                        if (++head == a.heads) head = 0, third++;
                    }
                }
                if (at + j >= a.outputs) break;
#pragma unroll
                for (int m = 0; m < TILES_M; m++) {
#pragma unroll
                    for (int i = 0; i < 2; i++) {
                        uint32_t y_row = row + m * 16 + i * 8;
                        float first = sums[m][n][i * 2 + j], second = sums[m][n][i * 2 + 1];
                        if (third == 0) {
                            if (y_row >= a.rows) continue;
                            float* y = (float*)a.y + ((uint64_t)y_row * a.heads + head) * a.head_stride;
                            put_two(y + d, first, second, both);
                            continue;
                        }
                        SlotPosition place = slot_positions[m][i];
                        if (place.slot < 0) continue;
                        uint64_t text =
                            ((uint64_t)place.slot * a.heads + head) * a.positions + place.position;
                        T* to = (T*)(third == 1 ? a.keys : a.values) + text * a.head_stride;
                        put_two(to + d, first, second, both);
                    }
                }
            }
        }
    } else {
#pragma unroll
        for (int m = 0; m < TILES_M; m++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                uint32_t y_row = row + m * 16 + i * 8;
                if (y_row >= a.rows) continue;
                uint64_t y = (uint64_t)y_row * a.stride + column;
#pragma unroll
                for (int n = 0; n < TILES_N; n++) {
                    uint32_t at = column + n * 8;
                    if (at >= a.outputs) continue;
                    bool both = at + 1 < a.outputs;
                    float first = sums[m][n][i * 2], second = sums[m][n][i * 2 + 1];
                    if constexpr (TO == TO_HIDDEN_TANH) {
                        put_two((T*)a.y + y + n * 8, gelu_tanh(first), gelu_tanh(second), both);
                    } else if constexpr (TO == TO_HIDDEN_ERF) {
                        put_two((T*)a.y + y + n * 8, gelu_erf(first), gelu_erf(second), both);
                    } else {
                        put_two((float*)a.y + y + n * 8, first, second, both);
                    }
                }
            }
        }
    }
}
