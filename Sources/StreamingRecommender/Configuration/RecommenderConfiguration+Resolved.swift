import Foundation

extension RecommenderConfiguration {
  /// The same configuration with the values that depend on the machine: id, directories, group membership.
  ///
  /// `kafka.group_instance_id` stays `none` for a dynamic member.
  public func resolved(
    isRoot: Bool = getuid() == 0, environment: [String: String] = ProcessInfo.processInfo.environment,
    hostName: String = ProcessInfo.processInfo.hostName, homeDirectory: String = NSHomeDirectory()
  ) -> RecommenderConfiguration {
    var resolved = self
    if instance.id.isEmpty { resolved.instance.id = Self.name(from: hostName) }
    if instance.dataDirectory.isEmpty {
      resolved.instance.dataDirectory = Self.dataDirectory(isRoot: isRoot, environment: environment, homeDirectory: homeDirectory)
    }
    if snapshot.directory.isEmpty { resolved.snapshot.directory = resolved.instance.dataDirectory + "/snapshots" }
    if kafka.groupInstanceID.isEmpty { resolved.kafka.groupInstanceID = Self.memberName(of: resolved.instance) }
    return resolved
  }

  private static func dataDirectory(isRoot: Bool, environment: [String: String], homeDirectory: String) -> String {
    if isRoot { return "/var/lib/freshet" }
    // The XDG specification asks to ignore a relative path.
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/freshet" }
    return homeDirectory + "/.local/state/freshet"
  }

  /// The name of a static member: the same after a restart, and another for a second engine of this host, whose data directory
  /// differs. With one name the two would fence each other in turn.
  static func memberName(of instance: Instance) -> String {
    let path = URL(fileURLWithPath: instance.dataDirectory).standardizedFileURL.path
    // FNV-1a: stable over processes and versions, unlike `Hasher`.
    let hash = path.utf8.reduce(UInt32(0x811c_9dc5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    let digits = String(hash, radix: 16)
    return instance.id + "-" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// A host name as an id: characters that Kafka and file names do not allow become `-`.
  private static func name(from hostName: String) -> String {
    let allowed = hostName.prefix(128).map { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "._-".contains($0) ? $0 : "-" }
    return allowed.isEmpty ? "freshet" : String(allowed)
  }
}
