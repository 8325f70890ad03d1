import StreamingRecommender

/// Derives from the `WriteMarker` in the view which of a publisher's writes it contains.
///
/// A pipeline that was partly refused, or whose replies were lost, may have written its marker without all of its commands. Each such
/// pipeline therefore ends a generation: a marker of that generation proves at most what was acknowledged when it ended.
public struct WriteProof: Sendable {
  private struct Ended {
    var generations: ClosedRange<UInt64>
    var ticket: UInt64
  }

  public let token: String
  private var generation: UInt64 = 0
  private var acknowledged: UInt64 = 0
  private var ended: [Ended] = []

  private static let endedMax = 64

  public init(token: String = String(UInt64.random(in: 1...UInt64.max), radix: 16)) { self.token = token }

  /// Returns the marker to write after a pipeline that completes `ticket`, or after one that completes none.
  public func marker(completing ticket: UInt64?) -> WriteMarker {
    WriteMarker(token: token, generation: generation, ticket: max(acknowledged, ticket ?? 0))
  }

  public mutating func acknowledge(_ ticket: UInt64) { acknowledged = max(acknowledged, ticket) }

  /// Starts a new generation. Call it after acknowledging what could be acknowledged of the failed pipeline.
  public mutating func pipelineFailed() {
    if let last = ended.last, last.ticket == acknowledged {
      ended[ended.count - 1].generations = last.generations.lowerBound...generation
    } else {
      ended.append(Ended(generations: generation...generation, ticket: acknowledged))
      if ended.count > Self.endedMax { ended.removeFirst() }
    }
    generation += 1
  }

  /// Returns the ticket through which this publisher's acknowledged writes are proved to be in a view that contains `marker`.
  ///
  /// It is 0 while nothing was acknowledged, and `nil` if nothing can be proved.
  public func survivingTicket(_ marker: WriteMarker?) -> UInt64? {
    guard acknowledged > 0 else { return 0 }
    guard let marker, marker.token == token else { return nil }
    if marker.generation == generation { return min(marker.ticket, acknowledged) }
    return ended.last { $0.generations.contains(marker.generation) }.map { min(marker.ticket, $0.ticket) }
  }

  /// The view was read and contains `marker`: from now on no marker claims more than what it proves, so that a loss stays visible until
  /// somebody has heard of it.
  public mutating func fallBack(to marker: WriteMarker?) {
    guard showsLoss(marker) else { return }
    let surviving = survivingTicket(marker) ?? 0
    acknowledged = surviving
    for index in ended.indices { ended[index].ticket = min(ended[index].ticket, surviving) }
    pipelineFailed()
  }

  /// Returns whether acknowledged writes may be missing from a view that contains `marker`.
  public func showsLoss(_ marker: WriteMarker?) -> Bool { survivingTicket(marker).map { $0 < acknowledged } ?? true }
}
