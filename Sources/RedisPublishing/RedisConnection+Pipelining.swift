/// Several commands with one round trip.
extension RedisConnection {
  /// Executes the commands and returns their replies in order; an error reply is returned like any other.
  public func pipelined(_ commands: [[String]]) throws -> [RedisReply] {
    try pipelined(commands.map { $0.map { RESPWriter.Argument.text($0) } })
  }

  func pipelined(_ commands: [[RESPWriter.Argument]]) throws -> [RedisReply] {
    guard !commands.isEmpty else { return [] }
    var writer = RESPWriter()
    for command in commands { writer.append(command) }
    try send(writer.bytes)
    var replies: [RedisReply] = []
    replies.reserveCapacity(commands.count)
    for _ in commands { replies.append(try nextReply()) }
    try expectNoMore()
    return replies
  }
}
