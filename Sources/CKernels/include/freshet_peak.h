// The fastest multiply-add rate that a variant's instructions reach on this machine: what kernels are measured against.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// Runs `rounds` rounds of independent multiply-adds that stay in registers and adds their useful operations (a multiplication
/// and an addition count two) to `*operations`. Returns a sum that depends on all of them; 0 and no operations where the
/// variant (a name of freshet_kernels_named) is not there.
float freshet_peak_multiply_add(const char *variant, long rounds, double *operations);

#ifdef __cplusplus
}
#endif
