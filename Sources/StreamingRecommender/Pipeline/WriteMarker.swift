/// A value that a publisher writes behind each pipeline: where it stands in the view, everything written before it stands too.
///
/// This holds because a view loses writes from the newest end only (a crash between two fsyncs, a failover to a replica, an older
/// dump) or all of them.
public struct WriteMarker: Equatable, Sendable {
  /// Unique for each publisher object.
  public var token: String
  /// Counts the pipelines of this publisher that failed, see `WriteProof`.
  public var generation: UInt64
  /// The highest ticket that was complete when the marker was written; 0 before the first.
  public var ticket: UInt64

  public init(token: String, generation: UInt64, ticket: UInt64) {
    self.token = token
    self.generation = generation
    self.ticket = ticket
  }

  /// As it stands in the view: `<token> <generation> <ticket>`.
  public var text: String { "\(token) \(generation) \(ticket)" }

  public init?(text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, let generation = UInt64(parts[1]), let ticket = UInt64(parts[2]) else { return nil }
    self.init(token: String(parts[0]), generation: generation, ticket: ticket)
  }
}
