import CMicroHTTPD
import Synchronization
import Telemetry

/// The credentials for new handshakes. Those before stay until handshakes that use them have ended or timed out.
final class TLSCredentialStore: Sendable {
  private struct Retired: Sendable {
    let credentials: TLSCredentials
    let at: UInt64
  }

  private struct State: Sendable {
    var current: TLSCredentials
    var retired: [Retired] = []
  }

  /// No TLS before 1.2, which the library would accept.
  static let priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
  /// Far more than a handshake may take.
  private static let retentionNanoseconds: UInt64 = 300_000_000_000

  private let state: Mutex<State>

  init(_ credentials: TLSCredentials) { state = Mutex(State(current: credentials)) }

  var current: TLSCredentials { state.withLock { $0.current } }

  func replace(_ credentials: TLSCredentials, now: UInt64 = MonotonicClock.nanoseconds()) {
    state.withLock { state in
      state.retired.removeAll { now > $0.at + Self.retentionNanoseconds }
      state.retired.append(Retired(credentials: state.current, at: now))
      state.current = credentials
    }
  }

  /// Called by GnuTLS in each handshake, on a thread of the server.
  static let retrieve: freshet_tls_certificate_callback = { session, _, certificates, count, staples, stapleCount, key, flags in
    guard let connection = gnutls_session_get_ptr(session),
      let context = freshet_mhd_socket_context(OpaquePointer(connection)),
      let credentials = Unmanaged<ServerContext>.fromOpaque(context).takeUnretainedValue().tls?.current
    else { return -1 }
    certificates?.pointee = credentials.certificates
    count?.pointee = credentials.count
    key?.pointee = credentials.key
    staples?.pointee = nil
    stapleCount?.pointee = 0
    // GnuTLS frees nothing.
    flags?.pointee = 0
    return 0
  }
}
