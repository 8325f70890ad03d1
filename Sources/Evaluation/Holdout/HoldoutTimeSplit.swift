import Factorization
import StreamingRecommender

/// A global split at a time: what happened before it is trained on, what came at it or later is the test. One split for all users,
/// because a split per user lets the training see the future (Ji et al., arXiv 2010.11060).
public struct HoldoutTimeSplit: Sendable {
  /// Users and items of the training alone.
  public let training: StaticPairs
  /// Users that the training knows, with their liked test pairs, those of the training left out.
  public let users: [HeldOutUser]
  /// Users that it does not know; their rows are all empty.
  public let coldUsers: [HeldOutUser]
  /// The first moment of the test, milliseconds since 1970.
  public let splitMilliseconds: Int64
  /// Test pairs left out because the training has them.
  public let repeatedPairs: Int

  /// - Parameters:
  ///   - interactions: read with times.
  ///   - testShare: of the interactions, at least; those of one moment stay together.
  ///   - setAside: share of the interactions after the test, which nobody may look at; for a validation before a test.
  /// - Throws: `HoldoutError` when a side would be empty, or no user that the training knows has anything to be tested with.
  public init(_ interactions: StaticInteractions, testShare: Double, setAside: Double = 0) throws(HoldoutError) {
    var times = interactions.times
    times.sort()
    guard let start = Self.moment(times, before: testShare + setAside) else { throw HoldoutError(.oneMoment) }
    let end = setAside > 0 ? Self.moment(times, before: setAside) ?? .max : .max
    guard let first = times.first, let last = times.last, first < start else { throw HoldoutError(.nothingToTrainOn) }
    guard start <= last, start < end else { throw HoldoutError(.nothingToTest) }
    splitMilliseconds = start
    let training = Self.pairs(interactions) { $0.time < start }
    let test = Self.pairs(interactions) { $0.time >= start && $0.time < end }
    self.training = training
    let known = HeldOutUser.users(of: test, knownTo: training)
    users = known.compactMap { $0.withoutHistory(training.matrix) }
    guard !users.isEmpty else { throw HoldoutError(.nothingToTest) }
    repeatedPairs = known.reduce(0) { $0 + $1.items.count } - users.reduce(0) { $0 + $1.items.count }
    coldUsers = HeldOutUser.users(of: test, unknownTo: training)
  }

  /// The time of the first interaction of the last `share`; earlier ones of that very moment belong to what follows, too.
  private static func moment(_ times: [Int64], before share: Double) -> Int64? {
    let kept = Int((Double(times.count) * (1 - share)).rounded())
    return times.indices.contains(kept) ? times[kept] : nil
  }

  /// Some of the interactions, with places only for the ids that occur in them.
  private static func pairs(_ interactions: StaticInteractions, where isKept: (StaticInteractions.Event) -> Bool) -> StaticPairs {
    var hasUser = [Bool](repeating: false, count: interactions.users.capacity)
    var hasItem = [Bool](repeating: false, count: interactions.items.capacity)
    interactions.visit { event in
      guard isKept(event) else { return }
      hasUser[Int(event.user)] = true
      hasItem[Int(event.item)] = true
    }
    return StaticPairs(
      interactions, users: StaticIdentifiers(interactions.users) { hasUser[Int($0)] },
      items: StaticIdentifiers(interactions.items) { hasItem[Int($0)] }, where: isKept)
  }
}

/// Why a data set cannot be split.
public struct HoldoutError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable { case oneMoment, nothingToTrainOn, nothingToTest, tooFewUsers(users: Int, folds: Int) }
  public let code: Code

  init(_ code: Code) { self.code = code }

  public var description: String {
    switch code {
    case .oneMoment: "the split leaves one side empty: choose another --test-share"
    case .nothingToTrainOn: "nothing is left to train on: the times are all the same, there are too few users, or --test-share is too large"
    case .nothingToTest: "no held-out user has anything to be tested with: choose a larger --test-share"
    case .tooFewUsers(let users, let folds): "\(users) users cannot be cut into \(folds) folds"
    }
  }
}

extension HeldOutUser {
  /// Without test items that lists leave out because the user has them; `nil` if nothing is left.
  func withoutHistory(_ histories: InteractionMatrix) -> HeldOutUser? {
    let seen = Array(histories.columns(of: row))
    let left = HeldOutUser(user: user, row: row, items: items.filter { !seen.containsSorted($0) }, unknownItems: unknownItems)
    return left.testItems == 0 ? nil : left
  }

  /// Users of a test set that the training has never seen; `row` counts them.
  static func users(of test: StaticPairs, unknownTo training: StaticPairs) -> [HeldOutUser] {
    let columns = (0..<test.items.count).map { test.items.withName($0) { training.items.place(of: $0) } }
    var cold: [HeldOutUser] = []
    for row in 0..<test.matrix.rows where test.users.withName(row, { training.users.place(of: $0) }) == nil {
      let liked = test.matrix.likedColumns(of: row)
      let items = liked.compactMap { columns[Int($0)] }
      guard !liked.isEmpty else { continue }
      cold.append(HeldOutUser(user: row, row: cold.count, items: items, unknownItems: liked.count - items.count))
    }
    return cold
  }
}
