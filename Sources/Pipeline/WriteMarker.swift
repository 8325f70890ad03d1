import StreamingRecommender

/// A value that a publisher writes after each pipeline: if the view contains it, everything written before it is there too.
///
/// This holds because a view loses either only its newest writes (a crash between two fsyncs, a failover to a replica, an older dump) or
/// all of them.
public struct WriteMarker: Equatable, Sendable {
  /// Unique for each publisher object.
  public var token: String
  /// The number of this publisher's pipelines that failed; see `WriteProof`.
  public var generation: UInt64
  /// The highest ticket that was complete when the marker was written; 0 before the first.
  public var ticket: UInt64

  public init(token: String, generation: UInt64, ticket: UInt64) {
    self.token = token
    self.generation = generation
    self.ticket = ticket
  }

  /// The stored form: `<token> <generation> <ticket>`.
  public var text: String { "\(token) \(generation) \(ticket)" }

  public init?(text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, let generation = UInt64(parts[1]), let ticket = UInt64(parts[2]) else { return nil }
    self.init(token: String(parts[0]), generation: generation, ticket: ticket)
  }
}
