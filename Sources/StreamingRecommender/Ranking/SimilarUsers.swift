/// Finds the users whose vectors have the highest cosine similarity to that of one user. The cost is one pass over all vectors.
public struct SimilarUsers: Sendable {
  /// A user and the cosine of the angle between the vectors, -1 to 1.
  public struct Match: Sendable, Equatable {
    public var user: Identifier
    public var score: Float
  }

  private let users: UserPartitions
  private let user: UserReference
  private let vector: [Float]

  /// `nil` if the user has no vector, or a vector of zeros.
  package init?(_ state: EngineState, of user: UserReference) {
    guard let vector = state.users.vector(user), vector.contains(where: { $0 != 0 }) else { return nil }
    users = state.users.frozen(withVectors: true)
    self.user = user
    self.vector = vector
  }

  /// The `n` most similar other users, best first; of equal ones the one that came first.
  package func matches(_ n: Int) -> [Match] {
    let length = vector.withUnsafeBufferPointer { Self.dot($0, $0) }.squareRoot()
    var best: [(score: Float, user: UserReference)] = []
    for other in users.references where other != user {
      let score = users.withVector(other) { values in
        let square = Self.dot(values, values)
        return square > 0 ? vector.withUnsafeBufferPointer { Self.dot(values, $0) } / (length * square.squareRoot()) : -.infinity
      }
      guard let score, score > -.infinity, best.count < n || score > best[best.count - 1].score else { continue }
      let place = best.firstIndex { $0.score < score } ?? best.count
      best.insert((score, other), at: place)
      if best.count > n { best.removeLast() }
    }
    return best.map { Match(user: Identifier(users.name($0.user)), score: min(1, $0.score)) }
  }

  private static func dot(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>) -> Float {
    var sum: Float = 0
    for index in 0..<min(a.count, b.count) { sum += a[index] * b[index] }
    return sum
  }
}
