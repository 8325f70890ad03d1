/// A method that is evaluated with protocol P2: it ranks an event's item and then learns the event.
public protocol PrequentialRanker {
  /// Called once after the warm-up, to train on the events learned so far.
  mutating func finishWarmUp()
  mutating func place(of event: PrequentialEvent) -> PrequentialPlace
  /// Returns whether the first `k` items of the list published when the event arrived include its item; `nil` if the method publishes no
  /// lists.
  mutating func published(_ event: PrequentialEvent, k: Int) -> Bool?
  mutating func learn(_ event: PrequentialEvent)
  /// Publishes a new list for the event's user; returns false if the method publishes no lists. Not called during the warm-up.
  mutating func publish(after event: PrequentialEvent) -> Bool
  /// Performs work after an event other than learning and publishing, such as retrains. Not called during the warm-up.
  mutating func maintain()
  var training: PrequentialTraining { get }
}

extension PrequentialRanker {
  public mutating func finishWarmUp() {}
  public mutating func published(_ event: PrequentialEvent, k: Int) -> Bool? { nil }
  public mutating func publish(after event: PrequentialEvent) -> Bool { false }
  public mutating func maintain() {}
  public var training: PrequentialTraining { PrequentialTraining() }
}

/// The number and duration of a method's trainings, including the first.
public struct PrequentialTraining: Sendable, Equatable {
  public internal(set) var accepted = 0
  public internal(set) var rejected = 0
  public internal(set) var seconds = 0.0
  public init() {}
}
