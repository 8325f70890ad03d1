import Factorization
import StreamingRecommender

/// A global split by time: earlier interactions are for training, later ones for testing. All users are split at the same time, because a
/// split per user lets the training use later events (Ji et al., arXiv 2010.11060).
public struct HoldoutTimeSplit: Sendable {
  /// The training pairs; users and items that occur only in the test part are not included.
  public let training: StaticPairs
  /// Users of the training set with liked test pairs that are not in the training set.
  public let users: [HeldOutUser]
  /// Users that are not in the training set; their rows are empty.
  public let coldUsers: [HeldOutUser]
  /// The start of the test part in milliseconds since 1970.
  public let splitMilliseconds: Int64
  /// The number of test pairs left out because they are also in the training set.
  public let repeatedPairs: Int

  /// - Parameters:
  ///   - interactions: must have been read with times.
  ///   - testShare: the minimum share of the interactions in the test part; those of the same time are not separated.
  ///   - setAside: the share of the interactions after the test part that is not used; for a validation that precedes a test.
  /// - Throws: `HoldoutError` if a part would be empty, or no user of the training set has a test pair.
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

  /// Returns the time of the first interaction of the last `share`; all interactions of that time belong to the later part.
  static func moment(_ times: [Int64], before share: Double) -> Int64? {
    let kept = Int((Double(times.count) * (1 - share)).rounded())
    return times.indices.contains(kept) ? times[kept] : nil
  }

  /// Returns the selected interactions as pairs, with only the ids that occur in them.
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
  /// Returns the user without test items that are in its history; `nil` if none is left.
  func withoutHistory(_ histories: InteractionMatrix) -> HeldOutUser? {
    let seen = Array(histories.columns(of: row))
    let left = HeldOutUser(user: user, row: row, items: items.filter { !seen.containsSorted($0) }, unknownItems: unknownItems)
    return left.testItems == 0 ? nil : left
  }

  /// Returns the users of a test set that are not in the training set; `row` counts them.
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
