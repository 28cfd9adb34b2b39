// What becomes of a linear layer's results.

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

// Puts one result, without its bias, where it belongs. In f32 the sums take so long that this does not
// matter.
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

// Two neighbours, read or written at once.
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

// Puts what a lane has of a warp's tiles where it belongs: of each tile two neighbours, and those 8 rows
// below. Everything is read before anything is written, so that no read waits for a write.
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
                    // Rows are filled up to an even number.
                    if (y_row >= a.rows || column + n * 8 >= a.outputs) continue;
                    Two<float> old = *(const Two<float>*)(y + n * 8);
                    sums[m][n][i * 2] = old.numbers[0] + sums[m][n][i * 2];
                    sums[m][n][i * 2 + 1] = old.numbers[1] + sums[m][n][i * 2 + 1];
                }
            }
        }
    }
    if constexpr (TO == TO_QKV) {
        Place places[TILES_M][2];
#pragma unroll
        for (int m = 0; m < TILES_M; m++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                uint32_t y_row = row + m * 16 + i * 8;
                places[m][i] = {-1, 0};
                if (y_row < a.rows) places[m][i] = a.places[y_row];
            }
        }
        uint32_t width = a.heads * a.head_dim;
#pragma unroll
        for (int n = 0; n < TILES_N; n++) {
            uint32_t at = column + n * 8;
            uint32_t third = at / width, rest = at - third * width;
            uint32_t head = rest / a.head_dim, d = rest - head * a.head_dim;
            // Of an odd width, neighbours may be of two heads.
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
                        Place place = places[m][i];
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
