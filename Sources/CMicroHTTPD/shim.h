#pragma once
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <stdint.h>
#include <string.h>

// The library's enums are closed, so their cases do not come into Swift as constants.
static const enum MHD_Result freshet_mhd_yes = MHD_YES;
static const enum MHD_Result freshet_mhd_no = MHD_NO;
static const enum MHD_ResponseMemoryMode freshet_mhd_must_copy = MHD_RESPMEM_MUST_COPY;
static const enum MHD_ValueKind freshet_mhd_headers = MHD_HEADER_KIND;
static const enum MHD_ValueKind freshet_mhd_query = MHD_GET_ARGUMENT_KIND;

typedef gnutls_certificate_retrieve_function3 *freshet_tls_certificate_callback;

// What MHD_start_daemon takes.
struct freshet_mhd_settings {
  int listen_socket;
  int is_ipv6;
  unsigned int threads;
  unsigned int connections_max;
  unsigned int connections_per_address_max;
  unsigned int timeout_seconds;
  size_t connection_memory_bytes;
  MHD_AccessHandlerCallback handler;
  MHD_RequestCompletedCallback completed;
  MHD_NotifyConnectionCallback connection;
  // NULL for a server without TLS.
  freshet_tls_certificate_callback certificate;
  // GnuTLS' priority string.
  const char *tls_priorities;
  void *context;
};

// Escapes stay as they were sent: a resolved slash could not be told from one that separates segments, and a NUL would end the string.
static inline size_t freshet_mhd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  return strlen(text);
}

// Notes the length of the request's target before the library cuts it into pieces: it ends at the first NUL, and a request line that goes on
// after that has one. The result is the state of the request until the handler sets another; it is odd, which no pointer is.
static inline void *freshet_mhd_note_target(void *context, const char *target, struct MHD_Connection *connection) {
  (void)context;
  (void)connection;
  return (void *)((uintptr_t)strlen(target) << 1 | 1);
}

static inline int freshet_mhd_is_note(const void *state) { return ((uintptr_t)state & 1) != 0; }

// Whether the target that was noted is shorter than the one in the request line. `target` and `version` point into that line, where the
// version stands one byte behind the target.
static inline int freshet_mhd_has_nul(const void *state, const char *target, const char *version, size_t line_bytes_max) {
  if (!freshet_mhd_is_note(state) || !target || !version || version <= target) return 0;
  size_t length = (size_t)(version - target) - 1;
  return length <= line_bytes_max && length > (uintptr_t)state >> 1;
}

// MHD_start_daemon is variadic, which Swift cannot call.
static inline struct MHD_Daemon *freshet_mhd_start(const struct freshet_mhd_settings *settings) {
#ifdef __linux__
  unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD;
#else
  unsigned int flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD;
#endif
  flags |= MHD_ALLOW_SUSPEND_RESUME;
  if (settings->is_ipv6) flags |= MHD_USE_IPv6;
  if (settings->certificate) flags |= MHD_USE_TLS;
  struct MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)settings->tls_priorities},
      {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)settings->certificate},
      {MHD_OPTION_END, 0, NULL},
  };
  if (!settings->certificate) tls[0].option = MHD_OPTION_END;
  return MHD_start_daemon(
      flags, 0, NULL, NULL, settings->handler, settings->context,
      MHD_OPTION_LISTEN_SOCKET, (MHD_socket)settings->listen_socket,
      MHD_OPTION_THREAD_POOL_SIZE, settings->threads,
      MHD_OPTION_CONNECTION_LIMIT, settings->connections_max,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, settings->connections_per_address_max,
      MHD_OPTION_CONNECTION_TIMEOUT, settings->timeout_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->connection_memory_bytes,
      MHD_OPTION_NOTIFY_COMPLETED, settings->completed, settings->context,
      MHD_OPTION_NOTIFY_CONNECTION, settings->connection, settings->context,
      MHD_OPTION_UNESCAPE_CALLBACK, freshet_mhd_keep_escapes, NULL,
      MHD_OPTION_URI_LOG_CALLBACK, freshet_mhd_note_target, NULL,
      MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_ARRAY, tls,
      MHD_OPTION_END);
}

// Variadic, too.
static inline int freshet_mhd_socket(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? (int)info->connect_fd : -1;
}

static inline const struct sockaddr *freshet_mhd_client_address(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return info ? info->client_addr : NULL;
}

// What the function that is told of new connections stored for this one.
static inline void *freshet_mhd_socket_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

static inline int freshet_mhd_connection_started(enum MHD_ConnectionNotificationCode code) {
  return code == MHD_CONNECTION_NOTIFY_STARTED;
}
