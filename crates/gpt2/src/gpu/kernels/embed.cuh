// The residual stream's beginning: each token's embedding and its position's.

#pragma once

#include "pass.cuh"

struct EmbedArguments {
    // (N, Cp) f32, to be written.
    float* x;
    // (V, Cp) and (T, Cp).
    const void* wte;
    const void* wpe;
    // (N).
    const Place* places;
    // (N): which token it is, or `CHOSEN`: the one that sampling wrote into the history.
    const uint32_t* ids;
    // (S, T): all tokens so far.
    uint32_t* history;
    uint32_t positions;
    uint32_t width;
    uint32_t stride;
    uint32_t unused;
};

const uint32_t CHOSEN = 0xffffffff;

// A block a token.
template <class T> FN void embed(const EmbedArguments& a) {
    int row = block_x();
    Place place = a.places[row];
    // The history has no place for what is no text; any token will do.
    uint32_t* here = a.history + (uint64_t)place.slot * a.positions + place.position;
    uint32_t id = a.ids[row];
    if (place.slot < 0) {
        id = 0;
    } else if (id == CHOSEN) {
        id = *here;
    } else if (thread() == 0) {
        *here = id;
    }
    const T* wte = (const T*)a.wte + (uint64_t)id * a.stride;
    const T* wpe = (const T*)a.wpe + (uint64_t)place.position * a.stride;
    float* x = a.x + (uint64_t)row * a.stride;
    for (int c = thread(); c < a.width; c += threads()) x[c] = to_float(wte[c]) + to_float(wpe[c]);
}
