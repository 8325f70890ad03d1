/// What a Redis server says of its memory.
public struct ServerMemory: Sendable, Equatable {
  public var usedBytes: Int
  /// 0 for no limit.
  public var limitBytes: Int
  public var policy: String

  /// Reads the answer to `INFO memory`; `nil` if it has no `used_memory`.
  public init?(info: String) {
    var fields: [Substring: Substring] = [:]
    for line in info.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon]] = line[line.index(after: colon)...]
    }
    guard let used = fields["used_memory"].flatMap({ Int($0) }) else { return nil }
    usedBytes = used
    limitBytes = fields["maxmemory"].flatMap { Int($0) } ?? 0
    policy = fields["maxmemory_policy"].map(String.init) ?? "noeviction"
  }
}

extension RedisReader {
  /// What the server says of its memory; needs the permission `+info`, which readers do not have otherwise.
  public func serverMemory() throws -> ServerMemory {
    guard let memory = try connectionText(["INFO", "memory"]).flatMap({ ServerMemory(info: $0) }) else {
      throw RedisError(.foreign, "INFO memory did not name the memory in use")
    }
    return memory
  }
}
