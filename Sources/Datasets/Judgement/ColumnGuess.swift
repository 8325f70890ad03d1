/// What the columns of a sample seem to hold, judged by their cells alone.
struct ColumnGuess {
  private(set) var columns: [InteractionField: Int] = [:]

  init(_ profile: SampleProfile) {
    let all = profile.columns
    var free = all.indices.filter { all[$0].filled > 0 }
    func take(_ field: InteractionField, _ fits: (ColumnProfile) -> Bool, by rank: (ColumnProfile) -> Double) {
      guard let best = free.filter({ fits(all[$0]) }).max(by: { rank(all[$0]) < rank(all[$1]) }) else { return }
      columns[field] = best
      free.removeAll { $0 == best }
    }
    take(.time, { $0.canBeTimes }, by: { Double($0.dates > 0 ? 2 : 1) + $0.distinctShare })
    take(.type, { $0.areTypes && !$0.areNumbers }, by: { $0.share($0.typeWords) })
    take(.value, { $0.areRatings && $0.distinct >= 4 && free.count > 2 }, by: { Double($0.distinct) })
    // Ids: neither times, nor numbers of rows, nor different in every row, nor a handful of categories. Where too few are left, the
    // conditions are dropped one by one.
    let conditions: [(ColumnProfile) -> Bool] = [
      { !$0.canBeTimes }, { !$0.isSerial && !$0.areUUIDs }, { $0.filled >= $0.empty },
      { $0.filled < 20 || $0.distinct * 20 > $0.filled.squareRoot() }, { $0.filled < 100 || $0.distinctShare < 0.97 },
    ]
    var candidates = free
    for count in (0...conditions.count).reversed() {
      candidates = free.filter { column in conditions[..<count].allSatisfy { $0(all[column]) } }
      if candidates.count >= 2 { break }
    }
    guard candidates.count >= 2 else { return }
    (columns[.user], columns[.item]) = (candidates[0], candidates[1])
    let (first, second) = (all[candidates[0]], all[candidates[1]])
    if first.share(first.codes.total) >= 0.9, second.share(second.codes.total) < 0.5 {
      (columns[.user], columns[.item]) = (candidates[1], candidates[0])
    }
  }

  var isComplete: Bool { columns[.user] != nil && columns[.item] != nil }
}

extension Int {
  fileprivate func squareRoot() -> Int { Int(Double(self).squareRoot()) }
}
