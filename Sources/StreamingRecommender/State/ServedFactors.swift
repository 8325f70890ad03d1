import Factorization

/// The published user vectors of one partition, by user index, in copy-on-write chunks.
public struct ServedFactors: Sendable {
  /// Whether a user has a vector and whether it is up to date.
  public enum State: UInt8, Sendable {
    case none
    /// The vector matches the current history and model.
    case current
    /// The history or the model has changed since the vector was computed.
    case stale
  }

  private struct Chunk: Sendable {
    var states: [UInt8]
    var values: [Float]
  }

  /// Users per chunk.
  private static let chunkSize = 512

  public let factors: Int
  private var chunks: [Chunk] = []

  public init(factors: Int) { self.factors = factors }

  public func state(_ user: Int32) -> State {
    let chunk = Int(user) / Self.chunkSize
    guard chunk < chunks.count else { return .none }
    return State(rawValue: chunks[chunk].states[Int(user) % Self.chunkSize])!
  }

  /// A copy of the vector, `factors` floats; `nil` if the user has none.
  public func vector(_ user: Int32) -> [Float]? { withVector(user) { Array($0) } }

  public func withVector<R>(_ user: Int32, _ body: (UnsafeBufferPointer<Float>) -> R) -> R? {
    guard state(user) != .none else { return nil }
    let start = Int(user) % Self.chunkSize * factors
    return chunks[Int(user) / Self.chunkSize].values.withUnsafeBufferPointer {
      body(UnsafeBufferPointer(rebasing: $0[start..<(start + factors)]))
    }
  }

  /// Stores the vector of a user, `factors` floats.
  public mutating func set(_ user: Int32, to vector: UnsafePointer<Float>, state: State = .current) {
    grow(toHold: user)
    let (chunk, local) = (Int(user) / Self.chunkSize, Int(user) % Self.chunkSize)
    chunks[chunk].states[local] = state.rawValue
    let factors = self.factors
    chunks[chunk].values.withUnsafeMutableBufferPointer { values in
      (values.baseAddress! + local * factors).update(from: vector, count: factors)
    }
  }

  /// Marks the vector of the user as stale.
  public mutating func markStale(_ user: Int32) {
    if state(user) == .current { chunks[Int(user) / Self.chunkSize].states[Int(user) % Self.chunkSize] = State.stale.rawValue }
  }

  public mutating func remove(_ user: Int32) {
    guard state(user) != .none else { return }
    let zeros = [Float](repeating: 0, count: factors)
    set(user, to: zeros, state: .none)
  }

  private mutating func grow(toHold user: Int32) {
    while chunks.count <= Int(user) / Self.chunkSize {
      chunks.append(
        Chunk(
          states: [UInt8](repeating: 0, count: Self.chunkSize), values: [Float](repeating: 0, count: Self.chunkSize * factors)))
    }
  }

  var bytes: Int { chunks.count * Self.chunkSize * (factors * 4 + 1) }
}
