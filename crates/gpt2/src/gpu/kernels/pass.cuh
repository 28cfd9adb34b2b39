// Arguments shared by all kernels of a pass.

#pragma once

#include "device.cuh"

// Slot and position of a token. The token's id is in the history, at this position.
struct SlotPosition {
    // -1 in a padding row.
    int32_t slot;
    uint32_t position;
};
