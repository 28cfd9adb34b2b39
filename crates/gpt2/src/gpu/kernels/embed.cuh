// Initialises the residual stream with the sum of token and position embeddings.

#pragma once

#include "pass.cuh"

struct EmbedArguments {
    // (N, stride) f32, output.
    float* x;
    // Token embeddings (V, stride) and position embeddings (T, stride).
    const void* wte;
    const void* wpe;
    // (N).
    const SlotPosition* slot_positions;
    // (N): token ids, or `SAMPLED` for the token that sampling wrote into the history.
    const uint32_t* ids;
    // (S, T): token ids of all texts so far.
    uint32_t* history;
    uint32_t positions;
    uint32_t width;
    uint32_t stride;
    uint32_t unused;
};

const uint32_t SAMPLED = 0xffffffff;

// One block per token.
template <class T> FN void embed(const EmbedArguments& a) {
    int row = block_x();
    SlotPosition place = a.slot_positions[row];
    // A padding row has no entry in the history, so any token id will do.
    uint32_t* here = a.history + (uint64_t)place.slot * a.positions + place.position;
    uint32_t id = a.ids[row];
    if (place.slot < 0) {
        id = 0;
    } else if (id == SAMPLED) {
        id = *here;
    } else if (thread() == 0) {
        *here = id;
    }
    const T* wte = (const T*)a.wte + (uint64_t)id * a.stride;
    const T* wpe = (const T*)a.wpe + (uint64_t)place.position * a.stride;
    float* x = a.x + (uint64_t)row * a.stride;
    for (int c = thread(); c < a.width; c += threads()) x[c] = to_float(wte[c]) + to_float(wpe[c]);
}
