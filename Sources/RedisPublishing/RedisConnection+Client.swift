// Connections as the server names them.
extension RedisConnection {
  /// The id of this connection at the server.
  func clientID() throws -> Int64 {
    let reply = try exchange(["CLIENT", "ID"])
    if case .error(let text) = reply { throw Self.refused(text, "CLIENT ID", right: "+client|id") }
    guard let id = reply.integer else { throw RedisError(.protocol, "\(address) answered CLIENT ID with \(reply)") }
    return id
  }

  /// Whether `id` now names a connection of another program, as it may after a restart of the server.
  ///
  /// False when that cannot be told: `name` is `nil`, or CLIENT LIST is not permitted.
  func isForeignClient(_ id: Int64, unlessNamed name: String?) throws -> Bool {
    guard let name, let listed = try exchange(["CLIENT", "LIST", "ID", "\(id)"]).text, !listed.isEmpty else { return false }
    return !listed.split(separator: " ").contains("name=\(name)")
  }

  /// Ends another connection at the server, so that whatever it sent and the server has not executed yet never is.
  ///
  /// Without an id nothing is ended, but a missing permission is found now and not when it matters.
  func killClient(_ id: Int64?) throws {
    // SKIPME is the default: this connection is spared.
    let reply = try exchange(["CLIENT", "KILL", "ID", "\(id ?? .max)", "TYPE", "normal"])
    if case .error(let text) = reply { throw Self.refused(text, "CLIENT KILL", right: "+client|kill") }
  }

  /// Ends all other connections with the name of this one but `client`, and returns their number: a process that was killed left them
  /// behind, and what it sent may still be on its way.
  func killNamesakes(_ name: String, except client: Int64) throws -> Int {
    guard let listed = try exchange(["CLIENT", "LIST", "TYPE", "normal"]).text else { return 0 }
    var ended = 0
    for line in listed.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.contains("name=\(name)"), let id = fields.first(where: { $0.hasPrefix("id=") }).flatMap({ Int64($0.dropFirst(3)) }),
        id != client
      else { continue }
      try killClient(id)
      ended += 1
    }
    return ended
  }

  private static func refused(_ text: String, _ command: String, right: String) -> RedisError {
    let error = RedisError(reply: text)
    return RedisError(
      error.kind,
      "\(error.message) to \(command), without which a connection that timed out could still overwrite newer data (ACL right \(right))")
  }
}
