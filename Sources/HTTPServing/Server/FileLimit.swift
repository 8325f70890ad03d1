#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The limit of open files of this process.
enum FileLimit {
  /// For everything that is no connection of the server: Kafka, Redis, snapshots, logs.
  private static let others = 128

  /// Raises the soft limit as far as the connections of a server need it; returns the limit and the need if it cannot.
  static func shortage(connections: Int) -> (has: Int, needs: Int)? {
    let needs = rlim_t(connections + others)
    var limit = rlimit()
    #if canImport(Glibc)
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let resource = RLIMIT_NOFILE
    #endif
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < needs else { return nil }
    let before = Int(limit.rlim_cur)
    guard limit.rlim_max >= needs else { return (Int(limit.rlim_max), Int(needs)) }
    limit.rlim_cur = needs
    return setrlimit(resource, &limit) == 0 ? nil : (before, Int(needs))
  }
}
