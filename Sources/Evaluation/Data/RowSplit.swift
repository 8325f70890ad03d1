import Factorization

/// Which rows of a file are held out for a test, in a split whose parts are files for other programs.
public struct RowSplit: Sendable, Equatable {
  /// What decides: one time for all users, the order of each user's rows, or chance.
  public enum Rule: String, Sendable, CaseIterable { case time, user, random }

  /// A value for each row.
  public let isTest: [Bool]
  /// The time at which the test part begins, in milliseconds since 1970; `nil` unless one time decides.
  public let cutMilliseconds: Int64?

  public var testRows: Int { isTest.count { $0 } }

  /// Splits at one time for all users, so that nothing in the training part is newer than anything in the test part.
  ///
  /// - Parameters:
  ///   - times: in milliseconds since 1970, a value for each row.
  ///   - testShare: the minimum share of the test part; rows of the time of the cut are all in it.
  /// - Throws: `HoldoutError` if a part would be empty.
  public init(times: [Int64], testShare: Double) throws(HoldoutError) {
    let sorted = times.sorted()
    guard let cut = HoldoutTimeSplit.moment(sorted, before: testShare) else { throw HoldoutError(.oneMoment) }
    try self.init(times.map { $0 >= cut }, cut: cut)
  }

  /// Holds out the newest rows of each user. Rows of other users in the training part may be newer than a test row.
  ///
  /// - Parameters:
  ///   - users: the number of each row's user.
  ///   - testShare: the share of each user's rows, rounded; those of the time of the user's cut are all in the test part. A user whose rows
  ///     are all of one time, or who has one row, is in the training part.
  public init(users: [Int32], times: [Int64], testShare: Double) throws(HoldoutError) {
    var isTest = [Bool](repeating: false, count: users.count)
    let order = users.indices.sorted { (users[$0], times[$0], $0) < (users[$1], times[$1], $1) }
    var start = 0
    while start < order.count {
      let rows = order[start...].prefix { users[$0] == users[order[start]] }
      let own = rows.map { times[$0] }
      if let cut = HoldoutTimeSplit.moment(own, before: testShare), cut > own[0] {
        for row in rows where times[row] >= cut { isTest[row] = true }
      }
      start += rows.count
    }
    try self.init(isTest, cut: nil)
  }

  /// Holds out rows by chance, as is usual for ratings; times play no part.
  public init(rows: Int, seed: UInt64, testShare: Double) throws(HoldoutError) {
    var isTest = [Bool](repeating: false, count: rows)
    var generator = SplitMix64(seed: seed)
    for row in (0..<rows).shuffled(using: &generator).prefix(Int((Double(rows) * testShare).rounded())) { isTest[row] = true }
    try self.init(isTest, cut: nil)
  }

  private init(_ isTest: [Bool], cut: Int64?) throws(HoldoutError) {
    let testRows = isTest.count { $0 }
    if testRows == isTest.count { throw HoldoutError(.nothingToTrainOn) }
    if testRows == 0 { throw HoldoutError(.nothingToTest) }
    self.isTest = isTest
    cutMilliseconds = cut
  }
}
