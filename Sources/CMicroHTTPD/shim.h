#pragma once
#include <microhttpd.h>

// The library's enums are closed, so their cases do not come into Swift as constants.
static const enum MHD_Result freshet_mhd_yes = MHD_YES;
static const enum MHD_Result freshet_mhd_no = MHD_NO;
static const enum MHD_ResponseMemoryMode freshet_mhd_must_copy = MHD_RESPMEM_MUST_COPY;
static const enum MHD_ValueKind freshet_mhd_headers = MHD_HEADER_KIND;
static const enum MHD_ValueKind freshet_mhd_query = MHD_GET_ARGUMENT_KIND;

// MHD_start_daemon is variadic, which Swift cannot call.
static inline struct MHD_Daemon *freshet_mhd_start(
    int listen_socket, int is_ipv6, unsigned int threads, unsigned int connections_max,
    unsigned int connections_per_address_max, unsigned int timeout_seconds, size_t connection_memory_bytes,
    MHD_AccessHandlerCallback handler, MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connection,
    void *context) {
#ifdef __linux__
  unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD;
#else
  unsigned int flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD;
#endif
  flags |= MHD_ALLOW_SUSPEND_RESUME;
  if (is_ipv6) flags |= MHD_USE_IPv6;
  return MHD_start_daemon(
      flags, 0, NULL, NULL, handler, context,
      MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listen_socket,
      MHD_OPTION_THREAD_POOL_SIZE, threads,
      MHD_OPTION_CONNECTION_LIMIT, connections_max,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections_per_address_max,
      MHD_OPTION_CONNECTION_TIMEOUT, timeout_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory_bytes,
      MHD_OPTION_NOTIFY_COMPLETED, completed, context,
      MHD_OPTION_NOTIFY_CONNECTION, connection, context,
      MHD_OPTION_END);
}

// Variadic, too.
static inline int freshet_mhd_socket(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? (int)info->connect_fd : -1;
}

static inline int freshet_mhd_connection_started(enum MHD_ConnectionNotificationCode code) {
  return code == MHD_CONNECTION_NOTIFY_STARTED;
}
