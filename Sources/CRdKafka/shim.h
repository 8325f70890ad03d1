#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#ifdef __linux__
// glibc declares it only with _GNU_SOURCE, which cannot be set for a system module.
extern int ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
#endif

/// poll(2) of one descriptor, to the nanosecond where the system can.
static inline int freshet_poll(struct pollfd *descriptor, unsigned long long nanoseconds) {
#ifdef __linux__
  struct timespec time = {(time_t)(nanoseconds / 1000000000ull), (long)(nanoseconds % 1000000000ull)};
  return ppoll(descriptor, 1, &time, 0);
#else
  unsigned long long milliseconds = (nanoseconds + 999999ull) / 1000000ull;
  return poll(descriptor, 1, milliseconds > 0x7fffffffull ? 0x7fffffff : (int)milliseconds);
#endif
}
