// What all kernels of a pass are told.

#pragma once

#include "device.cuh"

// A token of a pass: whose text it belongs to and where it stands there. Which token it is, is in the
// history, at that place.
struct Place {
    // A row that only fills a batch up has none: -1.
    int32_t slot;
    uint32_t position;
};
