import Foundation

extension RecommenderConfiguration {
  /// Returns the configuration with machine-dependent values filled in: instance id, directories and group membership.
  ///
  /// `kafka.group_instance_id` remains `none` for a dynamic member.
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
    // The XDG specification requires that relative paths be ignored.
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/freshet" }
    return homeDirectory + "/.local/state/freshet"
  }

  /// Returns the name of a static group member. It is the same after a restart and differs for a second engine on this host, which has
  /// another data directory. With the same name, the two engines would fence each other repeatedly.
  static func memberName(of instance: Instance) -> String {
    let path = URL(fileURLWithPath: instance.dataDirectory).standardizedFileURL.path
    let digits = String(path.utf8.fnv1a, radix: 16)
    return instance.id + "-" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// Converts a host name to an id: characters that Kafka or file names do not allow become `-`.
  private static func name(from hostName: String) -> String {
    let allowed = hostName.prefix(128).map { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "._-".contains($0) ? $0 : "-" }
    return allowed.isEmpty ? "freshet" : String(allowed)
  }
}
